import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createMcpHandler,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  type McpServer,
  validateHostHeader,
  validateOriginHeader,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { printable } from "../printable.ts";

export interface HttpDoor {
  /** What clients connect to. */
  url: string;
  token: string;
  close(): Promise<void>;
}

const path = "/mcp";
/** Clients that end without a word leave their sessions behind: the oldest goes when a new one needs its place. */
const mostSessions = 64;
/** Bytes of one request: all that a tool takes is words. */
const bodyLimit = 2 ** 20;

/**
 * MCP over streamable HTTP, on loopback only, for whoever holds the token.
 *
 * A request is refused before it is read when its Host is not this machine (a page that rebound its name), its Origin
 * is a foreign page, or its token is not the right one.
 *
 * @param makeServer called once for each client of a revision with sessions, and for each request of a later one.
 * @param token at least 16 characters; absent: a random one.
 * @param port 0: any free one.
 */
export async function openHttp(
  makeServer: () => McpServer,
  { port = 0, token = randomBytes(32).toString("base64url") }: { port?: number; token?: string } = {},
): Promise<HttpDoor> {
  const expected = digest(`Bearer ${token}`);
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const modern = createMcpHandler(makeServer, { legacy: "reject", maxRequestBodySize: bodyLimit });

  const answer = async (request: Request): Promise<Response> => {
    if (!(await isLegacyRequest(request, undefined, { maxRequestBodySize: bodyLimit })))
      return modern.fetch(request);
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? undefined : sessions.get(id);
    if (known) return known.handleRequest(request);
    if (id !== null) return refusal(404, "this session has ended: initialize again");
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      maxRequestBodySize: bodyLimit,
      onsessioninitialized: (made) => {
        sessions.set(made, transport);
        const [oldest] = sessions.keys();
        if (sessions.size > mostSessions && oldest !== undefined) void sessions.get(oldest)?.close();
      },
    });
    await makeServer().connect(transport);
    const closed = transport.onclose;
    transport.onclose = () => {
      if (transport.sessionId !== undefined) sessions.delete(transport.sessionId);
      closed?.();
    };
    return transport.handleRequest(request);
  };

  const server = createServer((incoming, outgoing) => {
    const refused = gate(incoming, expected);
    if (refused) {
      incoming.resume();
      void send(refused, outgoing);
      return;
    }
    serve(incoming, outgoing, answer).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(500);
      outgoing.end();
      process.stderr.write(
        `whet mcp: ${printable(error instanceof Error ? error.message : String(error))}\n`,
      );
    });
  });
  const at = await listen(server, port);
  return {
    url: `http://127.0.0.1:${at}${path}`,
    token,
    close: async () => {
      await modern.close();
      for (const transport of [...sessions.values()]) await transport.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Why a request is not let in, or null. */
function gate({ url, headers }: IncomingMessage, expected: Buffer): Response | null {
  const host = validateHostHeader(headers.host, localhostAllowedHostnames());
  if (!host.ok) return refusal(403, host.message);
  const origin = validateOriginHeader(headers.origin, localhostAllowedOrigins());
  if (!origin.ok) return refusal(403, origin.message);
  if (!timingSafeEqual(digest(headers.authorization ?? ""), expected))
    return refusal(401, "the token is missing or wrong", { "WWW-Authenticate": "Bearer" });
  if (url?.split("?")[0] !== path) return refusal(404, `there is nothing but ${path} here`);
  return null;
}

/** Of equal length for any text, so that a comparison takes the same time. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function refusal(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", error: { code: -32000, message }, id: null }, { status, headers });
}

/** Bridges Node's request and response to the web's, which the protocol library speaks. */
async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: (request: Request) => Promise<Response>,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const body = await read(incoming);
  if (body === null) return send(refusal(413, `more than ${bodyLimit} bytes`), outgoing);
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  const request = new Request(`http://127.0.0.1${incoming.url}`, {
    method: incoming.method ?? "GET",
    headers,
    signal: gone.signal,
    ...(body.length > 0 ? { body } : {}),
  });
  try {
    await send(await answer(request), outgoing);
  } catch (error) {
    // A client that has gone gets no answer, and is no error of ours.
    if (!gone.signal.aborted) throw error;
  }
}

async function read(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer> | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) {
      incoming.resume();
      return null;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  // A stream may say nothing for long: its head goes out at once.
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    outgoing.write(value);
  }
  outgoing.end();
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}
