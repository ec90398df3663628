import type { z } from "zod";
import { nearest } from "./near.ts";
import { otherNames } from "./otherNames.ts";
import { frontMatter, jsonSchema } from "./schema.ts";

export type Path = readonly (string | number)[];

/** What is wrong at a path of the front matter, and what to write instead. */
export interface Fault {
  path: Path;
  what: string;
  fix: string;
  severity?: "warning";
}

type Issue = z.core.$ZodIssue;

/** What a person must know about front matter that does not have the form of a contract. Empty: it has. */
export function explain(value: unknown, issues: readonly Issue[]): Fault[] {
  return issues.flatMap((issue) => one(value, issue, issue.path as Path));
}

function one(value: unknown, issue: Issue, path: Path): Fault[] {
  const given = at(value, path);
  const key = shown(path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((unknown) => {
      const ours = path.length === 0 ? otherNames.get(unknown.toLowerCase().replace(/[-_]/g, "")) : undefined;
      if (ours)
        return {
          path: [unknown],
          what: `unknown key \`${unknown}\`: here that is said otherwise`,
          fix: ours(given),
        };
      const near = nearest(unknown, keysAt(path));
      return {
        path: [...path, unknown],
        what: `unknown key \`${shown([...path, unknown])}\`${near ? ` (did you mean \`${near}\`?)` : ""}`,
        fix: near
          ? `${near}: ...`
          : "nothing here: leave it out, or put it into the text below the front matter",
      };
    });
  if (given === undefined) return [{ path, what: `\`${key}\` is missing`, fix: form(path) }];
  if (issue.code === "invalid_union") {
    // Of the alternatives, the one whose outermost form fits explains best what is wrong inside it.
    const structured = typeof given === "object" && given !== null;
    const fitting = issue.errors
      .filter((inner) =>
        inner.every(
          ({ path: below, code }) =>
            below.length > 0 || (code !== "invalid_type" && !(structured && code === "invalid_value")),
        ),
      )
      // Of several objects the one that knows most of the keys is meant.
      .sort((a, b) => strangers(a) - strangers(b))[0];
    if (fitting)
      return withoutEchoes(value, fitting, path).flatMap(([inner, below]) => one(value, inner, below));
    return [{ path, what: `\`${key}\` is ${kindOf(given)}`, fix: form(path) }];
  }
  return [{ path, what: `\`${key}\` ${wrong(issue, given)}`, fix: fixFor(issue, given, path) }];
}

/** Each issue with its path. Where a key is misspelt, that a key is missing says the same once more, or misleads. */
function withoutEchoes(value: unknown, issues: readonly Issue[], path: Path): [Issue, Path][] {
  const placed = issues.map((issue): [Issue, Path] => [issue, [...path, ...(issue.path as Path)]]);
  const isMisspelt = placed.some(
    ([issue, below]) =>
      issue.code === "unrecognized_keys" &&
      issue.keys.some((unknown) => nearest(unknown, keysAt(below)) !== null),
  );
  return isMisspelt ? placed.filter(([, below]) => at(value, below) !== undefined) : placed;
}

/** How many keys an alternative does not know or does not find. */
function strangers(issues: readonly Issue[]): number {
  return issues.reduce((sum, each) => sum + (each.code === "unrecognized_keys" ? each.keys.length : 1), 0);
}

function wrong(issue: Issue, given: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return `is ${kindOf(given)}, not ${article(issue.expected)}`;
    case "too_small":
      return issue.origin === "string" || issue.origin === "array" ? "is empty" : `is below ${issue.minimum}`;
    case "too_big":
      return `is above ${issue.maximum}`;
    case "invalid_value":
      return `is none of ${issue.values.join(", ")}`;
    case "invalid_format":
      return issue.message;
    default:
      return issue.message;
  }
}

/** What is said elsewhere for a direction -> our word. */
const meanings: ReadonlyMap<string, string> = new Map([
  ..."up max maximum higher high highest increase increasing larger bigger greater more asc ascending"
    .split(" ")
    .map((word): [string, string] => [word, "maximize"]),
  ..."down min minimum lower low lowest decrease decreasing smaller fewer less desc descending"
    .split(" ")
    .map((word): [string, string] => [word, "minimize"]),
]);

function fixFor(issue: Issue, given: unknown, path: Path): string {
  if (issue.code !== "invalid_value") return form(path);
  const values = issue.values.map(String);
  const meant = typeof given === "string" ? (meanings.get(given.toLowerCase()) ?? null) : null;
  const near = typeof given === "string" ? nearest(given, values) : null;
  return `${String(path.at(-1))}: ${[meant, near].find((each) => each !== null && values.includes(each)) ?? values[0]}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return "text";
  return typeof value === "number" ? `the number ${value}` : "true or false";
}

function article(expected: string): string {
  const names: Record<string, string> = {
    string: "text",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
  };
  return names[expected] ?? `${/^[aeio]/.test(expected) ? "an" : "a"} ${expected}`;
}

function at(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<PropertyKey, unknown>)[part];
  }
  return here;
}

/** The path as a person says it: `guards.0.max`. */
export function shown(path: Path): string {
  const text = path.map((part) => String(part)).join(".");
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

/** The keys that are known at a path. */
function keysAt(path: Path): string[] {
  if (path.length === 0) return Object.keys(frontMatter.shape);
  let nodes: JsonSchema[] = [jsonSchema() as JsonSchema];
  for (const part of path)
    nodes = nodes
      .map((node) => (typeof part === "number" ? node.items : node.properties?.[part]))
      .filter((node) => node !== undefined)
      .flatMap((node) => [node, ...(node.anyOf ?? [])]);
  return nodes.flatMap((node) => Object.keys(node.properties ?? {}));
}

/** An example of what belongs at a path. */
export function form(path: Path): string {
  const names = path.filter((part) => typeof part === "string");
  for (let length = names.length; length > 0; length--) {
    const example = forms[names.slice(0, length).join(".")];
    if (example) return example;
  }
  return "key: value";
}

const forms: Record<string, string> = {
  goal: "goal: one line that says what the lab is for",
  metric: "metric: NAME, or metric: {name: NAME, direction: minimize}",
  "metric.name": "name: val_loss",
  "metric.target": "target: 0.9",
  "metric.minEffect": "minEffect: 0.001",
  "metric.unit": "unit: s",
  "metric.from":
    "from: hyperfine, or from: {json: $OUT/bench.json, at: results[0].mean}, {csv: FILE, column: NAME}, {regex: 'loss\\s+(\\S+)'}, {junit: FILE}, {preset: NAME, path: FILE}",
  "metric.from.at": "at: results[0].mean",
  "metric.from.json": 'json: $OUT/bench.json (`"-"`: the output)',
  "metric.from.column": "column: real_time",
  "metric.from.row": "row: last, first, a number from 0, or COLUMN=VALUE",
  "metric.from.path": "path: $OUT/bench.json",
  "metric.clock": "clock: wall, or cpu, memory, `size dist/app.js`",
  direction: "direction: minimize, or direction: maximize",
  change: "change: [path/of/the/file.ts]",
  run: "run: node train.ts",
  score: "score: node score.ts, or score: {command: node score.ts, private: [hidden.json]}",
  "score.pipe": "pipe: true",
  "score.copies": "copies: 2 (1 to 16)",
  "score.time": "time: 60s",
  budget: "budget: 30s, or budget: {time: 30s, memory: 2GB}",
  "budget.cpus": 'cpus: 2, or by number: cpus: "2,3"',
  "budget.processes": "processes: 256",
  "budget.network": "network: [example.org:443], or network: true",
  "budget.gpus": "gpus: 1, or gpus: {count: 1, memory: 16GB, kind: nvidia}",
  setup: "setup: node prepare.ts, or setup: {run: npm ci, network: true}",
  checks: "checks: [npm test], or checks: [{run: npm test, time: 2m}]",
  guards: "guards: [{name: peak, clock: memory, tolerance: 5%}]",
  "guards.name": "name: peak_memory",
  "guards.from": "from: {json: $OUT/bench.json, at: results[0].stddev}, as for the metric",
  "guards.clock": "clock: wall, or cpu, memory, `size dist/app.js`",
  inputs: "inputs: [data]",
  env: "env: [CUDA_HOME, {OMP_NUM_THREADS: 2}]",
  envFile: "envFile: .env",
  secrets: "secrets: [JUDGE_KEY], or secrets: [{name: API_KEY, to: run}]",
  model: "model: provider/name, or model: {model: provider/name, to: score, calls: 50}",
  cache: "cache: [triton, {env: MY_CACHE_DIR}]",
  tree: "tree: overlay",
  image: "image: docker.io/library/python:3.12@sha256:...",
  warmup: "warmup: 1",
  write: "write: [build]",
  stages: "stages: [{name: quick, run: node train.ts --quick}]",
  holdout: "holdout: node score.ts --holdout, or holdout: {score: COMMAND, private: [holdout.json]}",
  session: "session: {experiments: 100, time: 8h}",
  researcher:
    "researcher: search, claude, codex, gemini, opencode, pi, `command: ...`, `acp: ...` or `model: provider/name`",
  researchers: "researchers: [{agent: claude, role: architect}, {model: openai/gpt-x}]",
  briefing: "briefing: {tokens: 24000}",
  stuck: "stuck: {refine: 5, redirect: 10, rewind: 20}",
  decision: "decision: balanced, or decision: {preset: strict, alpha: 0.01}",
  isolation: "isolation: best",
  parallel: "parallel: 1",
};
