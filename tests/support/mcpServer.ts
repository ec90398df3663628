import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface McpServer {
  url: string;
  /** The methods that were called, and `refused` for each request without the token. */
  calls: string[];
  close(): Promise<void>;
}

/** The least of an MCP server over HTTP: one tool, `measure`, behind a bearer token. */
export async function startMcpServer(token: string, answer: string): Promise<McpServer> {
  const calls: string[] = [];
  const server = createServer((incoming, outgoing) => {
    let body = "";
    incoming.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    incoming.once("end", () => {
      if (incoming.headers.authorization !== `Bearer ${token}`) {
        calls.push("refused");
        outgoing.writeHead(401).end();
      } else if (incoming.method !== "POST") outgoing.writeHead(405).end();
      else {
        const { id, method, params } = JSON.parse(body) as {
          id?: number;
          method: string;
          params?: { protocolVersion?: string };
        };
        calls.push(method);
        const result = {
          initialize: {
            protocolVersion: params?.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: "lab", version: "1" },
          },
          "tools/list": {
            tools: [
              {
                name: "measure",
                description: "measures",
                inputSchema: { type: "object", properties: { seed: { type: "number" } }, required: ["seed"] },
              },
            ],
          },
          "tools/call": { content: [{ type: "text", text: answer }] },
        }[method];
        if (id === undefined) outgoing.writeHead(202).end();
        else
          outgoing
            .writeHead(200, { "content-type": "application/json" })
            .end(JSON.stringify({ jsonrpc: "2.0", id, result: result ?? {} }));
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    calls,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
