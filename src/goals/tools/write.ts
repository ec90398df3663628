import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { openEntry, said, type ToolContext, within } from "./place.ts";

const parameters = z.object({
  path: z.string().describe("file, relative to the working folder"),
  content: z.string(),
});

export function writeTool({ folder }: ToolContext): ModelTool {
  return {
    ...{ name: "write", description: "Write a text file, whatever it held before.", parameters },
    run: async (args) => {
      const { path, content } = args as z.output<typeof parameters>;
      await within(folder, path, true, async (at) => {
        const handle = await openEntry(at, constants.O_WRONLY | constants.O_CREAT);
        try {
          if (!(await handle.stat()).isFile()) throw new Error(`${path} is no file`);
          await replaceText(handle, content);
        } finally {
          await handle.close();
        }
      });
      return said(`wrote ${Buffer.byteLength(content)} bytes to ${path}`);
    },
  };
}

/** Puts a text in the place of what an open file holds. */
export async function replaceText(handle: FileHandle, text: string): Promise<void> {
  await handle.truncate(0);
  await handle.write(text, 0);
}
