import { isMapping } from "./parse.ts";
import { allowedName, type FrontMatter, type Value } from "./rules.ts";
import type { Skill } from "./skill.ts";
import { splitTools } from "./tools.ts";
import { document, quoted, scalar } from "./write.ts";

/**
 * The richer front matter that some skill libraries write: a name with spaces, `category`, `icon`, `generation`,
 * `effectiveness_score`, `allowed_tools` and `evolution_history`. The specification knows none of these keys, so they
 * become metadata here: what a folder says of its own worth is kept as its claim, and is never taken for a measurement.
 */
const claims = {
  category: "category",
  icon: "icon",
  generation: "claimed-generation",
  effectiveness_score: "claimed-effectiveness-score",
  evolution_history: "claimed-evolution-history",
} as const;
const title = "title";
/** Other keys that the specification does not know. */
const others = "extra-";

/** Whether keys beyond the specification's, or a name that it does not allow, were read. */
export function isRicher(skill: Skill, extra: FrontMatter): boolean {
  return Object.keys(extra).length > 0 || skill.name !== allowedName(skill.name);
}

/** A skill that the specification allows, with everything else in its metadata, as text. */
export function fromRicher(skill: Skill, extra: FrontMatter): Skill {
  const metadata: Record<string, string> = { ...skill.metadata };
  const name = allowedName(skill.name);
  if (name !== skill.name) metadata[title] = skill.name;
  for (const [key, value] of Object.entries(extra)) {
    if (key === "allowed_tools") continue;
    const known = Object.hasOwn(claims, key) ? claims[key as keyof typeof claims] : `${others}${key}`;
    metadata[known] = typeof value === "string" ? value : JSON.stringify(value);
  }
  const { allowed_tools: tools } = extra;
  const listed = Array.isArray(tools)
    ? tools.filter((tool) => typeof tool === "string")
    : splitTools(typeof tools === "string" ? tools.replaceAll(",", " ") : "");
  return {
    ...skill,
    name,
    metadata,
    allowedTools: [...new Set([...skill.allowedTools, ...listed])],
  };
}

/** What is known of a skill by measurement and goes out in place of older claims. */
export interface Measured {
  /** Number of the version. */
  generation?: number;
  /** SES, 0 to 100. */
  effectivenessScore?: number;
  evolutionHistory?: readonly { readonly [key: string]: Value }[];
}

/** The `SKILL.md` with the richer front matter. The specification's validator refuses it; others ask for it. */
export function toRicher(skill: Skill, measured: Measured = {}): string {
  const { [title]: name = skill.name, ...metadata } = skill.metadata;
  const lines = [`name: ${scalar(name)}`, `description: ${scalar(skill.description)}`];
  const given: Record<string, Value | undefined> = {
    generation: measured.generation?.toString(),
    effectiveness_score: measured.effectivenessScore?.toString(),
    evolution_history: measured.evolutionHistory,
  };
  for (const [key, claim] of Object.entries(claims)) {
    const value = given[key] ?? unfolded(metadata[claim]);
    delete metadata[claim];
    if (value !== undefined) lines.push(...entry(key, value, ""));
  }
  if (skill.allowedTools.length > 0) lines.push(...entry("allowed_tools", skill.allowedTools, ""));
  if (skill.license !== undefined) lines.push(`license: ${scalar(skill.license)}`);
  if (skill.compatibility !== undefined) lines.push(`compatibility: ${scalar(skill.compatibility)}`);
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (key.startsWith(others)) lines.push(...entry(key.slice(others.length), unfolded(value) ?? "", ""));
    else kept[key] = value;
  if (Object.keys(kept).length > 0) lines.push(...entry("metadata", kept, ""));
  return document(lines, skill.instructions);
}

/** A list or a map that was kept as JSON; other texts as they are. */
function unfolded(text: string | undefined): Value | undefined {
  if (text === undefined || !/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text;
  }
}

/** `key: value` in block style, one level of two spaces for each depth. */
function entry(key: string, value: Value, indent: string): string[] {
  const head = `${indent}${scalar(key)}:`;
  if (typeof value === "string") return [`${head} ${number(value) ? value : scalar(value)}`];
  if (Array.isArray(value))
    return value.length === 0
      ? [`${head} []`]
      : [head, ...value.flatMap((each) => item(each, `${indent}  `))];
  const inner = Object.entries(value);
  if (inner.length === 0) return [`${head} {}`];
  return [head, ...inner.flatMap(([name, each]) => entry(name, each, `${indent}  `))];
}

function item(value: Value, indent: string): string[] {
  if (typeof value === "string") return [`${indent}- ${number(value) ? value : scalar(value)}`];
  // A list in a list is rare enough to go on one line.
  if (!isMapping(value)) return [`${indent}- ${quotedFlow(value)}`];
  const inner = Object.entries(value).flatMap(([name, each]) => entry(name, each, `${indent}  `));
  const [first = `${indent}  {}`, ...rest] = inner;
  return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
}

function quotedFlow(value: Value): string {
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(quotedFlow).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, each]) => `${quoted(key)}: ${quotedFlow(each)}`)
    .join(", ")}}`;
}

/** Written without quotes, so that others read a number again. */
function number(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text);
}
