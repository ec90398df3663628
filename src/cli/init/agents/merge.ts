import { parse, stringify } from "smol-toml";
import type { Merge } from "./agent.ts";

export type Merged =
  | { kind: "new"; text: string }
  /** It is there already, as ours or as somebody's own: nothing is changed. */
  | { kind: "there"; same: boolean }
  /** The file cannot be read as what it should be: nothing is changed. */
  | { kind: "unreadable"; why: string };

/**
 * A configuration file with one more part; whatever else it holds stays, and what is there already is never replaced.
 *
 * @param text null: there is no such file yet.
 */
export function merged(text: string | null, merge: Merge): Merged {
  try {
    return merge.format === "toml" ? inToml(text ?? "", merge) : inJson(text, merge);
  } catch (error) {
    return { kind: "unreadable", why: (error as Error).message.split("\n")[0] ?? "" };
  }
}

function inToml(text: string, { table, values }: Extract<Merge, { format: "toml" }>): Merged {
  let at: unknown = parse(text);
  for (const name of table) at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  if (at !== undefined) return { kind: "there", same: isSame(at, values) };
  // Written at the end rather than through a writer: comments and order stay, byte for byte.
  const before =
    text === "" || text.endsWith("\n\n") ? text : text.endsWith("\n") ? `${text}\n` : `${text}\n\n`;
  const added = `[${table.join(".")}]\n${stringify(values)}`;
  const result = before + (added.endsWith("\n") ? added : `${added}\n`);
  parse(result);
  return { kind: "new", text: result };
}

function inJson(text: string | null, merge: Exclude<Merge, { format: "toml" }>): Merged {
  const blank = text === null || text.trim() === "";
  const root: unknown = blank ? { ...merge.defaults } : JSON.parse(text);
  if (!isObject(root)) return { kind: "unreadable", why: "it is no JSON object" };
  let at = root;
  const [last, ...way] = merge.path.toReversed() as [string, ...string[]];
  for (const name of way.reverse()) {
    if (!Object.hasOwn(at, name)) at[name] = {};
    const next = at[name];
    if (!isObject(next)) return { kind: "unreadable", why: `"${name}" is no object in it` };
    at = next;
  }
  const there = Object.hasOwn(at, last) ? at[last] : undefined;
  if (merge.format === "json") {
    if (there !== undefined) return { kind: "there", same: isSame(there, merge.value) };
    at[last] = merge.value;
  } else {
    if (there !== undefined && !Array.isArray(there))
      return { kind: "unreadable", why: `"${last}" is no list in it` };
    const list: unknown[] = there ?? [];
    if (commands(list).includes(merge.command)) return { kind: "there", same: true };
    at[last] = [...list, merge.value];
  }
  return { kind: "new", text: `${JSON.stringify(root, null, indentOf(text))}\n` };
}

/** Every `command` below a value. */
function commands(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(commands);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === "command" ? [inner] : commands(inner)));
}

function indentOf(text: string | null): string {
  return /^[{[]\r?\n([ \t]+)\S/.exec(text ?? "")?.[1] ?? "  ";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
