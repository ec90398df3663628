import type { Readable, Writable } from "node:stream";
import type { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";

/** MCP over two streams, a line for each message. @returns when the client has closed one of them, or the signal came. */
export async function overStreams(
  makeServer: () => McpServer,
  input: Readable,
  output: Writable,
  signal: AbortSignal,
): Promise<void> {
  const over = Promise.withResolvers<void>();
  const transport = new StdioServerTransport(input, output);
  const handle = serveStdio(makeServer, { transport });
  input.once("close", over.resolve);
  input.once("end", over.resolve);
  output.once("error", () => over.resolve());
  if (signal.aborted) over.resolve();
  else signal.addEventListener("abort", () => over.resolve(), { once: true });
  await over.promise;
  await handle.close();
}
