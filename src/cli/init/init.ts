import { copyFile, lstat, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import { harvest, uncommitted } from "../../repo/index.ts";
import { ask } from "./ask.ts";
import { type Detected, detect, type Fact } from "./layouts/index.ts";
import { type Flags, type Known, missing, questions } from "./questions.ts";
import { sourceNamed, withSeenMetric } from "./seenMetric.ts";
import { copyTemplate } from "./template.ts";
import { type Tried, tryOut } from "./tryOut.ts";
import { type Answers, writeContract, writeProgram } from "./write.ts";

export interface InitOptions extends Flags {
  folder: string;
  template?: string;
  /** Take what was found and the flags, ask nothing. */
  yes?: boolean;
  force?: boolean;
  /** False: the untouched code is not run. Default true. */
  try?: boolean;
  /** Told what is being done, and what a run prints. */
  onLine?: (line: string) => void;
  signal?: AbortSignal;
  /** Whether a person is there to be asked. */
  interactive: boolean;
}

export interface InitResult {
  /** Paths. */
  written: string[];
  /** What was found and where, and what a person should know. */
  found: string[];
  /** What the one run of the untouched code came to; null when there was none. */
  tried: Tried | null;
  /** What to do next, commands first. */
  next: string[];
}

/**
 * Writes a `program.md` for a folder, or copies a template into it. Instructions that are there already stay, byte for
 * byte; a contract that is there already stays, or with `force` is kept beside the new one.
 *
 * @throws UserError when something cannot be known and nobody can be asked, or a contract is there already.
 */
export async function init(options: InitOptions): Promise<InitResult> {
  const folder = resolve(options.folder);
  if (options.template !== undefined)
    return {
      written: await copyTemplate(options.template, folder, options.force ?? false),
      found: [],
      tried: null,
      next: [
        "git init (unless it is in a repository), git add -A && git commit -m start",
        "whet check",
        "whet run",
      ],
    };
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) throw new UserError(`${folder} is no folder`, "make it first, or name another");
  const detected = await detect(folder);
  const target = join(folder, "program.md");
  if (detected.isLab && !options.force)
    throw new UserError(
      `${target} already has a contract`,
      "look at it with `whet check`, or write it anew with --force (the old one is kept beside it)",
    );
  const { known: fromFiles } = questions(detected, options);
  const interactive = options.interactive && !options.yes;
  const { known, words: seen } =
    options.try === false || fromFiles.clocked || fromFiles.clock
      ? { known: fromFiles, words: null }
      : await withSeenMetric(fromFiles, folder, { ...options, interactive });
  const open = missing(known);
  const answers = complete(
    interactive && open.length > 0 ? await ask(known, open) : known,
    folder,
    detected.notes,
  );

  const before = detected.isLab || detected.hasProse ? await readFile(target) : null;
  const instructions = before
    ? detected.isLab
      ? belowFrontMatter(before)
      : before
    : detected.instructions
      ? await readFile(join(folder, detected.instructions.value))
      : null;
  const textOf = (of: Answers): Buffer =>
    instructions
      ? Buffer.concat([Buffer.from(writeContract(of)), instructions])
      : Buffer.from(writeProgram(of));
  await refuseInvalid(textOf(answers).toString());
  const old = detected.isLab ? await freeName(`${target}.old`) : null;
  if (old !== null) await copyFile(target, old);
  await replace(target, textOf(answers));
  const tried =
    options.try === false
      ? null
      : await tryOut(answers, {
          ...options,
          ...{ folder, interactive, sourceNamed, again: known !== fromFiles },
          write: (of) => replace(target, textOf(of)),
        });
  return {
    written: [target],
    found: [
      ...facts(taken(detected, answers, options)),
      ...(seen === null ? [] : [seen]),
      ...(before ? ["your instructions stand below the contract, as they were"] : []),
      ...(old === null ? [] : [`the contract of before is in ${old}`]),
      ...detected.notes,
      ...(await packagesHint(folder)),
      ...(await unmatched(folder, answers.change)).map(
        (glob) => `change: no file here matches ${glob}; correct it in program.md, or write the file`,
      ),
    ],
    tried,
    next:
      tried === null || tried.failure === null
        ? [...(await commitSteps(folder)), "whet check", "whet run"]
        : [
            "mend what is said above first, in program.md or in the code; then:",
            ...(await commitSteps(folder)),
            "whet check  (it runs the untouched code again)",
          ],
  };
}

/** The facts that the contract was written from: a flag, or what a run showed, came before others. */
function taken(detected: Detected, answers: Answers, flags: Flags): Detected {
  const { metric, direction, source, run, change, score, checks, budget, ...rest } = detected;
  const facts = { run, change, score, checks, budget };
  const kept = Object.entries(facts).filter(
    ([name, fact]) => fact !== undefined && (flags[name as keyof Flags] ?? fact.value) === fact.value,
  );
  const same = metric !== undefined && metric.value === answers.metric;
  return {
    ...Object.fromEntries(kept),
    ...(same ? { metric } : {}),
    ...(same && direction && direction.value === answers.direction ? { direction } : {}),
    ...(same && source ? { source } : {}),
    ...rest,
  };
}

/** The new file is whole before it takes the old one's place. */
async function replace(target: string, text: Buffer): Promise<void> {
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
}

/** Globs that no file matches. */
async function unmatched(folder: string, globs: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const glob of globs) {
    const { files, violations } = await harvest(folder, [glob]);
    if (Object.keys(files).length === 0 && violations.length === 0) missing.push(glob);
  }
  return missing;
}

/** More names than this make no command that a person would read. */
const mostNamed = 6;

/** A hint where git would take installed packages into a commit. */
async function packagesHint(folder: string): Promise<string[]> {
  const files = (await uncommitted(folder)) ?? [];
  return files.some(({ path }) => /(^|\/)node_modules\//.test(path))
    ? [
        "git does not ignore node_modules/ yet: a line in .gitignore keeps it out of commits, and runs find it either way",
      ]
    : [];
}

/** What is measured is the committed state: the contract alone would be committed without what it runs. */
async function commitSteps(folder: string): Promise<string[]> {
  const message = `git commit -m "Add the lab's contract"`;
  const files = await uncommitted(folder);
  if (files === null)
    return ["git init  (this folder is in no git repository yet)", `git add -A && ${message}`];
  const paths = files.map(({ path }) => path).filter((path) => !/(^|\/)node_modules\//.test(path));
  const names = paths.map((path) => (/^[\w./-]+$/.test(path) ? path : JSON.stringify(path)));
  // The packages of a folder that git does not ignore are in no commit that a person wants.
  const all = paths.length < files.length ? "-A -- ':!node_modules'" : "-A";
  return [`git add ${names.length > mostNamed ? all : names.join(" ") || "program.md"} && ${message}`];
}

function complete(known: Known, folder: string, notes: readonly string[]): Answers {
  const { metric, direction, change, run } = known;
  const left = missing(known);
  if (!metric || !direction || !change || left.length > 0) {
    const examples = { run: '"COMMAND"', change: "FILES", metric: "NAME", direction: "minimize|maximize" };
    throw new UserError(
      `the files in ${folder} do not tell: ${left.join(", ")}`,
      `add ${left.map((name) => `--${name} ${examples[name]}`).join(" ")} (or begin from an example: whet init --template NAME)${notes.map((note) => `\n${note}`).join("")}`,
    );
  }
  const goal = known.goal ?? `${direction === "minimize" ? "lowest" : "highest"} ${metric}`;
  return { ...known, goal, metric, direction, change, ...(run === undefined ? {} : { run }) };
}

/** Nothing is written that the loop would then refuse. */
async function refuseInvalid(text: string): Promise<void> {
  const { formatProblem, parseProgram } = await import("../../contract/index.ts");
  const errors = parseProgram(text).problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0)
    throw new UserError(
      `these answers make no valid contract, so nothing was written:\n${errors.map((error) => formatProblem("program.md", error)).join("\n")}`,
      "give others as flags: --change, --run, --score, --checks, --budget",
    );
}

function facts(detected: Detected): string[] {
  return Object.entries(detected).flatMap(([name, fact]) => {
    if (typeof fact !== "object" || fact === null || !("from" in fact)) return [];
    return [`${name}: ${inWords(fact.value)} (${fact.from})`];
  });
}

/** A list as its items, an object as `name: value`; the evaluator of another tool by its file. */
function inWords(fact: Fact<unknown>["value"]): string {
  if (Array.isArray(fact)) return fact.join(", ");
  if (typeof fact !== "object" || fact === null) return String(fact);
  const entries = Object.entries(fact);
  if ("kind" in fact && "file" in fact) return `${String(fact.file)}, of ${String(fact.kind)}`;
  return entries.map(([name, value]) => `${name} ${String(value)}`).join(", ");
}

/** Everything after the closing line `---`; all of it where there is none. */
function belowFrontMatter(program: Buffer): Buffer {
  // One character a byte, so that offsets are those of the bytes.
  const text = program.toString("latin1");
  const open = /^(\xEF\xBB\xBF)?---[ \t]*\r?\n/.exec(text);
  const start = open?.[0].length ?? 0;
  const close = /^---[ \t]*(\r?\n|$)/m.exec(text.slice(start));
  return close ? program.subarray(start + close.index + close[0].length) : program;
}

async function freeName(wanted: string): Promise<string> {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}${count}`;
    if (!(await lstat(name).catch(() => null))) return name;
  }
}
