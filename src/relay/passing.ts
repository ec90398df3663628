import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { Transform } from "node:stream";

/** Headers that concern one connection only stay on it (RFC 9110, 7.6.1). */
export function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
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

/** How long the body is, said anew: without, what follows a GET could be taken for a second request. */
export function framing(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  if (headers["transfer-encoding"] !== undefined) return { "transfer-encoding": "chunked" };
  return headers["content-length"] === undefined ? {} : { "content-length": headers["content-length"] };
}

/** Servers of the user's own take any word for a key, and such a word may stand in an answer. */
export const shortestSecret = 16;

/** The text with stars where the key was, as many as it had characters. */
export function masked(text: string, key: string): string {
  return text.replaceAll(key, "*".repeat(key.length));
}

export function maskedHeaders(headers: IncomingHttpHeaders, key: string): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((each) => masked(each, key)) : value && masked(value, key),
    ]),
  );
}

/** Passes bytes on with stars where the key is; only what may be the beginning of one is held back. */
export function masking(key: string): Transform {
  const secret = Buffer.from(key);
  let held: Buffer = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const all = Buffer.concat([held, chunk]);
      for (let at = all.indexOf(secret); at !== -1; at = all.indexOf(secret, at))
        all.fill("*", at, at + secret.length);
      let open = Math.min(secret.length - 1, all.length);
      while (open > 0 && !all.subarray(all.length - open).equals(secret.subarray(0, open))) open--;
      held = all.subarray(all.length - open);
      done(null, all.subarray(0, all.length - open));
    },
    flush: (done) => done(null, held),
  });
}

/** A status that can be passed on: some servers answer with what no client of ours could be told. */
export function statusOf(status: number | undefined): number {
  return status !== undefined && status >= 200 && status <= 599 ? status : 502;
}

/** Answers with a message, in the form that clients of OpenAI read. */
export function refuse(outgoing: ServerResponse, status: number, message: string): void {
  outgoing.writeHead(status, { "content-type": "application/json", connection: "close" });
  outgoing.end(JSON.stringify({ error: { message } }));
}
