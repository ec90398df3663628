import { RunFailed, UserError } from "../../errors.ts";
import { type GrantHint, hintLines, type Opening } from "../../evaluator/index.ts";
import { type LabFolder, readLab } from "../../lab/index.ts";
import { type FirstRun, firstRun } from "../../loop/index.ts";
import type { Answers } from "./write.ts";

/** What running the untouched code once came to. */
export interface Tried {
  /** One line for a person. */
  words: string;
  /** What was added to the contract on the way, and why. */
  added: string[];
  /** Null when it ran, or when there was nothing to run. */
  failure: UserError | null;
}

export interface TryOptions {
  folder: string;
  /** Whether a person is asked before anything is added. */
  interactive: boolean;
  /** Whether the command has been run before, to see what it prints. */
  again: boolean;
  /** The metric's place in an output that has it under its name in no plain line; null where it is not in it. */
  sourceNamed: (metric: string, output: string) => string | null;
  /** Writes the contract anew. */
  write: (answers: Answers) => Promise<void>;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

/** More grants than this are no slip of detection. */
const mostTries = 4;

/**
 * Runs the untouched code once, and mends the contract where the run shows what it lacks: a person is asked; without
 * one only harmless grants are added: files that the run looked for, read-only, and what it writes in its own tree.
 */
export async function tryOut(answers: Answers, options: TryOptions): Promise<Tried> {
  const labOf = async (of: Answers): Promise<LabFolder> => {
    if (of !== answers) await options.write(of);
    return readLab(options.folder);
  };
  const limit = `at most ${answers.budget}; --no-try leaves that out`;
  options.onLine?.(
    options.again
      ? `running it again, with the contract that was written (at most ${answers.budget})`
      : `running the untouched code once (${limit})`,
  );
  const { run, answers: current, added } = await mendingRun(answers, { ...options, labOf });
  return told(run, current, added);
}

/** What a run came to, and the answers under which it ran. */
export interface MendedRun {
  run: FirstRun | UserError | null;
  answers: Answers;
  /** What was added on the way, and why. */
  added: string[];
}

type MendOptions = Pick<TryOptions, "interactive" | "onLine" | "signal"> &
  Partial<Pick<TryOptions, "sourceNamed">> & {
    /** The lab that is run for these answers. */
    labOf: (answers: Answers) => Promise<LabFolder>;
  };

/** Runs the untouched code, and again with one line more in the contract for as long as a run shows what it lacks. */
export async function mendingRun(answers: Answers, options: MendOptions): Promise<MendedRun> {
  const added: string[] = [];
  let current = answers;
  for (let left = mostTries; ; left--) {
    const run = await once(current, options);
    const next = left > 1 ? await better(run, current, options) : null;
    if (next === null) return { run, answers: current, added };
    added.push(next.why);
    current = next.answers;
    options.onLine?.(`running it again with ${next.line}`);
  }
}

/** The answers with what a failed run lacked; null where it ran, or nothing is to be added. */
async function better(
  run: FirstRun | UserError | null,
  answers: Answers,
  options: MendOptions,
): Promise<{ answers: Answers; line: string; why: string } | null> {
  if (run === null || run instanceof UserError || run.failure === null) return null;
  const plain = answers.source === undefined && !answers.clocked && answers.clock === undefined;
  const from =
    plain && run.failureKind === "no-metric"
      ? (options.sourceNamed?.(answers.metric, run.output) ?? null)
      : null;
  if (from !== null) {
    const line = `metric: { name: ${answers.metric}, from: ${from} }`;
    return { answers: { ...answers, source: from }, line, why: `${line}: there it is in the output` };
  }
  const hint = await chosen(run.hints, options);
  const next = hint?.grant ? mended(answers, hint.grant) : null;
  if (!hint || !next) return null;
  const line = lineOf(hint.grant as Opening);
  return { answers: next, line, why: `${line}: ${hint.what}` };
}

async function once(answers: Answers, options: MendOptions): Promise<FirstRun | UserError | null> {
  try {
    return await firstRun(await options.labOf(answers), {
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function told(run: FirstRun | UserError | null, { metric }: Answers, added: string[]): Tried {
  if (run === null)
    return {
      words: "nothing: there is no git repository yet, or it was stopped by hand",
      added,
      failure: null,
    };
  if (run instanceof UserError) return { words: run.message, added, failure: run };
  const seconds = (run.ms / 1000).toPrecision(3);
  if (run.failure === null)
    return {
      words: `the untouched code: ${metric} ${run.value} in ${seconds} s, isolation ${run.level}`,
      added,
      failure: null,
    };
  const ways = hintLines(run.hints, run.level);
  const fix = ways.join("\n");
  return { words: run.failure.message, added, failure: new RunFailed(run.failure.message, fix) };
}

/** Grants that open nothing outside but files, read-only: what a run writes is thrown away or its own. */
const harmless: ReadonlySet<Opening["key"]> = new Set(["inputs", "tree", "write"]);

/** The first grant that a person agrees to; without one the first harmless one. */
async function chosen(
  hints: readonly GrantHint[],
  { interactive }: Pick<TryOptions, "interactive">,
): Promise<GrantHint | undefined> {
  const possible = hints.filter(({ grant }) => grant !== null && lineOf(grant) !== "");
  if (!interactive) return possible.find(({ grant }) => grant !== null && harmless.has(grant.key));
  const prompts = await import("@clack/prompts");
  for (const hint of possible) {
    const message = `${hint.what}. Add ${lineOf(hint.grant as Opening)} to program.md?`;
    const answer = await prompts.confirm({ message });
    if (prompts.isCancel(answer)) return undefined;
    if (answer) return hint;
  }
  return undefined;
}

/** The contract with one grant more; null where it cannot be said by one more line. */
function mended(answers: Answers, grant: Opening): Answers | null {
  const grants = answers.grants ?? {};
  switch (grant.key) {
    case "inputs":
      // What is shown already was not missing: adding it once more mends nothing.
      if (answers.inputs.some((each) => grant.add === each || grant.add.startsWith(`${each}/`))) return null;
      return { ...answers, inputs: [...answers.inputs, grant.add] };
    case "tree":
      return { ...answers, grants: { ...grants, tree: grant.value } };
    case "env":
    case "secrets":
    case "write": {
      const entry =
        grant.key === "secrets" && !answers.score ? `{ name: ${grant.add}, to: run }` : quoted(grant.add);
      const before = grants[grant.key]?.slice(1, -1);
      const list = before === undefined ? entry : `${before}, ${entry}`;
      return { ...answers, grants: { ...grants, [grant.key]: `[${list}]` } };
    }
    case "network":
      if (grant.of !== "budget") return null;
      return {
        ...answers,
        limits: { ...answers.limits, network: grant.add === true ? "true" : `["${grant.add}"]` },
      };
    case "gpus":
      return { ...answers, limits: { ...answers.limits, gpus: String(grant.value) } };
    case "run":
      return { ...answers, run: grant.value };
    default:
      return null;
  }
}

/** What is added, as a person reads it; "" for what is no line. */
function lineOf(grant: Opening): string {
  switch (grant.key) {
    case "tree":
      return "tree: overlay";
    case "network":
      return grant.of === "budget"
        ? `budget: { network: ${grant.add === true ? "true" : `[${grant.add}]`} }`
        : "";
    case "gpus":
      return `budget: { gpus: ${grant.value} }`;
    case "run":
      return `run: ${grant.value}`;
    case "memory":
    case "disk":
      return "";
    default:
      return `${grant.key}: [${grant.add}]`;
  }
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
