/** Something read from an agent's output, of which nothing is sure. */
export type Fields = Readonly<Record<string, unknown>>;

/** The object in a line of JSON; null for anything else. */
export function parseObject(line: string): Fields | null {
  if (!line.startsWith("{")) return null;
  try {
    return fields(JSON.parse(line));
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

const longest = 65_536;

/** A text that fits into a trace: of a longer one the middle is left out. */
export function clip(text: string): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest / 2)}\n[... ${text.length - longest} characters ...]\n${text.slice(-longest / 2)}`;
}

/** What a tool was given or gave back, as text: text as it is, anything else as JSON. */
export function asText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return clip(typeof value === "string" ? value : JSON.stringify(value));
}

/** The text of a content that is a string or a list of parts, of which some are text. */
export function contentText(content: unknown): string | null {
  if (typeof content === "string") return clip(content);
  const parts = list(content).flatMap((part) => string(fields(part).text) ?? []);
  return parts.length === 0 ? null : clip(parts.join("\n"));
}
