/** What a text says in the place of a secret. */
const mark = "[key]";
/** Characters of a secret's encoded form; a shorter one would be found in texts that do not hold the secret. */
const leastEncoded = 8;

/**
 * Puts a mark in the place of every secret, in records and messages, however the text writes it: as it is, escaped as in
 * JSON or an address, in hexadecimal or in base64.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const known = [...new Set(secrets.flatMap(variantsOf))].sort((a, b) => b.length - a.length);
  return (text) => known.reduce((rest, secret) => rest.replaceAll(secret, mark), text);
}

/** The forms in which a program may print a secret; the secret itself comes first. */
function variantsOf(secret: string): string[] {
  if (secret === "") return [];
  const bytes = Buffer.from(secret);
  const encoded = [
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
    // Programs print a long value in lines, and a secret of several lines one line at a time.
    ...secret.split(/\r?\n/).filter((line) => line !== secret && line.length >= leastEncoded),
  ];
  return [secret, ...encoded.filter((form) => form !== secret && form.length >= leastEncoded)];
}

/**
 * The characters of base64 that depend on these bytes alone when `offset` other bytes stand before them: what stands
 * around a secret (`user:` in a header, say) changes the characters at its edges.
 */
function base64At(bytes: Buffer, offset: number): string[] {
  const lead = Buffer.alloc(offset);
  const whole = Buffer.concat([lead, bytes]);
  const start = offset === 0 ? 0 : offset + 1;
  const end = Math.floor((whole.length * 8) / 6);
  const text = whole.toString("base64").slice(start, end);
  return [text, text.replaceAll("+", "-").replaceAll("/", "_")];
}
