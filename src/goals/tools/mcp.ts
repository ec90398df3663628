import type { ModelTool } from "../../agents/index.ts";
import { capped } from "./place.ts";

export type McpServer = { name: string } & ({ url: string; token?: string } | { command: string });

export interface Connected {
  tools: ModelTool[];
  close(): Promise<void>;
}

/** Milliseconds for a server to say what it offers. */
const patience = 20_000;

/**
 * Connects to an MCP server: its tools are called `<server>_<tool>`.
 *
 * @param folder where a server that is a command begins. It is the user's own program and runs in no sandbox.
 * @throws Error when it cannot be reached.
 */
export async function connectMcp(server: McpServer, folder: string): Promise<Connected> {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client({ name: "whetstone", version: "1" }, { versionNegotiation: { mode: "auto" } });
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
    else {
      const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
      await client.connect(
        new StdioClientTransport({
          command: "sh",
          args: ["-c", server.command],
          cwd: folder,
          stderr: "ignore",
        }),
        { timeout: patience },
      );
    }
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
    await client.close().catch(() => undefined);
    throw new Error(`the MCP server ${server.name} cannot be reached: ${(error as Error).message}`);
  }
}
