import { constants } from "node:fs";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { openEntry, said, type ToolContext, within } from "./place.ts";
import { textOf } from "./read.ts";
import { replaceText } from "./write.ts";

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
      await within(folder, path, false, async (at) => {
        const handle = await openEntry(at, constants.O_RDWR);
        try {
          const text = await textOf(handle, path);
          const found = text.split(old_string).length - 1;
          if (found === 0) throw new Error(`the text is not in ${path}: read it again and copy it exactly`);
          if (found > 1)
            throw new Error(`the text is ${found} times in ${path}: give more of what stands around it`);
          await replaceText(
            handle,
            text.replace(old_string, () => new_string),
          );
        } finally {
          await handle.close();
        }
      });
      return said(`edited ${path}`);
    },
  };
}
