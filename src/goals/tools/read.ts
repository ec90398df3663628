import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { type Entry, openEntry, said, type ToolContext, within } from "./place.ts";

const parameters = z.object({
  path: z.string().describe("file, relative to the working folder"),
  from: z.number().int().min(1).optional().describe("first line"),
  lines: z.number().int().min(1).optional().describe("how many lines; default 1000"),
});

/** Bytes of a file that can be read. */
const largest = 10 * 2 ** 20;

export function readTool({ folder }: ToolContext): ModelTool {
  return {
    ...{ name: "read", description: "Read a text file.", parameters },
    run: async (args) => {
      const { path, from = 1, lines = 1000 } = args as z.output<typeof parameters>;
      const text = await within(folder, path, false, (at) => readText(at, path));
      const all = text.split("\n");
      const part = all.slice(from - 1, from - 1 + lines);
      const left = all.length - (from - 1 + part.length);
      return said(`${part.join("\n")}${left > 0 ? `\n[${left} more lines]` : ""}`);
    },
  };
}

/**
 * The text of an open file.
 *
 * @throws Error in words for the model.
 */
export async function textOf(handle: FileHandle, path: string): Promise<string> {
  const info = await handle.stat();
  if (!info.isFile()) throw new Error(`${path} is no file`);
  if (info.size > largest) throw new Error(`${path} has ${info.size} bytes, which is too much to read`);
  const bytes = await handle.readFile();
  if (bytes.includes(0)) throw new Error(`${path} is no text (${info.size} bytes)`);
  return bytes.toString("utf8");
}

/** @throws Error in words for the model. */
export async function readText(entry: Entry, path: string): Promise<string> {
  const handle = await openEntry(entry, constants.O_RDONLY);
  try {
    return await textOf(handle, path);
  } finally {
    await handle.close();
  }
}
