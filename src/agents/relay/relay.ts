import { chmodSync } from "node:fs";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

/** Where requests below a path go. */
export interface Route {
  /** `""` for everything else, or a first part of the path such as `/-/mcp`. */
  path: string;
  /** What that path stands for, its own path included. */
  to: URL;
  /** Requests must carry the token, in whatever header or query their protocol puts keys; the key goes on in its place. */
  secret?: { token: string; key: string };
  /** True for the model's provider: its answers are told to `onAnswer`. */
  provider: boolean;
}

export interface RelayOptions {
  /** A unix socket at this path; absent: any free port of loopback. */
  socket?: string;
  routes: readonly Route[];
  /** Hosts that may be reached through CONNECT or as an HTTP proxy: `name` (ports 80 and 443) or `name:port`. */
  hosts: readonly string[];
  /** How a request to the provider ended, unless the agent itself gave it up. */
  onAnswer?: (answer: ProviderAnswer) => void;
  /** Something went through, either way. */
  onActivity?: () => void;
  /** A host was asked for that is not allowed. */
  onRefused?: (host: string) => void;
}

export interface ProviderAnswer {
  /** 0: it could not be reached, or its answer broke off. */
  status: number;
  /** Milliseconds until one may come again, if it says so. */
  retryAfterMs: number | null;
  /** Of a refusal: what it said; empty for a good answer. */
  message: string;
}

export interface Relay {
  /** Port on loopback; 0 where it listens on a socket. */
  readonly port: number;
  /** Requests to the provider that have no end yet. */
  readonly open: number;
  close(): Promise<void>;
}

/**
 * A door from an agent's sandbox to its model. Answers are passed on byte by byte as they come. The provider's key is
 * put in here, on this side: the agent holds a token that is worth nothing elsewhere.
 */
export async function openRelay(options: RelayOptions): Promise<Relay> {
  const { routes, hosts, onAnswer, onActivity, onRefused } = options;
  let open = 0;
  const sockets = new Set<Duplex>();

  const server = createServer((incoming, outgoing) => {
    const url = incoming.url ?? "/";
    if (!url.startsWith("/")) return proxied(url, incoming, outgoing);
    const route = routes
      .filter(({ path }) => path === "" || (url.startsWith(path) && /^([/?]|$)/.test(url.slice(path.length))))
      .sort((a, b) => b.path.length - a.path.length)[0];
    if (!route) return refuse(outgoing, 404, "this relay leads nowhere here");
    const rest = url.slice(route.path.length);
    const target = `${route.to.pathname.replace(/\/$/, "")}${rest}`;
    const swapped = route.secret ? swap(incoming.headers, target, route.secret) : null;
    if (route.secret && !swapped) return refuse(outgoing, 401, "the token of this run is missing");
    pass(
      route.to,
      swapped?.path ?? target,
      swapped?.headers ?? incoming.headers,
      incoming,
      outgoing,
      route.provider,
    );
  });

  /** An ordinary request to a whole address: plain HTTP through a proxy. */
  function proxied(url: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const target = URL.canParse(url) ? new URL(url) : null;
    if (target?.protocol !== "http:") refuse(outgoing, 400, "only http:// and CONNECT go through here");
    else if (allowed(hosts, target.hostname, Number(target.port || 80)))
      pass(target, target.pathname + target.search, incoming.headers, incoming, outgoing, false);
    else {
      onRefused?.(target.host);
      refuse(outgoing, 403, `${target.host} is not among the hosts that this agent may reach`);
    }
  }

  function pass(
    to: URL,
    path: string,
    headers: IncomingHttpHeaders,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    provider: boolean,
  ): void {
    if (provider) open++;
    let told = !provider;
    const tell = (answer: ProviderAnswer) => {
      if (!told) onAnswer?.(answer);
      told = true;
    };
    const send = to.protocol === "https:" ? requestHttps : requestHttp;
    const onward = send({
      protocol: to.protocol,
      hostname: to.hostname.replace(/^\[|\]$/g, ""),
      port: to.port || undefined,
      path,
      method: incoming.method,
      headers: { ...endToEnd(headers), host: to.host },
    });
    onward.setNoDelay(true);
    onward.once("response", (answer) => {
      const status = answer.statusCode ?? 0;
      const words: Buffer[] = [];
      let length = 0;
      outgoing.writeHead(status, answer.statusMessage, endToEnd(answer.headers));
      outgoing.flushHeaders();
      answer.on("data", (chunk: Buffer) => {
        onActivity?.();
        if (status < 400 || length > longestRefusal) return;
        words.push(chunk);
        length += chunk.length;
      });
      answer.pipe(outgoing);
      answer.once("end", () => tell(said(status, answer.headers, Buffer.concat(words))));
      // A cut answer must look cut to the agent as well, not ended.
      answer.once("error", () => {
        if (!outgoing.destroyed) tell({ status: 0, retryAfterMs: null, message: "its answer broke off" });
        outgoing.destroy();
      });
    });
    onward.once("error", (error) => {
      if (!outgoing.destroyed) tell({ status: 0, retryAfterMs: null, message: error.message });
      if (outgoing.headersSent) outgoing.destroy();
      else refuse(outgoing, 502, `${to.host} cannot be reached: ${error.message}`);
    });
    outgoing.once("close", () => {
      if (provider) open--;
      onward.destroy();
    });
    incoming.on("data", () => onActivity?.());
    incoming.pipe(onward);
  }

  server.on("connect", (incoming: IncomingMessage, inside: Duplex, head: Buffer) => {
    track(inside);
    const [, host = "", port = ""] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(incoming.url ?? "") ?? [];
    if (!allowed(hosts, host, Number(port))) {
      onRefused?.(incoming.url ?? "");
      inside.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const outside: Socket = connect(Number(port), host, () => {
      inside.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) outside.write(head);
      inside.pipe(outside);
      outside.pipe(inside);
      for (const side of [inside, outside]) side.on("data", () => onActivity?.());
    });
    track(outside);
    outside.setNoDelay(true);
    outside.once("error", () => {
      if (outside.connecting) inside.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      else inside.destroy();
    });
    inside.once("error", () => outside.destroy());
    inside.once("close", () => outside.destroy());
  });
  function track(socket: Duplex): void {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  }

  server.on("connection", (socket) => socket.setNoDelay(true));
  // Models may think for long before they answer; the turn has a limit of its own.
  server.requestTimeout = 0;
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    if (options.socket === undefined) server.listen(0, "127.0.0.1", listening);
    else server.listen(options.socket, listening);
  });
  if (options.socket !== undefined) chmodSync(options.socket, 0o600);
  const address = server.address();
  return {
    port: typeof address === "object" ? ((address as AddressInfo | null)?.port ?? 0) : 0,
    get open() {
      return open;
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function refuse(outgoing: ServerResponse, status: number, message: string): void {
  outgoing.writeHead(status, { "content-type": "application/json", connection: "close" });
  outgoing.end(JSON.stringify({ error: { message } }));
}

/** The request with the key where the token was; null when the token is nowhere. */
function swap(
  headers: IncomingHttpHeaders,
  path: string,
  { token, key }: { token: string; key: string },
): { headers: IncomingHttpHeaders; path: string } | null {
  let found = path.includes(token);
  const swapped: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === "string" && value.includes(token)) {
      found = true;
      swapped[name] = value.replaceAll(token, () => key);
    } else swapped[name] = value;
  }
  return found ? { headers: swapped, path: path.replaceAll(token, () => encodeURIComponent(key)) } : null;
}

/** Headers that concern one connection only stay on it (RFC 9110, 7.6.1). */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? "").toLowerCase().split(/\s*,\s*/);
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !hop.has(name) && !named.includes(name)),
  );
}

const hop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Whether the hosts of a contract name this one. */
export function allowed(hosts: readonly string[], name: string, port: number): boolean {
  const host = name.toLowerCase();
  return hosts.some((entry) => {
    const [, allowedName, allowedPort] = /^(.*?)(?::(\d+))?$/.exec(entry.trim().toLowerCase()) ?? [];
    if (allowedName !== host) return false;
    return allowedPort === undefined ? port === 80 || port === 443 : Number(allowedPort) === port;
  });
}

const longestRefusal = 16_384;
const nothing: ProviderAnswer = { status: 0, retryAfterMs: null, message: "" };

/** What a whole answer amounts to. */
function said(status: number, headers: IncomingHttpHeaders, body: Buffer): ProviderAnswer {
  if (status < 400) return { ...nothing, status };
  const message = unpacked(body, headers["content-encoding"]).slice(0, longestRefusal);
  return { status, retryAfterMs: retryAfter(headers) ?? retryDelay(message), message };
}

function unpacked(body: Buffer, encoding: string | undefined): string {
  try {
    if (encoding === "gzip") return gunzipSync(body).toString();
    if (encoding === "br") return brotliDecompressSync(body).toString();
    if (encoding === "deflate") return inflateSync(body).toString();
  } catch {
    return "";
  }
  return body.toString();
}

/** Google says it in the body: `"retryDelay": "36s"` (google.rpc.RetryInfo). */
function retryDelay(body: string): number | null {
  const seconds = /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"/.exec(body)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

/** `retry-after` in seconds or as a date, or the finer header that some providers add. */
function retryAfter(headers: IncomingHttpHeaders): number | null {
  const fine = Number(headers["retry-after-ms"]);
  if (headers["retry-after-ms"] !== undefined && Number.isFinite(fine)) return Math.max(0, fine);
  const said = headers["retry-after"];
  if (said === undefined) return null;
  if (/^\d+(\.\d+)?$/.test(said)) return Number(said) * 1000;
  const date = Date.parse(said);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}
