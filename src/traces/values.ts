/** Something read from a transcript, of which nothing is sure. */
export type Fields = Readonly<Record<string, unknown>>;

/** The object in a line of JSON; null for anything else. */
export function parseObject(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

/** What is an object, else an empty one. */
export function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function string(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A moment written as text or as milliseconds since the epoch. */
export function moment(value: unknown): number | null {
  const at = typeof value === "string" ? Date.parse(value) : number(value);
  return at === null || Number.isNaN(at) ? null : at;
}

/** Text as it is, anything else as JSON; null for nothing. */
export function asText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The text of a content that is a string or a list of parts, of which some are text. */
export function contentText(content: unknown): string | null {
  if (typeof content === "string") return content;
  const parts = list(content).flatMap((part) => string(fields(part).text) ?? []);
  return parts.length === 0 ? null : parts.join("\n");
}
