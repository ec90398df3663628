/** Bytes of an answer's text: an agent's context is dear. */
export const answerLimit = 4096;

/** Text of at most so many bytes of UTF-8: whole lines from its beginning, and how many more there would be. */
export function fitted(text: string, limit = answerLimit): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const lines = text.split("\n");
  let bytes = 40;
  let count = 0;
  for (const line of lines) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > limit) break;
    count++;
  }
  const begin = lines.slice(0, count).join("\n");
  if (count > 0) return `${begin}\n… and ${lines.length - count} more lines`;
  return `${Buffer.from(text)
    .subarray(0, limit - 40)
    .toString("utf8")
    .replace(/\ufffd$/u, "")} …`;
}
