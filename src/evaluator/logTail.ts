import type { Environment } from "./environment.ts";

/** Bytes of a log that a ledger keeps. */
const kept = 4096;
/** Bytes at a cut in which the rest of a secret may stand that is no longer recognised: a private key is as long. */
const leastEdge = 4096;

/**
 * The end of a log, without the secrets that it holds. Where the log is cut, so much is left out that nothing remains of
 * a secret through which the cut goes.
 *
 * @param shares how many logs share the room of one.
 */
export function logTail(
  log: string,
  { redact, longestSecret }: Pick<Environment, "redact" | "longestSecret">,
  shares = 1,
): string {
  const limit = Math.floor(kept / shares) - (shares > 1 ? 1 : 0);
  const bytes = Buffer.from(log.trim() === "" ? "" : log.trimEnd());
  const edge = Math.max(leastEdge, longestSecret);
  const reach = 2 * limit + edge;
  if (bytes.length <= reach) return end(Buffer.from(redact(bytes.toString())), limit);
  const clean = Buffer.from(redact(bytes.subarray(bytes.length - reach).toString()));
  return end(clean.subarray(edge), limit);
}

function end(bytes: Buffer, limit: number): string {
  if (bytes.length <= limit) return whole(bytes);
  return whole(bytes.subarray(bytes.length - limit));
}

/** The text without the rest of a character at its beginning. */
function whole(bytes: Buffer): string {
  return bytes.toString().replace(/^\uFFFD+/, "");
}
