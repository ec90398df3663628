import type { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";

/** MCP over this process's standard streams. @returns when the client has closed them, or the signal came. */
export async function overStdio(makeServer: () => McpServer, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const transport = new StdioServerTransport(process.stdin, process.stdout);
  const handle = serveStdio(makeServer, { transport });
  process.stdin.once("close", over.resolve);
  process.stdin.once("end", over.resolve);
  if (signal.aborted) over.resolve();
  else signal.addEventListener("abort", () => over.resolve(), { once: true });
  await over.promise;
  await handle.close();
}
