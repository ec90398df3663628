import { Worker } from "node:worker_threads";
import picomatch from "picomatch";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { eachFileBelow } from "./files.ts";
import { prefixOf, said, type ToolContext, within } from "./place.ts";
import { readText } from "./read.ts";

const parameters = z.object({
  pattern: z.string().min(1).max(1000).describe("JavaScript regular expression, matched line by line"),
  path: z.string().optional().describe("folder, relative to the working folder; default: all of it"),
  glob: z.string().optional().describe("only files whose path matches, such as **/*.ts"),
});

const most = 200;
/** @param patience milliseconds: some patterns would take for ever on some lines. */
export function searchTool({ folder }: ToolContext, patience = 5000): ModelTool {
  return {
    ...{ name: "search", description: "Find lines in the files of a folder by a pattern.", parameters },
    run: async (args) => {
      const { pattern, path = ".", glob } = args as z.output<typeof parameters>;
      new RegExp(pattern, "u");
      const match = glob === undefined ? () => true : picomatch(glob, { dot: true });
      const files: [string, string][] = [];
      await within(folder, path, false, (at) =>
        eachFileBelow(at, prefixOf(folder, path), async (below, file) => {
          const text = match(below) ? await readText(file, below).catch(() => null) : null;
          if (text !== null) files.push([below, text]);
          return true;
        }),
      );
      const found = await matchingLines(pattern, files, patience);
      return said(found.join("\n") || "nothing found");
    },
  };
}

/** In a thread of its own, which can be ended: a regular expression cannot. */
function matchingLines(
  pattern: string,
  files: readonly [string, string][],
  patience: number,
): Promise<string[]> {
  const code = `
    const { parentPort, workerData: { pattern, files, most } } = require("node:worker_threads");
    const expression = new RegExp(pattern, "u");
    const found = [];
    outer: for (const [path, text] of files)
      for (const [index, line] of text.split("\\n").entries()) {
        if (!expression.test(line)) continue;
        if (found.length === most) { found.push("[only the first " + most + "]"); break outer; }
        found.push(path + ":" + (index + 1) + ": " + line.slice(0, 300));
      }
    parentPort.postMessage(found);`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData: { pattern, files, most } });
    const timer = setTimeout(() => {
      void worker.terminate();
      reject(new Error(`the search took longer than ${patience / 1000} s: write a simpler pattern`));
    }, patience);
    worker.once("message", (found: string[]) => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(found);
    });
    worker.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
