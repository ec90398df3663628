import type { Transport } from "@modelcontextprotocol/client";
import type { ModelTool } from "../../agents/index.ts";
import type { Outcome, Sandbox } from "../../sandbox/index.ts";
import { capped } from "./place.ts";
import { type Inputs, orderIn } from "./run.ts";

/** `network`: whether the command, which runs in the sandbox, has it. Default false. */
export type McpServer = { name: string } & (
  | { url: string; token?: string }
  | { command: string; network?: boolean }
);

/** What a server that is a command gets to see and for how long. */
export interface McpSurroundings {
  sandbox: Sandbox;
  /** The working folder, links in its own path resolved. */
  folder: string;
  inputs: Inputs;
  /** Milliseconds. */
  time: number;
}

export interface Connected {
  tools: ModelTool[];
  close(): Promise<void>;
}

/** Milliseconds for a server to say what it offers. */
const patience = 20_000;

/** Characters of one message; and bytes of all together, which a server may send in a turn. */
const longest = 10 * 2 ** 20;
const mostOutput = 2 ** 30;

/**
 * Connects to an MCP server: its tools are called `<server>_<tool>`. One that is a command is started as agents' own
 * commands are: it begins in the working folder, where what it runs, and what its tools read as settings, may be an agent's
 * work.
 *
 * @throws Error when it cannot be reached.
 */
export async function connectMcp(server: McpServer, around: McpSurroundings): Promise<Connected> {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client({ name: "whetstone", version: "1" }, { versionNegotiation: { mode: "auto" } });
  let ended: Outcome | null = null;
  try {
    if ("url" in server)
      await client.connect(
        new StreamableHTTPClientTransport(
          new URL(server.url),
          server.token === undefined
            ? {}
            : { requestInit: { headers: { authorization: `Bearer ${server.token}` } } },
        ),
        { timeout: patience },
      );
    else
      await client.connect(
        await sandboxed(server, around, (outcome) => {
          ended = outcome;
        }),
        { timeout: patience },
      );
    const { tools } = await client.listTools();
    return {
      tools: tools.map((tool) => ({
        name: `${server.name}_${tool.name}`.replace(/[^\w-]/g, "_").slice(0, 64),
        description: tool.description ?? tool.name,
        parameters: { jsonSchema: tool.inputSchema },
        run: async (args, signal) => {
          const answer = await client.callTool(
            { name: tool.name, arguments: (args ?? {}) as Record<string, unknown> },
            { signal },
          );
          const parts = (answer.content ?? []) as { type: string; text?: string }[];
          const text = parts.map((part) => part.text ?? `[${part.type}]`).join("\n");
          return { text: capped(text || "no answer"), ok: answer.isError !== true, exitCode: null };
        },
      })),
      close: () => client.close(),
    };
  } catch (error) {
    const why = ended === null ? (error as Error).message : lastWords(ended);
    await client.close().catch(() => undefined);
    throw new Error(`the MCP server ${server.name} cannot be reached: ${why}`);
  }
}

/** Lines of JSON to and from a command in the sandbox. */
async function sandboxed(
  { command, network = false }: { command: string; network?: boolean },
  { sandbox, folder, inputs, time }: McpSurroundings,
  /** Told when it ends by itself. */
  onEnd: (outcome: Outcome) => void,
): Promise<Transport> {
  const { deserializeMessage } = await import("@modelcontextprotocol/client");
  const ending = new AbortController();
  const { limits, ...order } = orderIn(folder, command, { time, network, signal: ending.signal, inputs });
  let write: (line: string) => void = () => undefined;
  let done: Promise<unknown> = Promise.resolve();
  const transport: Transport = {
    start: async () => {
      const running = sandbox.start({
        ...order,
        ...{ limits: { ...limits, output: mostOutput }, stdin: "pipe", lineLimit: longest },
        onLine: (line, stream) => {
          if (stream === "stderr") return;
          try {
            transport.onmessage?.(deserializeMessage(line));
          } catch (error) {
            transport.onerror?.(error as Error);
          }
        },
      });
      write = (line) => running.write(line);
      done = running.done.then((outcome) => {
        if (!ending.signal.aborted) onEnd(outcome);
        transport.onclose?.();
      });
    },
    send: async (message) => write(JSON.stringify(message)),
    close: async () => {
      ending.abort();
      await done;
    },
  };
  return transport;
}

function lastWords({ stderr, message }: Outcome): string {
  const said = stderr.trim();
  return said === "" ? message : `${message}: ${said.slice(-500)}`;
}
