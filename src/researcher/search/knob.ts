/** One constant in an editable file that the search may set. */
export interface Knob {
  file: string;
  /** Unique within the file, e.g. `LEARNING_RATE` or `optimizer.lr`. */
  name: string;
  kind: "number" | "boolean" | "enum";
  value: number | boolean | string;
  /** Where the literal stands in the text, half-open. */
  start: number;
  end: number;
  literal: string;
  /** The values of an enum. */
  choices: string[];
  /** How values are written, in the file's language. */
  write: (value: number | boolean | string) => string;
  integer: boolean;
  /** Bounds that the file itself states in a comment. */
  low: number;
  high: number;
}

export type Value = Knob["value"];

/** A number in the manner of the literal that it replaces: exponents stay exponents, integers integers. */
export function writeNumber(value: number, like: string): string {
  const digits = Number(value.toPrecision(4));
  if (/^[+-]?[\d._]+e/i.test(like) && digits !== 0) return digits.toExponential().replace("e+", "e");
  const plain = Math.abs(digits) >= 1e21 ? String(digits) : digits.toFixed(Math.max(0, decimals(digits)));
  return /\d\.\d/.test(like) && Number.isInteger(digits) ? `${plain}.0` : plain;
}

function decimals(value: number): number {
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  return (mantissa.split(".")[1]?.length ?? 0) - Number(exponent);
}

/**
 * The value of a numeric expression of literals (`2 ** 14`, `16 * 1024`, `-1e-3`, `1_000`), or null.
 * Only arithmetic on numbers is understood; nothing is executed.
 */
export function numericValue(source: string): number | null {
  const tokens =
    source.replaceAll("_", "").match(/\*\*|[()*/+-]|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|\S/gi) ?? [];
  let at = 0;
  const peek = () => tokens[at];
  const sum = (): number => {
    let left = product();
    while (peek() === "+" || peek() === "-")
      left = tokens[at++] === "+" ? left + product() : left - product();
    return left;
  };
  const product = (): number => {
    let left = signed();
    while (peek() === "*" || peek() === "/") left = tokens[at++] === "*" ? left * signed() : left / signed();
    return left;
  };
  const signed = (): number => {
    if (peek() === "-") {
      at++;
      return -signed();
    }
    if (peek() === "+") at++;
    return power();
  };
  const power = (): number => {
    const base = atom();
    if (peek() !== "**") return base;
    at++;
    return base ** signed();
  };
  const atom = (): number => {
    const token = tokens[at++];
    if (token === "(") {
      const inner = sum();
      return tokens[at++] === ")" ? inner : Number.NaN;
    }
    return token !== undefined && /^[\d.]/.test(token) ? Number(token) : Number.NaN;
  };
  const value = sum();
  return at === tokens.length && Number.isFinite(value) ? value : null;
}

const anyString = /["']([^"'\n]{1,64})["']/g;

/** The quoted words of `"a" | "b"` or `["a", "b"]`. */
export function quotedWords(text: string): string[] {
  return [...text.matchAll(anyString)].map((match) => match[1] as string);
}

/** Choices that a comment lists: `relu | gelu | silu`, `one of: a, b`. The present value must be among them. */
export function choicesInComment(comment: string, present: string): string[] {
  const text = comment.replace(/^(\/\/|#|\/\*)\s*/, "").replace(/\*\/$/, "");
  for (const separator of ["|", ","]) {
    const listed = text
      .replace(/^.*?:\s*/, "")
      .split(separator)
      .map((word) => word.trim().replace(/^["'`]|["'`]$/g, ""));
    if (listed.length > 1 && listed.includes(present) && listed.every((word) => /^[\w./-]+$/.test(word)))
      return listed;
  }
  return [];
}

/** Bounds that a comment states: `0.1 .. 10`, `range 1-64`, `1 to 8`. */
export function boundsInComment(comment: string): { low: number; high: number } | null {
  const number = "[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?";
  const match = new RegExp(`(${number})\\s*(?:\\.\\.+|…|–|\\bto\\b|-)\\s*(${number})`, "i").exec(comment);
  if (!match) return null;
  const low = Number(match[1]);
  const high = Number(match[2]);
  return low < high ? { low, high } : null;
}

export interface Found {
  name: string;
  start: number;
  end: number;
  literal: string;
  value: Value;
  choices?: string[];
  write?: Knob["write"];
  comment?: string;
}

/** Completes what a language has found. */
export function knob(file: string, found: Found): Knob {
  const kind =
    typeof found.value === "number" ? "number" : typeof found.value === "boolean" ? "boolean" : "enum";
  const bounds = kind === "number" && found.comment ? boundsInComment(found.comment) : null;
  return {
    file,
    name: found.name,
    kind,
    value: found.value,
    start: found.start,
    end: found.end,
    literal: found.literal,
    choices: found.choices ?? [],
    write:
      found.write ??
      ((value) => (typeof value === "number" ? writeNumber(value, found.literal) : String(value))),
    integer:
      typeof found.value === "number" && Number.isInteger(found.value) && !/\d\.\d|e-/i.test(found.literal),
    low: bounds?.low ?? Number.NEGATIVE_INFINITY,
    high: bounds?.high ?? Number.POSITIVE_INFINITY,
  };
}

/** The rest of the line behind a position, for a trailing comment. */
export function restOfLine(text: string, from: number): string {
  const end = text.indexOf("\n", from);
  return text.slice(from, end < 0 ? undefined : end);
}
