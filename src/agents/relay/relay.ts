import { chmodSync } from "node:fs";
import {
  type ClientRequest,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import {
  endToEnd,
  framing,
  masked,
  maskedHeaders,
  masking,
  openProxy,
  refuse,
  shortestSecret,
} from "../../relay/index.ts";

/** Where requests below a path go. */
export interface Route {
  /** `""` for everything else, or a first part of the path such as `/-/mcp`. */
  path: string;
  /** What that path stands for, its own path included. */
  to: URL;
  /** Requests must carry the token in one of the places where protocols put keys; the key goes on in its place. */
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
  const proxy = openProxy({
    hosts,
    refusal: (host) => `${host} is not among the hosts that this agent may reach`,
    ...(onActivity ? { onActivity } : {}),
    ...(onRefused ? { onRefused } : {}),
    pass: (to, path, incoming, outgoing) =>
      pass({ to, path, headers: incoming.headers, provider: false }, incoming, outgoing),
  });

  const server = createServer((incoming, outgoing) => {
    const url = incoming.url ?? "/";
    if (!url.startsWith("/")) return proxy.request(url, incoming, outgoing);
    const route = routes
      .filter(({ path }) => path === "" || (url.startsWith(path) && /^([/?]|$)/.test(url.slice(path.length))))
      .sort((a, b) => b.path.length - a.path.length)[0];
    if (!route) return refuse(outgoing, 404, "this relay leads nowhere here");
    const rest = url.slice(route.path.length);
    const target = `${route.to.pathname.replace(/\/$/, "")}${rest}`;
    const swapped = route.secret ? swap(incoming.headers, target, route.secret) : null;
    if (route.secret && !swapped) return refuse(outgoing, 401, "the token of this run is missing");
    // It asks for the request to be answered with itself, the key included (RFC 9110, 9.3.8).
    if (incoming.method === "TRACE") return refuse(outgoing, 405, "TRACE does not go through here");
    const way = { to: route.to, path: target, headers: incoming.headers, provider: route.provider };
    const key = route.secret?.key ?? "";
    pass({ ...way, ...swapped, ...(key.length >= shortestSecret ? { key } : {}) }, incoming, outgoing);
  });

  function pass(way: Way, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { to, path, headers, provider, key } = way;
    if (provider) open++;
    outgoing.once("close", () => {
      if (provider) open--;
    });
    let told = !provider;
    const tell = (answer: ProviderAnswer) => {
      if (!told) onAnswer?.(answer);
      told = true;
    };
    const send = to.protocol === "https:" ? requestHttps : requestHttp;
    let onward: ClientRequest;
    try {
      onward = send({
        protocol: to.protocol,
        hostname: to.hostname.replace(/^\[|\]$/g, ""),
        port: to.port || undefined,
        path,
        method: incoming.method,
        headers: { ...endToEnd(headers), ...framing(incoming.headers), host: to.host },
      });
    } catch {
      // What is wrong with a header is not told: it may be the key's.
      refuse(outgoing, 400, `this request cannot be passed on to ${to.host}`);
      return;
    }
    onward.setNoDelay(true);
    onward.once("response", (answer) => {
      const status = answer.statusCode ?? 0;
      const words: Buffer[] = [];
      let length = 0;
      const mask = key === undefined ? new PassThrough() : masking(key);
      try {
        const own = endToEnd(answer.headers);
        outgoing.writeHead(status, answer.statusMessage, key === undefined ? own : maskedHeaders(own, key));
      } catch {
        return refuse(outgoing, 502, `the answer of ${to.host} cannot be passed on`);
      }
      outgoing.flushHeaders();
      answer.on("data", (chunk: Buffer) => {
        onActivity?.();
        if (status < 400 || length > longestRefusal) return;
        words.push(chunk);
        length += chunk.length;
      });
      answer.pipe(mask).pipe(outgoing);
      answer.once("end", () => {
        const told = said(status, answer.headers, Buffer.concat(words));
        tell(key === undefined ? told : { ...told, message: masked(told.message, key) });
      });
      // A cut answer must look cut to the agent as well, not ended.
      answer.on("error", () => {
        if (!outgoing.destroyed) tell({ status: 0, retryAfterMs: null, message: "its answer broke off" });
        outgoing.destroy();
      });
    });
    onward.on("error", (error) => {
      if (!outgoing.destroyed) tell({ status: 0, retryAfterMs: null, message: error.message });
      if (outgoing.headersSent) outgoing.destroy();
      else refuse(outgoing, 502, `${to.host} cannot be reached: ${error.message}`);
    });
    outgoing.once("close", () => onward.destroy());
    incoming.on("data", () => onActivity?.());
    incoming.pipe(onward);
  }

  server.on("connect", (incoming: IncomingMessage, inside: Duplex, head: Buffer) =>
    proxy.connect(incoming, inside, head),
  );
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
        proxy.close();
      }),
  };
}

/** Where one request goes, and with what. */
interface Way {
  to: URL;
  path: string;
  headers: IncomingHttpHeaders;
  provider: boolean;
  /** The key that it carries, where it is one: no answer may bring it back. */
  key?: string;
}

/** Where the protocols of the providers put keys. */
const keyHeaders = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];

/**
 * The request with the key where the token was; null when the token is in none of the places for keys. In no other place
 * is it replaced: a provider says back what it does not know, a path or a name, and would say the key.
 */
function swap(
  headers: IncomingHttpHeaders,
  target: string,
  { token, key }: { token: string; key: string },
): { headers: IncomingHttpHeaders; path: string } | null {
  let found = false;
  const swapped = { ...headers };
  for (const name of keyHeaders) {
    const value = headers[name];
    // After the name of a scheme, such as Bearer, or alone.
    if (typeof value !== "string" || value.replace(/^\w+ /, "") !== token) continue;
    found = true;
    swapped[name] = value.slice(0, -token.length) + key;
  }
  const path = target.replace(/(\?(?:[^#]*&)?key=)([^&#]*)/, (all, before: string, value: string) => {
    if (value !== token) return all;
    found = true;
    return before + encodeURIComponent(key);
  });
  // An answer that is packed could not be looked through.
  return found ? { headers: { ...swapped, "accept-encoding": "identity" }, path } : null;
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
