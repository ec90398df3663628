import picomatch from "picomatch";
import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import { eachFileBelow } from "./files.ts";
import { prefixOf, said, type ToolContext, within } from "./place.ts";

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
      const match = glob === undefined ? () => true : picomatch(glob, { dot: true });
      const found: string[] = [];
      await within(folder, path, false, (at) =>
        eachFileBelow(at, prefixOf(folder, path), async (below) => {
          if (match(below)) found.push(below);
          return found.length <= most;
        }),
      );
      if (found.length > most) found.splice(most, 1, `[only the first ${most}]`);
      return said(found.join("\n") || "no files");
    },
  };
}
