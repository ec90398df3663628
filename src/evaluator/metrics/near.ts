import { cleaned } from "./clean.ts";
import { jsonNumbers, jsonSource } from "./jsonGuess.ts";
import { isUnit, numberPattern, parseQuantity } from "./quantity.ts";
import { readRegex } from "./regex.ts";

/** A line of the output that may hold the metric under another name or in another form. */
export interface NearLine {
  line: string;
  /** What stands before the number: `val-bpb`. */
  label: string;
  /** A pattern for `from: {regex: ...}` that reads this number. */
  regex: string;
  value: number;
  /** The unit as printed; "" for none. */
  unit: string;
  /** 1: the same name in other letters; 0: only a line with a number. */
  likeness: number;
}

/** A number on a line, with what stands before it. */
export interface LabelledNumber extends Omit<NearLine, "likeness" | "regex"> {
  /** What stands between the label and the number. */
  gap: string;
}

/** Only the end of a long output is looked at, characters: results come last. */
const looked = 128 * 1024;
const longestLine = 2000;
/** Characters before a number in which its label is looked for. */
const reach = 120;
/** Numbers of a line that are looked at. */
const most = 20;
const numbers = new RegExp(
  String.raw`(?<![\w.])(${numberPattern})(?!\d|\w*[.:-]\d)\s?([%×A-Za-zµμ]{1,12}(?:\/[A-Za-z]{1,12})?)?`,
  "g",
);

/** The lines that come nearest to a metric's name, the likeliest first; of equal ones the last. */
export function nearLines(output: string, name: string, limit = 3): NearLine[] {
  const text = cleaned(output.slice(-looked));
  const found = text
    .split("\n")
    .flatMap((line, index) =>
      numbersOn(line).map((each) => ({ ...each, index, likeness: likeness(each.label, name) })),
    );
  const sorted = found.sort((a, b) => b.likeness - a.likeness || b.index - a.index);
  const seen = new Set<string>();
  const near: NearLine[] = [];
  for (const { index: _, gap, ...each } of sorted.slice(0, 50)) {
    if (near.length === limit) break;
    if (seen.has(each.label)) continue;
    seen.add(each.label);
    const regex = patternOf({ ...each, gap });
    if (regex === null) continue;
    // A suggestion is made only where it reads just this number.
    const read = readRegex(text, regex);
    if ("value" in read && read.value === each.value) near.push({ ...each, regex });
  }
  return near;
}

/** What to write for a near line, as it belongs into the contract. */
export function suggestion(name: string, { regex }: Pick<NearLine, "regex">): string {
  return `metric: {name: ${name}, from: {regex: '${regex.replaceAll("'", "''")}'}}`;
}

/** The nearest numbers and what to write, as one sentence; "" when no line has a number. */
export function nearestWords(output: string, name: string): string {
  // A line of JSON has its numbers at paths: a pattern for it would read what is printed beside it next time.
  return nearestInJson(output, name) ?? nearestOnLines(output, name);
}

function nearestInJson(output: string, name: string): string | null {
  const all = jsonNumbers(cleaned(output)).flatMap((each) => {
    const source = jsonSource(each);
    return source?.kind === "json" ? [{ path: source.at, like: likeness(each.name, name) }] : [];
  });
  const close = all.filter(({ like }) => like > 0).sort((a, b) => b.like - a.like);
  const [best] = close.length > 0 ? close : all;
  if (best === undefined) return null;
  const shown = (close.length > 0 ? close : all).slice(0, 3).map(({ path }) => `\`${path}\``);
  return `nearest: the JSON in it has numbers at ${shown.join(", ")}; to read the first one write metric: {name: ${name}, from: {json: "-", at: '${best.path.replaceAll("'", "''")}'}}`;
}

function nearestOnLines(output: string, name: string): string {
  const near = nearLines(output, name);
  const [best] = near;
  if (!best) return "";
  const close = near.filter(({ likeness: how }) => how > 0);
  const shown = new Set(
    (close.length > 0 ? close : near).map(({ line }) => `\`${line.trim().slice(0, 100)}\``),
  );
  return `nearest: ${[...shown].join(", ")}; to read the first one write ${suggestion(name, best)}`;
}

/** The first numbers on a line that something stands before; none on a line that is very long. */
export function numbersOn(line: string): LabelledNumber[] {
  if (line.length > longestLine) return [];
  return [...line.matchAll(numbers)].slice(0, most).flatMap((match) => {
    const before = labelBefore(line.slice(Math.max(0, match.index - reach), match.index));
    const unit = match[2] !== undefined && isUnit(match[2]) ? match[2] : "";
    const quantity = parseQuantity(`${match[1]} ${unit}`);
    if (before === null || !quantity || !Number.isFinite(quantity.value)) return [];
    return [{ line, ...before, value: quantity.value, unit }];
  });
}

/** The simplest pattern that reads a number with its unit, which is the one that a person understands; null: none does. */
export function patternOf({ line, label, gap, value, unit }: LabelledNumber): string | null {
  const before = `${literal(label)}${literal(gap)}`;
  const wanted = parseQuantity(`${value} ${unit}`);
  const reads = (pattern: string) => {
    const read = readRegex(line, pattern);
    return "value" in read && read.value === wanted?.value && read.unit === wanted.unit;
  };
  return figures.map((figure) => `${before}${figure}`).find(reads) ?? null;
}

/**
 * Up to four words at the end of a text, and what stands between them and a number. Every character is looked at once or
 * twice: a pattern would try each of the many ways to take such a text apart.
 */
function labelBefore(text: string): { label: string; gap: string } | null {
  let end = text.length;
  while (end > 0 && !/[A-Za-z0-9_]/.test(text[end - 1] as string)) end--;
  while (end < text.length && wordCharacter.test(text[end] as string)) end++;
  let start: number | null = null;
  for (let words = 0, at = end; words < 4; words++) {
    let from = at;
    while (from > 0 && wordCharacter.test(text[from - 1] as string)) from--;
    const first = text.slice(from, at).search(/[A-Za-z_%µ]/);
    if (first < 0) break;
    start = from + first;
    if (first > 0 || text[from - 1] !== " ") break;
    at = from - 1;
  }
  return start === null ? null : { label: text.slice(start, end), gap: text.slice(end) };
}

const wordCharacter = /[\wµ%./()@-]/;
const figures = [
  String.raw`(\S+)`,
  String.raw`(\S+ \S+)`,
  String.raw`([-+\d.,eE]+)`,
  String.raw`([-+]?[\d,]*\.?\d+(?:[eE][-+]?\d+)?\s?[%×A-Za-zµμ/]*)`,
];

/** The text as a pattern; blanks match blanks of any number, since tools align their columns. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+");
}

/** How alike a label, or some neighbouring words of it, and a name are: from 0 to 1. */
export function likeness(label: string, name: string): number {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const wanted = plain(name);
  const words = label.split(/\s+/);
  const best = words.flatMap((_, from) =>
    words.slice(from).map((__, more) => alike(plain(words.slice(from, from + more + 1).join(" ")), wanted)),
  );
  return Math.max(0, ...best);
}

function alike(one: string, other: string): number {
  if (one === other) return 1;
  if (one.length < 2 || other.length < 2) return 0;
  if (one.includes(other) || other.includes(one))
    return 0.5 + Math.min(one.length, other.length) / Math.max(one.length, other.length) / 3;
  const shared = new Set(pairs(one).filter((pair) => pairs(other).includes(pair))).size;
  const share = (2 * shared) / (new Set(pairs(one)).size + new Set(pairs(other)).size);
  return share > 0.4 ? share / 2 : 0;
}

/** The pairs of neighbouring letters. */
function pairs(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - 1) }, (_, index) => text.slice(index, index + 2));
}
