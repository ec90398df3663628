import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { channelOf } from "../../src/contract/channel.ts";
import { type Contract, parseProgram } from "../../src/contract/index.ts";
import { type Evaluation, openEvaluator, type Place, preparePlace } from "../../src/evaluator/index.ts";
import { grantsOf } from "../../src/notebook/grants.ts";
import { trust } from "../../src/notebook/trust.ts";
import { type Book, type Call, openRelays } from "../../src/relay/index.ts";
import { contentHash, mayChange, openRepo } from "../../src/repo/index.ts";
import { openSandbox, type Sandbox } from "../../src/sandbox/index.ts";
import type { Attack, AttackedLevel, CandidateFiles, Context, Finding, Outside } from "./attack.ts";
import type { AttackedLab } from "./labs.ts";

/** A lab laid out at a level, through the rooms that every session goes through; used for many attacks in turn. */
export interface Bench {
  level: AttackedLevel;
  lab: AttackedLab;
  contract: Contract;
  folder: string;
  place: Place;
  sandbox: Sandbox;
  outside: Outside | null;
  /** What is printed with every session of this lab at this level: channel, what is not enforced, reasons of the grade, grants. */
  printed: readonly string[];
  /** Runs the start with the candidate's files laid over it. */
  evaluate(files: CandidateFiles, seed: number): Promise<Evaluation>;
  /** The untouched start on this seed; measured once. */
  start(seed: number): Promise<Evaluation>;
  close(): Promise<void>;
}

/** The levels that this machine offers, the weakest first. */
export async function levelsHere(): Promise<AttackedLevel[]> {
  const { isolation } = await openSandbox();
  return isolation.level === "L2" ? ["L0", "L2"] : ["L0"];
}

export async function openBench(lab: AttackedLab, level: AttackedLevel): Promise<Bench> {
  const top = realpathSync(mkdtempSync(join(tmpdir(), "whet attäck-")));
  const folder = join(top, "lab");
  const outside = (await lab.outside?.()) ?? null;
  const filled = (text: string) =>
    Object.entries(outside?.words ?? {}).reduce((all, [word, value]) => all.replaceAll(word, value), text);
  const start = Object.fromEntries(Object.entries(lab.files).map(([path, text]) => [path, filled(text)]));
  for (const [path, text] of Object.entries(start)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const args of [
    ["init", "-q", "-b", "main"],
    ["add", "-A"],
    ["-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "start"],
  ])
    execFileSync("git", args, { cwd: folder });

  const { program, problems } = parseProgram(start["program.md"] as string);
  if (!program) throw new Error(JSON.stringify(problems));
  const { contract } = program;
  contract.score?.private.push(...(lab.alsoPrivate ?? []));
  const repo = await openRepo(folder);
  const sandbox = await openSandbox(level === "L0" ? { level } : {});
  if (sandbox.isolation.level !== level) throw new Error(`this machine does not offer ${level}`);
  const place = await preparePlace({
    ...{ repo, contract, commit: repo.head, programHash: program.hash },
    ...{ folder: join(folder, ".whetstone", "work"), sandbox },
  });
  const base = Object.fromEntries(Object.entries(start).filter(([path]) => mayChange(contract.change, path)));
  const relays =
    outside &&
    (await openRelays({
      find: outside.find,
      env: process.env,
      contract,
      level: sandbox.isolation.level,
      book: emptyBook(),
    }));
  const secret = randomBytes(32).toString("hex");
  const evaluator = openEvaluator(contract, place, base, sandbox, secret, relays);
  const evaluate = (changes: CandidateFiles, seed: number) => {
    const files: Record<string, string> = {};
    for (const [path, text] of Object.entries({ ...base, ...changes }))
      if (text !== null) files[path] = filled(text);
    return evaluator.evaluate({ state: contentHash(files), files, seed, checks: true });
  };
  const starts = new Map<number, Promise<Evaluation>>();
  return {
    ...{ level, lab, contract, folder, place, sandbox, outside, evaluate },
    printed: [
      `${evaluator.channel} metric`,
      ...sandbox.isolation.notEnforced,
      ...sandbox.isolation.watched,
      ...trust(contract, channelOf(contract), sandbox.isolation, [], false).reasons,
      ...grantsOf(contract).map(({ grant, opens }) => `${grant}: ${opens}`),
    ],
    start: (seed) => {
      const known = starts.get(seed) ?? evaluate({}, seed);
      starts.set(seed, known);
      return known;
    },
    async close() {
      relays?.close();
      await outside?.close();
      rmSync(top, { recursive: true, force: true });
    },
  };
}

/** A record of calls in memory, with the answers that are kept. */
function emptyBook(): Book {
  const calls: Call[] = [];
  return {
    spent: async () => ({ calls: 0, tokens: 0, dollars: 0 }),
    find: async (asker, key) =>
      calls.find((call) => call.asker === asker && call.key === key && call.answer)?.answer ?? null,
    add: async (call) => void calls.push(call),
  };
}

/** The seed of an attack's first, second ... run: apart enough that no answer to one is the answer to the next. */
export const seedOf = (run: number) => 1001 + 137 * run;

/** Runs an attack on a bench of its lab and says what came of it. */
export async function runAttack(bench: Bench, attack: Attack): Promise<Finding> {
  const { level, folder, place, sandbox, outside, printed } = bench;
  const evaluations: Evaluation[] = [];
  const context: Context = {
    ...{ level, folder, place, sandbox, outside, evaluations, evaluation: null },
    async evaluate(files) {
      const evaluation = await bench.evaluate(files, seedOf(evaluations.length));
      evaluations.push(evaluation);
      context.evaluation = evaluation;
      return evaluation;
    },
  };
  let harm: string | null;
  try {
    // What the start scores is not to be measured with whatever the attack leaves behind.
    for (let run = 0; run < (attack.runs ?? 1); run++) await bench.start(seedOf(run));
    await attack.prepare?.(context);
    for (let run = 0; run < (attack.runs ?? 1); run++)
      await context.evaluate(typeof attack.files === "function" ? await attack.files(context) : attack.files);
    harm = (await attack.harmed?.(context)) ?? null;
  } finally {
    await attack.cleanup?.(context);
  }
  const won = await firstWin(bench, evaluations);
  const failure = evaluations.findLast((evaluation) => evaluation.failure)?.failure;
  const reached = harm ?? won;
  if (reached !== null) {
    const { admits } = attack;
    const admitted = (admits && printed.find((sentence) => admits.test(sentence))) ?? null;
    return { attack, level, verdict: "not covered", what: reached, admitted };
  }
  // A candidate that merely dies of what it tried has been stopped; nobody had to notice it.
  const verdict = failure && failure.kind !== "crash" ? "detected" : "blocked";
  const what = failure
    ? `${failure.kind}: ${failure.message}`
    : `scored ${value(bench, evaluations.at(-1))}, no better than the start`;
  return { attack, level, verdict, what, admitted: null };
}

/** The first run that scored better than the start on the same seed, in words, or null. */
async function firstWin(bench: Bench, evaluations: readonly Evaluation[]): Promise<string | null> {
  for (const evaluation of evaluations) {
    const start = await bench.start(evaluation.seed);
    if (isBetter(bench, evaluation, start))
      return `scored ${value(bench, evaluation)} where the start scores ${value(bench, start)}`;
  }
  return null;
}

/** Whether a run scored better than another, by more than the lab's margin. */
export function isBetter(bench: Bench, evaluation: Evaluation, than: Evaluation): boolean {
  const here = value(bench, evaluation);
  const there = value(bench, than);
  if (there === null)
    throw new Error(`the start could not be measured: ${than.failure?.message}\n${than.logTail}`);
  if (here === null) return false;
  const gain = bench.contract.metric.direction === "minimize" ? there - here : here - there;
  return gain > bench.lab.margin * Math.abs(there);
}

/** The primary metric, or null where the evaluation failed. */
export function value(bench: Bench, evaluation: Evaluation | undefined): number | null {
  return evaluation?.metrics[bench.contract.metric.name] ?? null;
}
