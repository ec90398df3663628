import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { placeOf, said, type ToolContext } from "./place.ts";

const parameters = z.object({
  path: z.string().describe("file, relative to the working folder"),
  content: z.string(),
});

export function writeTool({ folder }: ToolContext): ModelTool {
  return {
    ...{ name: "write", description: "Write a text file, whatever it held before.", parameters },
    run: async (args) => {
      const { path, content } = args as z.output<typeof parameters>;
      const at = await placeOf(folder, path);
      await mkdir(dirname(at), { recursive: true });
      await writeFile(at, content);
      return said(`wrote ${Buffer.byteLength(content)} bytes to ${path}`);
    },
  };
}
