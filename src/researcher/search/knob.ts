import { continuous, proportion } from "./words.ts";

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
  /** Where steps are even: in the logarithm, in the value itself, or (for shares below one) in the log-odds. */
  scale: "log" | "linear" | "odds";
  /** Bounds that the file itself states in a comment. */
  low: number;
  high: number;
}

export type Value = Knob["value"];

/**
 * A number in the manner of the literal that it replaces: exponents stay exponents, `1.0` gives `2.0`, `1_000` gives
 * `2_000`. At most 12 significant digits are written, whole numbers exactly.
 */
export function writeNumber(value: number, like: string): string {
  const digits = Number.isSafeInteger(value) ? value : Number(value.toPrecision(12));
  if (/^[+-]?[\d._]+e/i.test(like) && digits !== 0) {
    const written = digits.toExponential().replace("e+", "e");
    return like.includes("E") ? written.toUpperCase() : written;
  }
  // `toFixed` would answer with an exponent all the same, to which nothing can be added.
  if (Math.abs(digits) >= 1e21) return String(digits);
  const plain = digits.toFixed(Math.min(100, Math.max(0, decimals(digits))));
  if (/\d\.\d/.test(like) && Number.isInteger(digits)) return `${plain}.0`;
  return /\d_\d/.test(like) && Number.isInteger(digits) ? plain.replace(/\B(?=(\d{3})+$)/g, "_") : plain;
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
  const text = comment
    .replace(/^(\/\/|#|\/?\*+)\s*/, "")
    .replace(/\s*(\*\/|\([^)]*\)|\.)?\s*$/, "")
    .replace(/^(one of|either)\s+/i, "");
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

/**
 * Bounds that a comment states: `0.1 .. 10`, `range 1-64`, `1 to 8`. The present value must lie within, so that a year
 * or a page number in the comment is not taken for a bound.
 */
export function boundsInComment(comment: string, present: number): { low: number; high: number } | null {
  const number = "([+-]?(?:\\d[\\d_]*\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?)";
  const match =
    new RegExp(`${number}\\s*(?:\\.\\.+|…|–|\\bto\\b)\\s*${number}`, "i").exec(
      comment.replace(/(\d)(\.\.+)/g, "$1 $2 "),
    ) ??
    new RegExp(`\\b(?:range|between|from)\\b\\W{0,3}${number}\\s*(?:-|and\\b|,)\\s*${number}`, "i").exec(
      comment,
    );
  if (!match) return null;
  const [low, high] = [1, 2].map((group) => Number((match[group] as string).replaceAll("_", ""))) as [
    number,
    number,
  ];
  return low < high && low <= present && present <= high ? { low, high } : null;
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
  /** Bound that the language sets. */
  low?: number;
}

/** Completes what a language has found. */
export function knob(file: string, found: Found): Knob {
  const { value, literal, name } = found;
  const kind = typeof value === "number" ? "number" : typeof value === "boolean" ? "boolean" : "enum";
  const bounds = typeof value === "number" && found.comment ? boundsInComment(found.comment, value) : null;
  const { low, high } = bounds ?? {
    low: found.low ?? Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
  };
  return {
    file,
    name,
    kind,
    value,
    start: found.start,
    end: found.end,
    literal,
    choices: found.choices ?? [],
    write: found.write ?? ((to) => (typeof to === "number" ? writeNumber(to, literal) : String(to))),
    integer: Number.isInteger(value) && !/\d\.|e-/i.test(literal) && !continuous(name),
    scale: typeof value === "number" ? scaleOf(name, value, low, high) : "linear",
    low,
    high,
  };
}

function scaleOf(name: string, value: number, low: number, high: number): Knob["scale"] {
  if (value === 0 || (low < 0 && high > 0 && Number.isFinite(high))) return "linear";
  return value > 0 && value < 1 && high >= 1 && (value >= 0.9 || proportion(name)) ? "odds" : "log";
}

/** The comment on the same line behind a position, or alone on the line before. */
export function commentNear(text: string, from: number, marks: RegExp): string {
  const end = text.indexOf("\n", from);
  const rest = text.slice(from, end < 0 ? undefined : end);
  const mark = marks.exec(rest);
  if (mark) return rest.slice(mark.index);
  const line = text.lastIndexOf("\n", from - 1);
  const before = text.slice(text.lastIndexOf("\n", line - 1) + 1, Math.max(0, line)).trim();
  return line >= 0 && marks.exec(before)?.index === 0 ? before : "";
}
