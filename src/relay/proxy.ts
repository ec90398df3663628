import { lookup } from "node:dns/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isPublic } from "./addresses.ts";
import { allowed } from "./hosts.ts";
import { refuse } from "./passing.ts";

export interface ProxyOptions {
  /** Hosts that may be reached: `name` (ports 80 and 443) or `name:port`. */
  hosts: readonly string[];
  /** What is said of a host that is not among them. */
  refusal: (host: string) => string;
  /** Passes an ordinary request on to an address. */
  pass: (
    to: URL,
    path: string,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    address?: string,
  ) => void;
  /** Turns a host into an address, or says why not; absent: what the system resolves. */
  resolve?: (host: string) => Promise<{ address: string } | { refusal: string }>;
  /** A host was asked for that is not allowed, or that led where it must not. */
  onRefused?: (host: string) => void;
  onReached?: (host: string) => void;
  /** Something went through, either way. */
  onActivity?: () => void;
}

export interface Proxy {
  /** An ordinary request to a whole address: plain HTTP through a proxy. */
  request(url: string, incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** The CONNECT method: the bytes of both sides are passed on unread. */
  connect(incoming: IncomingMessage, inside: Duplex, head: Buffer): void;
  close(): void;
}

/** An HTTP proxy to a few hosts: what passes through it is not looked at, where it goes is. */
export function openProxy(options: ProxyOptions): Proxy {
  const { hosts, onActivity } = options;
  const sockets = new Set<Duplex>();
  const resolve = options.resolve ?? (async (address: string) => ({ address }));
  const track = (socket: Duplex) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };

  function request(url: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const target = URL.canParse(url) ? new URL(url) : null;
    if (target?.protocol !== "http:") {
      refuse(outgoing, 400, "only http:// and CONNECT go through here");
      return;
    }
    const refused = (words: string) => {
      options.onRefused?.(target.host);
      refuse(outgoing, 403, words);
    };
    if (!allowed(hosts, target.hostname, Number(target.port || 80))) {
      refused(options.refusal(target.host));
      return;
    }
    void resolve(target.hostname).then((found) => {
      if ("refusal" in found) refused(found.refusal);
      else {
        options.onReached?.(target.host);
        options.pass(target, target.pathname + target.search, incoming, outgoing, found.address);
      }
    });
  }

  function connectTo(incoming: IncomingMessage, inside: Duplex, head: Buffer): void {
    track(inside);
    // From here on nobody else listens, and an error that nobody hears ends the process.
    let outside: Socket | null = null;
    inside.on("error", () => outside?.destroy());
    inside.once("close", () => outside?.destroy());
    const [, host = "", port = ""] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(incoming.url ?? "") ?? [];
    const refused = () => {
      options.onRefused?.(incoming.url ?? "");
      inside.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    };
    if (!allowed(hosts, host, Number(port))) {
      refused();
      return;
    }
    void resolve(host).then((found) => {
      if ("refusal" in found) refused();
      else if (!inside.destroyed) {
        options.onReached?.(`${host}:${port}`);
        outside = open(found.address, Number(port), inside, head);
      }
    });
  }

  function open(address: string, port: number, inside: Duplex, head: Buffer): Socket {
    const far = connect(port, address);
    track(far);
    far.setNoDelay(true);
    far.once("connect", () => {
      inside.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) far.write(head);
      inside.pipe(far);
      far.pipe(inside);
      for (const side of [inside, far]) side.on("data", () => onActivity?.());
    });
    far.on("error", () => {
      if (far.connecting) inside.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      else inside.destroy();
    });
    return far;
  }

  return {
    request,
    connect: connectTo,
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Resolves names for a session. Whoever owns a public name may point it at this machine or its network at any time: a
 * name that led outward when it was first resolved is never followed inward. A name that led inward from the start is
 * what the contract means, and so is an address or `localhost`.
 */
export function openResolver(
  find: (name: string) => Promise<string> = async (name) => (await lookup(name)).address,
): NonNullable<ProxyOptions["resolve"]> {
  const first = new Map<string, boolean>();
  return async (host) => {
    if (isIP(host) !== 0) return { address: host };
    if (host === "localhost") return { address: "127.0.0.1" };
    try {
      const address = await find(host);
      const leadsInward = !isPublic(address);
      const began = first.get(host) ?? leadsInward;
      first.set(host, began);
      if (leadsInward && !began)
        return { refusal: `${host} now leads to ${address}, inside of this network, and did not before` };
      return { address };
    } catch (error) {
      return { refusal: `${host} cannot be found: ${(error as Error).message}` };
    }
  };
}
