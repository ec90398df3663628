import { relative } from "node:path";
import picomatch from "picomatch";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { filesBelow } from "./files.ts";
import { placeOf, said, type ToolContext } from "./place.ts";

const parameters = z.object({
  path: z.string().optional().describe("folder, relative to the working folder; default: all of it"),
  glob: z.string().optional().describe("only paths that match, such as **/*.ts"),
});

const most = 1000;

export function listTool({ folder }: ToolContext): ModelTool {
  return {
    ...{ name: "list", description: "List the files of a folder and all below it.", parameters },
    run: async (args) => {
      const { path = ".", glob } = args as z.output<typeof parameters>;
      const at = await placeOf(folder, path);
      const match = glob === undefined ? () => true : picomatch(glob, { dot: true });
      const found: string[] = [];
      for await (const below of filesBelow(folder, relative(folder, at))) {
        if (!match(below)) continue;
        if (found.length === most) {
          found.push(`[only the first ${most}]`);
          break;
        }
        found.push(below);
      }
      return said(found.join("\n") || "no files");
    },
  };
}
