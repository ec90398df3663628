import { createHash } from "node:crypto";
import picomatch from "picomatch";
import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { parameterNames, rule } from "../decision/index.ts";
import type { Budget, Clock, Contract, Direction, Guard, Problem, Program, Score, Step } from "./contract.ts";
import { type FrontMatter, frontMatter } from "./schema.ts";
import { parseDuration, parseSize, parseTolerance } from "./units.ts";
import { unsupported } from "./unsupported.ts";

export interface Parsed {
  /** Null when a problem is an error. */
  program: Program | null;
  problems: Problem[];
}

type Path = readonly (string | number)[];
type Complain = (path: Path, what: string, fix: string, severity?: Problem["severity"]) => void;

const defaultMemory = 4 * 2 ** 30;

/**
 * Reads a `program.md`: YAML front matter as the contract, the Markdown below as instructions.
 * Nothing in it is executed. Never throws: whatever is wrong comes back as problems with a place.
 *
 * @param options.file its name within the lab, so that a contract that may edit itself is noticed.
 *
 * @example
 * const { program, problems } = parseProgram(text);
 * for (const problem of problems) console.error(formatProblem("program.md", problem));
 */
export function parseProgram(source: string, options: { file?: string } = {}): Parsed {
  const problems: Problem[] = [];
  const whole = source.replace(/^\uFEFF/, "");
  const open = /^---[ \t]*\r?\n/.exec(whole);
  if (!open) {
    const js = /^---\S+/.exec(whole);
    problems.push({
      severity: "error",
      line: 1,
      column: 1,
      what: js ? `front matter in another language than YAML (${js[0]})` : "there is no front matter",
      fix: "begin the file with a line `---`, the contract in YAML, and a line `---` (or run `whet init`)",
    });
    return { program: null, problems };
  }
  const normal = whole.replaceAll("\r\n", "\n").replaceAll("\r", " ");
  const start = normal.indexOf("\n") + 1;
  const end = normal.slice(start).search(/^---[ \t]*$/m);
  if (end < 0) {
    problems.push({
      severity: "error",
      line: 1,
      column: 1,
      what: "the front matter has no end",
      fix: "write a line `---` between the contract and the instructions",
    });
    return { program: null, problems };
  }
  const yaml = normal.slice(start, start + end);
  const instructions = normal.slice(start + end).replace(/^---[ \t]*\n?/, "");

  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false, stringKeys: true, version: "1.2" });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(Math.min(Math.max(0, offset), yaml.length));
    return { line: Math.max(1, line) + 1, column: Math.max(1, col) };
  };
  for (const error of document.errors)
    problems.push({ severity: "error", ...at(error.pos[0]), what: `this is not valid YAML: ${error.message}`, fix: "see https://yaml.org/spec for the form, or quote the value" });
  if (problems.length > 0) return { program: null, problems };

  const complain: Complain = (path, what, fix, severity = "error") => {
    problems.push({ severity, ...at(placeOf(document.contents, path)), what, fix });
  };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    complain([], `this YAML cannot be read: ${(error as Error).message}`, "write it without aliases");
    return { program: null, problems };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    complain([], "the front matter is no list of `key: value` lines", "metric: NAME, change: FILE, run: COMMAND, budget: 30s");
    return { program: null, problems };
  }
  const checked = frontMatter.safeParse(value);
  if (!checked.success) {
    for (const issue of checked.error.issues) explain(issue, value as Record<string, unknown>, complain);
    return { program: null, problems };
  }
  for (const { path, what, fix } of unsupported(checked.data)) complain(path, what, fix);
  const contract = fill(checked.data, instructions, complain);
  contradictions(contract, checked.data, options.file ?? "program.md", complain);
  if (problems.some((problem) => problem.severity === "error")) return { program: null, problems };
  const hash = createHash("sha256").update(source).digest("hex");
  return { program: { contract, instructions: instructions.trim(), hash }, problems };
}

/** `program.md:7:3: error: what. Write: fix` */
export function formatProblem(file: string, problem: Problem): string {
  return `${file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.what}. Write: ${problem.fix}`;
}

/** Offset of the node at a path; of its nearest parent where the path leads nowhere. */
function placeOf(contents: unknown, path: Path): number {
  let node = contents as Node | null;
  let offset = 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (node && "items" in node) {
      node = ((node.items as unknown[])[Number(part)] as Node | undefined) ?? null;
      offset = node?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

interface Issue {
  code: string;
  path: PropertyKey[];
  message: string;
  keys?: string[];
  errors?: Issue[][];
  expected?: string;
  values?: unknown[];
}

function explain(issue: unknown, value: Record<string, unknown>, complain: Complain): void {
  const { code, path: rawPath, message, keys, errors, expected, values } = issue as Issue;
  const path = rawPath as (string | number)[];
  const key = path.join(".");
  if (code === "unrecognized_keys") {
    for (const unknown of keys ?? []) {
      const near = path.length === 0 ? nearest(unknown, Object.keys(frontMatter.shape)) : null;
      complain(
        [...path, unknown],
        `unknown key \`${[...path, unknown].join(".")}\``,
        near ? `${near}: (did you mean this?)` : "leave it out, or put it into the text below the front matter",
      );
    }
    return;
  }
  if (code === "invalid_union" && errors) {
    // The alternative that got furthest explains best: an unknown key inside an object, not "expected a string".
    const given = path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part], value);
    const isObject = typeof given === "object" && given !== null;
    const best = errors.find((list) => isObject && list.every((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys"));
    if (best) for (const inner of best) explain({ ...inner, path: [...path, ...inner.path] }, value, complain);
    else complain(path, given === undefined ? `\`${key}\` is missing` : `\`${key}\` has a form that is not understood`, forms[String(path[0])] ?? `see docs/contract.md for \`${key}\``);
    return;
  }
  const missing = path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part], value) === undefined;
  if (missing) complain(path, `\`${key}\` is missing`, forms[String(path[0])] ?? `${key}: ${expected ?? "a value"}`);
  else if (values) complain(path, `\`${key}\` is none of ${values.join(", ")}`, `${key}: ${String(values[0])}`);
  else complain(path, `\`${key}\`: ${message.toLowerCase()}`, forms[String(path[0])] ?? `${key}: ${expected ?? "a value of the right kind"}`);
}

const forms: Record<string, string> = {
  goal: "goal: one line that says what the lab is for",
  metric: "metric: NAME, or metric: {name: NAME, direction: minimize}",
  direction: "direction: minimize, or direction: maximize",
  change: "change: [path/of/the/file.ts]",
  run: "run: node train.ts",
  score: "score: node score.ts",
  budget: "budget: 30s, or budget: {time: 30s, memory: 2GB}",
  setup: "setup: node prepare.ts",
  checks: "checks: [npm test]",
  guards: "guards: [{name: size, direction: minimize, tolerance: 5%}]",
  inputs: "inputs: [data]",
  write: "write: [build]",
  holdout: "holdout: {score: node score.ts --holdout, private: [data/holdout.bin]}",
  session: "session: {experiments: 100, time: 8h}",
  decision: "decision: balanced",
};

/** The known key that differs least, if it differs little. */
function nearest(word: string, known: readonly string[]): string | null {
  const scored = known.map((key) => [distance(word.toLowerCase(), key.toLowerCase()), key] as const).sort((a, b) => a[0] - b[0]);
  const [best] = scored;
  return best && best[0] <= Math.max(1, Math.floor(best[1].length / 3)) ? best[1] : null;
}

function distance(a: string, b: string): number {
  if (a.length > 40) return 40;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] as number;
}

function fill(matter: FrontMatter, instructions: string, complain: Complain): Contract {
  const duration = (value: unknown, path: Path, fallback: number): number => {
    if (value === undefined) return fallback;
    const ms = parseDuration(value);
    if (ms === null || !(ms > 0)) {
      complain(path, `\`${path.join(".")}\` is ${ms === null ? "no duration" : "0"}`, "a duration above 0, such as 30s, 5m or 8h");
      return fallback;
    }
    return ms;
  };
  const size = (value: unknown, path: Path, fallback: number): number => {
    if (value === undefined) return fallback;
    const bytes = parseSize(value);
    if (bytes === null || !(bytes > 0)) {
      complain(path, `\`${path.join(".")}\` is ${bytes === null ? "no size" : "0"}`, "a size above 0, such as 512MB or 2GB");
      return fallback;
    }
    return bytes;
  };
  const clockOf = (value: string | undefined): Clock | undefined => {
    if (value === undefined) return undefined;
    if (value === "wall" || value === "cpu" || value === "memory") return { kind: value };
    return { kind: "size", path: value.replace(/^size\s+/, "") };
  };

  const given = typeof matter.metric === "string" ? { name: matter.metric } : matter.metric;
  const clock = clockOf(given.clock);
  const direction: Direction | undefined = given.direction ?? matter.direction;
  if (given.direction && matter.direction && given.direction !== matter.direction)
    complain(["direction"], "`direction` contradicts `metric.direction`", "say it once");
  if (!direction && !clock)
    complain(["metric"], "it is not said which way the metric is better", "direction: minimize, or direction: maximize");

  const limits = typeof matter.budget === "object" ? matter.budget : { time: matter.budget };
  if (typeof matter.budget === "object" && matter.budget.time === undefined)
    complain(["budget"], "`budget` has no `time`", "budget: {time: 30s}");
  const timePath = typeof matter.budget === "object" ? ["budget", "time"] : ["budget"];
  const budget: Budget = {
    time: duration(limits.time, timePath, 60_000),
    memory: size(limits.memory, ["budget", "memory"], defaultMemory),
    ...(limits.cpus === undefined ? {} : { cpus: limits.cpus }),
    processes: limits.processes ?? 256,
    fileSize: size(limits.fileSize, ["budget", "fileSize"], 2 ** 30),
    disk: size(limits.disk, ["budget", "disk"], 4 * 2 ** 30),
    output: size(limits.output, ["budget", "output"], 16 * 2 ** 20),
    network: limits.network ?? false,
  };
  const atLeastAMinute = Math.max(60_000, budget.time);
  const step = (value: string | { run: string; time?: unknown; network?: boolean | undefined }, path: Path, time: number): Step =>
    typeof value === "string"
      ? { command: value, time, network: false }
      : { command: value.run, time: duration(value.time, [...path, "time"], time), network: value.network ?? false };

  let score: Score | undefined;
  if (matter.score !== undefined) {
    const it = typeof matter.score === "string" ? { command: matter.score } : matter.score;
    score = {
      command: it.command,
      pipe: it.pipe ?? false,
      ...(it.answer === undefined ? {} : { answer: it.answer }),
      copies: it.copies ?? 1,
      private: list(it.private),
      time: duration(it.time, ["score", "time"], atLeastAMinute),
    };
  }
  const guards = (matter.guards ?? []).map((guard, index): Guard => {
    const path = ["guards", index];
    const tolerance = guard.tolerance === undefined ? { absolute: 0, relative: 0 } : parseTolerance(guard.tolerance);
    if (!tolerance) complain([...path, "tolerance"], "`tolerance` is neither a percentage nor a number", "tolerance: 5%");
    const guardClock = clockOf(guard.clock);
    const max = guard.max === undefined ? undefined : typeof guard.max === "number" ? guard.max : parseSize(guard.max);
    if (max === null) complain([...path, "max"], "`max` is no number", "max: 100, or max: 2GB");
    return {
      name: guard.name,
      direction: guard.direction ?? "minimize",
      ...(guard.min === undefined ? {} : { min: guard.min }),
      ...(max === undefined || max === null ? {} : { max }),
      tolerance: tolerance ?? { absolute: 0, relative: 0 },
      ...(guardClock ? { clock: guardClock } : {}),
    };
  });
  const checks = matter.checks === undefined ? [] : typeof matter.checks === "string" ? [matter.checks] : matter.checks;
  const holdout = typeof matter.holdout === "string" ? { score: matter.holdout } : matter.holdout;
  const researcher = typeof matter.researcher === "object" ? matter.researcher : { name: matter.researcher ?? "search" };
  const { name, ...researcherOptions } = researcher;
  const decision = typeof matter.decision === "object" ? matter.decision : { preset: matter.decision };
  const { preset = "balanced", ...parameters } = decision;
  for (const parameter of Object.keys(parameters))
    if (!parameterNames.includes(parameter as (typeof parameterNames)[number]))
      complain(["decision", parameter], `unknown decision parameter \`${parameter}\``, `one of ${parameterNames.join(", ")}`);
  const firstHeading = /^#\s+(.+)$/m.exec(instructions)?.[1]?.trim();

  return {
    goal: matter.goal ?? firstHeading ?? `${direction === "maximize" ? "highest" : "lowest"} ${given.name}`,
    metric: {
      name: given.name,
      direction: direction ?? "minimize",
      ...("unit" in given && given.unit !== undefined ? { unit: given.unit } : {}),
      ...("target" in given && given.target !== undefined ? { target: given.target } : {}),
      minEffect: ("minEffect" in given ? given.minEffect : undefined) ?? 0,
      ...(clock ? { clock } : {}),
    },
    guards,
    change: list(matter.change),
    run: matter.run,
    ...(score ? { score } : {}),
    budget,
    ...(matter.setup === undefined ? {} : { setup: step(matter.setup, ["setup"], 600_000) }),
    checks: checks.map((check, index) => step(check, ["checks", index], atLeastAMinute)),
    inputs: list(matter.inputs),
    write: list(matter.write),
    stages: [],
    ...(holdout
      ? { holdout: { score: holdout.score, private: list("private" in holdout ? holdout.private : undefined), ...("looks" in holdout && holdout.looks !== undefined ? { looks: holdout.looks } : {}) } }
      : {}),
    session: {
      ...(matter.session?.experiments === undefined ? {} : { experiments: matter.session.experiments }),
      ...(matter.session?.time === undefined ? {} : { time: duration(matter.session.time, ["session", "time"], 0) }),
    },
    researcher: { name, options: researcherOptions },
    decision: { preset, parameters: parameters as Record<string, number> },
    isolation: matter.isolation ?? "best",
    parallel: matter.parallel ?? 1,
  };
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** What fits the schema and still cannot be meant. */
function contradictions(contract: Contract, matter: FrontMatter, file: string, complain: Complain): void {
  const { change, metric } = contract;
  const place = (index: number): Path => (Array.isArray(matter.change) ? ["change", index] : ["change"]);
  for (const [index, glob] of change.entries()) {
    const plain = glob.replace(/^!/, "");
    if (plain.startsWith("/") || plain.split("/").includes(".."))
      complain(place(index), `\`${glob}\` lies outside the lab folder`, "a path below the lab, such as src/**/*.ts");
    if (plain.startsWith("!") || glob.startsWith("!"))
      complain(place(index), "exclusions are not understood here", "list the files that may change");
  }
  const editable = picomatch(change);
  const forbid = (path: string, at: Path, what: string) => {
    if (editable(path.replace(/^\.\//, "")))
      complain(at, `${what} ${path} may itself be changed by a candidate (\`change\` matches it)`, "narrow `change`, so that what judges is not editable");
  };
  forbid(file, ["change"], "the contract");
  const judges: [string, Path, string][] = [];
  if (contract.score) judges.push([contract.score.command, ["score"], "the scorer"]);
  if (contract.setup) judges.push([contract.setup.command, ["setup"], "the setup"]);
  if (contract.holdout) judges.push([contract.holdout.score, ["holdout"], "the holdout scorer"]);
  for (const [index, check] of contract.checks.entries()) judges.push([check.command, ["checks", index], "the check"]);
  for (const [command, at, what] of judges)
    for (const word of command.split(/[\s"'=;|&()<>]+/))
      if (/[./]/.test(word) && !word.startsWith("-") && !word.startsWith("/")) forbid(word, at, what);
  for (const path of [...(contract.score?.private ?? []), ...(contract.holdout?.private ?? [])])
    forbid(path, ["score"], "the private path");

  for (const name of ["inputs", "write"] as const)
    for (const [index, path] of contract[name].entries())
      if (path.startsWith("/") || (name === "write" && path.split("/").includes("..")) || path === "." || path === "")
        complain(Array.isArray(matter[name]) ? [name, index] : [name], `\`${path}\` is no path below the lab folder`, `${name}: [build]`);
  for (const [index, path] of contract.write.entries())
    if (editable(path) || change.some((glob) => glob.startsWith(`${path}/`)))
      complain(["write", index], `\`${path}\` is both editable and writable by a run`, "leave it out of `write`");

  if (contract.score?.pipe && contract.score.answer !== undefined)
    complain(["score"], "`pipe` and `answer` contradict each other", "pipe: true when `run` itself answers; answer: COMMAND when another command does after `run`");
  if (contract.score && contract.score.copies > 1 && !contract.score.pipe && contract.score.answer === undefined)
    complain(["score", "copies"], "`copies` needs processes that answer", "add `answer: COMMAND` or `pipe: true`");
  if (contract.score && metric.clock)
    complain(["metric"], "a metric is either clocked by Whetstone or computed by the scorer", "leave out `clock`, or leave out `score`");
  if (contract.holdout && !contract.score)
    complain(["holdout"], "a holdout needs a scorer", "score: node score.ts");
  const names = new Set([metric.name]);
  for (const [index, guard] of contract.guards.entries()) {
    if (names.has(guard.name)) complain(["guards", index], `the guard ${guard.name} is named twice or is the metric itself`, "one guard for each further metric");
    names.add(guard.name);
  }
  if (matter.decision !== undefined)
    try {
      rule(contract.decision.preset, contract.decision.parameters);
    } catch (error) {
      complain(["decision"], (error as Error).message, "decision: balanced");
    }
  if (!contract.score && !metric.clock)
    complain(["metric"], `${metric.name} is read from the candidate's own output, which it can forge`, "score: COMMAND, a scorer outside its reach (results are labelled self-reported until then)", "warning");
  if (contract.budget.network)
    complain(["budget"], "candidates get the network: they can fetch answers and send data out", "network: false where it is not needed", "warning");
}
