import { writeFile } from "node:fs/promises";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { placeOf, said, type ToolContext } from "./place.ts";
import { textOf } from "./read.ts";

const parameters = z.object({
  path: z.string().describe("file, relative to the working folder"),
  old_string: z.string().min(1).describe("text that occurs exactly once in the file"),
  new_string: z.string().describe("what stands there instead"),
});

export function editTool({ folder }: ToolContext): ModelTool {
  return {
    ...{ name: "edit", description: "Replace a piece of text in a file.", parameters },
    run: async (args) => {
      const { path, old_string, new_string } = args as z.output<typeof parameters>;
      const at = await placeOf(folder, path);
      const text = await textOf(at, path);
      const found = text.split(old_string).length - 1;
      if (found === 0) throw new Error(`the text is not in ${path}: read it again and copy it exactly`);
      if (found > 1)
        throw new Error(`the text is ${found} times in ${path}: give more of what stands around it`);
      await writeFile(
        at,
        text.replace(old_string, () => new_string),
      );
      return said(`edited ${path}`);
    },
  };
}
