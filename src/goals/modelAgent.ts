import { realpath } from "node:fs/promises";
import { type Agent, ask, type ModelTool, type ProvidedModel } from "../agents/index.ts";
import { isPriced } from "../relay/index.ts";
import type { Sandbox } from "../sandbox/index.ts";
import { makeTools } from "./tools/index.ts";
import { type Connected, connectMcp, type McpServer } from "./tools/mcp.ts";
import { goesFromOpenFolders } from "./tools/place.ts";

export interface ModelAgentOptions {
  sandbox: Sandbox;
  /** Names of built-in tools. */
  tools: readonly string[];
  /** Its role, from its file. */
  prompt?: string;
  mcp?: readonly McpServer[];
  /** Answers in one turn at most. Default 60. */
  steps?: number;
  seed?: number;
  name?: string;
}

/** What a turn of the built-in agent is given besides: skills. */
export interface ModelTurnExtras {
  prompt?: string;
  tools?: readonly ModelTool[];
}

export interface ModelAgent extends Agent {
  /** The same agent with more in its instructions. */
  with(extras: ModelTurnExtras): Agent;
}

const introduction = `You work on your own in a folder, with the tools that you are offered. Nobody can answer questions: decide, and go on.
Paths are relative to the folder. Look at what is there before you change it, and check what you did before you end.
When the task is done, say in a few sentences what you did and what you found out.`;

/** The built-in agent: a model that is asked again and again, with the results of the tools that it calls. */
export function modelAgent(provided: ProvidedModel, options: ModelAgentOptions): ModelAgent {
  const { sandbox, tools, prompt, mcp = [], steps = 60, seed, name = "model" } = options;
  const make = (extras: ModelTurnExtras): Agent => ({
    name,
    reports: { tokens: true, dollars: isPriced(provided.priced) },
    turn: async (turn) => {
      const startedAt = performance.now();
      const servers: McpServer[] = [...mcp, ...(turn.mcp ? [turn.mcp] : [])];
      const connected: Connected[] = [];
      const { level, enforced, notEnforced } = sandbox.isolation;
      const commands = servers.filter((server) => "command" in server);
      const confined = {
        enforced: [
          "tools reach files in the working folder only",
          ...enforced.map((each) => `commands: ${each}`),
          ...commands.map(({ name }) => `the MCP server ${name} is confined as commands are`),
        ],
        notEnforced: [
          ...(level === "L0" ? notEnforced.map((each) => `commands: ${each}`) : []),
          ...commands
            .filter(({ network }) => network)
            .map(({ name }) => `the MCP server ${name} has the network, and so has what it runs of the work`),
          ...(goesFromOpenFolders ? [] : ["a process that swaps folders for links can lead file tools out"]),
        ],
      };
      try {
        const folder = await realpath(turn.folder);
        const inputs = (turn.linked ?? []).map((host) => ({ host, at: { path: host } }));
        try {
          for (const server of servers)
            connected.push(await connectMcp(server, { sandbox, folder, inputs, time: turn.time }));
        } catch (error) {
          return {
            ...{ ending: "start", message: (error as Error).message, text: "", events: [], raw: "" },
            usage: { input: null, output: null, cached: null, dollars: null },
            ...{ wallMs: performance.now() - startedAt, retryAfterMs: null, ...confined },
          };
        }
        const offered = [
          ...makeTools(tools, { folder, inputs }, sandbox),
          ...connected.flatMap((each) => each.tools),
          ...(extras.tools ?? []),
        ];
        const answer = await ask(provided, {
          instructions: [introduction, prompt, extras.prompt].filter(Boolean).join("\n\n"),
          messages: [{ role: "user", text: turn.prompt }],
          maxOutput: 16_000,
          time: turn.time,
          ...(turn.idle === undefined ? {} : { idle: turn.idle }),
          ...(turn.signal ? { signal: turn.signal } : {}),
          ...(turn.onEvent ? { onEvent: turn.onEvent } : {}),
          ...(seed === undefined ? {} : { seed }),
          ...{ tools: offered, steps },
          enough: ({ input, output, dollars }) => {
            const tokens = (input ?? 0) + (output ?? 0);
            if (turn.tokens !== undefined && tokens >= turn.tokens)
              return `it used ${tokens} tokens, ${turn.tokens} were left`;
            if (turn.dollars !== undefined && (dollars ?? 0) >= turn.dollars)
              return `it spent $${Number((dollars ?? 0).toPrecision(3))}, $${Number(turn.dollars.toPrecision(3))} was left`;
            return null;
          },
        });
        const cut = answer.ending === "done" && answer.truncated;
        return {
          ...answer,
          ...(cut ? { ending: "limit", message: "its last answer was cut at the output limit" } : {}),
          ...confined,
        };
      } finally {
        for (const each of connected) await each.close().catch(() => undefined);
      }
    },
  });
  return { ...make({}), with: make };
}
