import { existsSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { redactor } from "../../redaction/index.ts";
import { difference } from "./difference.ts";
import { type Asked, askedOf, type Blurring, type Exchange } from "./exchange.ts";
import { readRecording, writeRecording } from "./file.ts";

export interface CassetteOptions extends Blurring {
  /** A cassette: `*.jsonl.gz`. */
  file: string;
  /** Where to ask what the cassette does not know, which is then recorded; absent: the cassette is only replayed. */
  record?: { to: URL; about: string };
}

/** A model's provider on loopback, out of a file. */
export interface Cassette {
  /** Stands for the provider's address: `http://127.0.0.1:PORT`, and its path. */
  readonly url: string;
  readonly about: string;
  /** What was asked and not on record, with what differs; a replay that has any is none. */
  readonly misses: readonly string[];
  /** Recorded answers that nobody asked for. */
  readonly left: number;
  close(): Promise<void>;
}

/**
 * Opens a cassette. A recording goes on where an earlier one ended: what is on record is answered from there, in the
 * order in which the same was asked before, and everything else is passed on. Keys and other headers are never
 * recorded, nor is any text that came as a key.
 *
 * @throws UserError when there is nothing to be replayed.
 */
export async function openCassette(options: CassetteOptions): Promise<Cassette> {
  const { file, record } = options;
  const recording =
    record && !existsSync(file) ? { about: record.about, exchanges: [] } : readRecording(file);
  const waiting = new Map<string, Exchange[]>();
  for (const each of recording.exchanges) waiting.set(each.key, [...(waiting.get(each.key) ?? []), each]);
  const misses: string[] = [];

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const body = await whole(incoming);
    const blurring = { ...options, secrets: [...(options.secrets ?? []), ...keysIn(incoming.headers)] };
    const asked = askedOf(incoming.method ?? "GET", incoming.url ?? "/", body.toString(), blurring);
    const known = waiting.get(asked.key)?.shift();
    if (known) return play(known, outgoing);
    if (!record) return refuse(miss(asked), outgoing);
    const fresh = await passOn(record.to, asked, incoming, body, blurring);
    if (fresh.status < 400) {
      recording.exchanges.push(fresh);
      writeRecording(file, recording);
    }
    play(fresh, outgoing);
  };
  const miss = (asked: Asked): string => {
    const why = `not on the cassette: ${difference(asked, recording.exchanges)}`;
    misses.push(why);
    return why;
  };

  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: Error) => refuse(error.message, outgoing));
  });
  server.requestTimeout = 0;
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    about: recording.about,
    misses,
    get left() {
      return [...waiting.values()].reduce((sum, each) => sum + each.length, 0);
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

async function passOn(
  to: URL,
  asked: Asked,
  incoming: IncomingMessage,
  body: Buffer,
  blurring: Blurring,
): Promise<Exchange> {
  const headers = Object.entries(incoming.headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && !ownHeaders.has(entry[0]),
  );
  const answer = await fetch(new URL(`${to.pathname.replace(/\/$/, "")}${incoming.url}`, to), {
    ...{
      method: incoming.method ?? "GET",
      headers: { ...Object.fromEntries(headers), "accept-encoding": "identity" },
    },
    ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const text = bytes.toString();
  const plain = Buffer.from(text).equals(bytes);
  return {
    ...{ ...asked, status: answer.status, type: answer.headers.get("content-type") ?? "application/json" },
    answer: plain ? redactor(blurring.secrets ?? [])(text) : bytes.toString("base64"),
    ...(plain ? {} : { base64: true }),
  };
}

function play({ status, type, answer, base64 }: Exchange, outgoing: ServerResponse): void {
  outgoing.writeHead(status, { "content-type": type });
  outgoing.end(Buffer.from(answer, base64 ? "base64" : "utf8"));
}

/** A form that the clients of all providers read; 400, so that nobody tries again. */
function refuse(message: string, outgoing: ServerResponse): void {
  outgoing.writeHead(400, { "content-type": "application/json" });
  outgoing.end(
    JSON.stringify({ error: { type: "invalid_request_error", status: "INVALID_ARGUMENT", message } }),
  );
}

const ownHeaders = new Set(["host", "connection", "content-length", "accept-encoding", "transfer-encoding"]);

/** The keys that a request carries, in whatever header its protocol puts them. */
function keysIn(headers: IncomingHttpHeaders): string[] {
  return ["authorization", "x-api-key", "x-goog-api-key", "api-key"].flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [value.replace(/^Bearer\s+/i, "")] : [];
  });
}

async function whole(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
