import * as z from "zod";
import type { ModelTool, ToolAnswer } from "../../agents/index.ts";
import type { Order, Sandbox } from "../../sandbox/index.ts";
import { capped, type ToolContext } from "./place.ts";

const parameters = z.object({
  command: z.string().min(1).describe("passed to sh -c, in the working folder; there is no network"),
  seconds: z.number().min(1).max(600).optional().describe("time limit; default 120"),
});

export function runTool({ folder, inputs }: ToolContext, sandbox: Sandbox): ModelTool {
  return {
    ...{ name: "run", description: "Run a command in the working folder.", parameters },
    run: (args, signal) => {
      const { command, seconds = 120 } = args as z.output<typeof parameters>;
      return inSandbox(sandbox, folder, command, seconds * 1000, signal, inputs);
    },
  };
}

/** Host paths shown read-only, at their place or where links in the folder lead to. */
export type Inputs = readonly { host: string; at: string | { path: string } }[];

/** A command that may write in the working folder and nowhere else, and reaches a network only where that is granted. */
export function orderIn(
  folder: string,
  command: string | readonly string[],
  {
    time,
    network,
    signal,
    inputs,
    env = {},
  }: {
    time: number;
    network: boolean;
    signal: AbortSignal;
    inputs: Inputs;
    env?: Record<string, string>;
  },
): Order {
  return {
    ...{ command, tree: folder, cwd: "", hidden: [], env, signal },
    mounts: [
      { host: folder, at: "", writable: true },
      ...inputs.map((input) => ({ ...input, writable: false })),
    ],
    limits: {
      ...{ time, memory: 4 * 2 ** 30, processes: 256, fileSize: 2 ** 30, disk: 4 * 2 ** 30 },
      ...{ output: 16 * 2 ** 20, network },
    },
  };
}

/** Runs such a command without a network. */
export async function inSandbox(
  sandbox: Sandbox,
  folder: string,
  command: string | readonly string[],
  time: number,
  signal: AbortSignal,
  inputs: Inputs = [],
  env: Record<string, string> = {},
): Promise<ToolAnswer> {
  const outcome = await sandbox.start(orderIn(folder, command, { time, network: false, signal, inputs, env }))
    .done;
  const output = [outcome.stdout, outcome.stderr].filter((text) => text !== "").join("\n");
  const end = outcome.ending === "ok" ? "" : `\n[${outcome.message}]`;
  return {
    text: capped(`${output.trimEnd()}${end}`.trim() || "no output"),
    ok: outcome.ending === "ok",
    exitCode: outcome.exitCode,
  };
}
