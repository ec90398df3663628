import * as z from "zod";
import type { ModelTool } from "../../agents/index.ts";
import type { Sandbox } from "../../sandbox/index.ts";
import type { ToolContext } from "./place.ts";
import { inSandbox } from "./run.ts";

const parameters = z.object({
  // One argument of a command holds 128 KiB at most.
  code: z.string().min(1).max(100_000).describe("an ES module; what it prints is the answer"),
});

export function javascriptTool({ folder, inputs }: ToolContext, sandbox: Sandbox): ModelTool {
  return {
    ...{ name: "javascript", description: "Run JavaScript with Node, in the working folder.", parameters },
    run: (args, signal) => {
      const { code } = args as z.output<typeof parameters>;
      return inSandbox(sandbox, folder, ["node", "--input-type=module", "-e", code], 120_000, signal, inputs);
    },
  };
}
