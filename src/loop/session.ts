import { createHash, createHmac, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import {
  brokenGuard,
  changedPins,
  channelOf,
  differingPins,
  type Evaluation,
  type Evaluator,
  type Files,
  hostPath,
  openEvaluator,
  type Place,
  pinHash,
  preparePlace,
  repeatsSelection,
  requireGpus,
} from "../evaluator/index.ts";
import {
  addEvaluation,
  addSession,
  baselineHoldout,
  type EvaluationRow,
  evaluationsOf,
  holdSession,
  type Ledger,
  noteHead,
  openLedger,
  reviewsOf,
  type SessionRow,
  sessions,
  storedProgram,
  updateSession,
} from "../ledger/index.ts";
import {
  isAlive,
  ledgerPath,
  makeWhetstoneFolder,
  soundRuns,
  thisProcess,
  whetstoneFolder,
} from "../notebook/index.ts";
import type { Relays } from "../relay/index.ts";
import {
  baseLimits,
  branchTip,
  contentHash,
  createBranch,
  foldersOf,
  harvest,
  manifest,
  manifestHash,
  openRepo,
  type Repo,
  type Violation,
  worktreeOf,
} from "../repo/index.ts";
import type { Isolation, Sandbox } from "../sandbox/index.ts";
import { openSandbox, requireDoors, requireProcessors, takeSlot } from "../sandbox/index.ts";
import { faultOfKey } from "../seal.ts";
import { clearAbandoned } from "./abandoned.ts";
import { releaseBranch, settleBranch, tellCheckedOut } from "./branch.ts";
import { drive, fromNumbers } from "./drive.ts";
import type { Listener } from "./events.ts";
import { fixedFiles } from "./fixedFiles.ts";
import { withHints } from "./hints.ts";
import { imageFor } from "./image.ts";
import { type LabFolder, withPlace } from "./lab.ts";
import { baselineRuns, decidingStage, idleStages } from "./ladder.ts";
import { withLastWords } from "./lastWords.ts";
import { withLeftOut } from "./leftOut.ts";
import { modelBook } from "./modelBook.ts";
import { moods, patience } from "./patience.ts";
import { oddRun } from "./standsOut.ts";
import { warmUpRuns } from "./warmUp.ts";

/**
 * @throws UserError when memory is a metric and was counted in another way: by resident sizes in sessions of before.
 */
function requireSameCount(existing: SessionRow, { memory }: Isolation, contract: Contract): void {
  if (![contract.metric, ...contract.guards].some(({ clock }) => clock?.kind === "memory")) return;
  const before = (JSON.parse(existing.isolation) as Partial<Isolation>).memory ?? "resident sizes";
  if (before === (memory ?? "resident sizes")) return;
  throw new UserError(
    `session "${existing.tag}" counted memory by ${before}, and this would by ${memory}: its runs would not be comparable`,
    "begin a new one with `whet run --fresh`",
  );
}

/** @throws UserError when the session's runs had a layer over their tree, or had none, and this one's would not. */
function requireSameLayer(existing: SessionRow, { canLayer }: Place): void {
  const { layer } = JSON.parse(existing.isolation) as Partial<Isolation>;
  if (layer === undefined || canLayer === null || layer === canLayer) return;
  throw new UserError(
    layer
      ? `the runs of session "${existing.tag}" had a writable layer over their tree, which cannot be mounted here any more: what removes a folder named in \`write\` would fail now`
      : `the runs of session "${existing.tag}" had no writable layer over their tree, and these would have one: they would not be comparable`,
    layer
      ? "go on where it can be mounted, or begin a new one with `whet run --fresh`"
      : "begin a new one with `whet run --fresh`",
  );
}

/** A session that this process holds, with everything it needs to measure. */
export interface Session {
  lab: LabFolder;
  contract: Contract;
  row: SessionRow;
  repo: Repo;
  ledger: Ledger;
  sandbox: Sandbox;
  place: Place;
  evaluator: Evaluator;
  /** The ways to granted models and hosts; null where nothing is granted that needs one. */
  relays: Relays | null;
  rule: decision.Rule;
  /** The editable files of the untouched base. */
  baseFiles: Files;
  /** Runs of the untouched code on the rung that decides. */
  baseline: EvaluationRow[];
  /** The same on every rung. */
  rungs: EvaluationRow[];
  /** What matches `change` in the base and yet can never be changed by a candidate: images, links, large files. */
  fixed: readonly Violation[];
  /** What a person should mend in the contract, going by the baseline. */
  remarks: string[];
  /** The untouched code's run on the holdout; null without a holdout. */
  holdout: EvaluationRow | null;
  noise: decision.Noise;
  resumed: boolean;
  listener: Listener;
  /** Ends the evaluation in flight at once; its result is not recorded. */
  abort: AbortController;
  /** Set to ask for an end after the evaluation in flight. */
  stop: { requested: boolean };
  /** When it was last looked whether what judges is as it was pinned (`performance.now`). */
  pinsCheckedAt: number;
}

export interface SessionOptions {
  /** Session name; absent: the one that can go on, or a new one named after the date. */
  tag?: string;
  /** Begin anew even where a session could go on. */
  fresh?: boolean;
  seed?: number;
  /** Only what exists already; null when there is none. */
  listener?: Listener;
  abort?: AbortController;
  /** Set to ask for an end after the evaluation in flight. */
  stop?: { requested: boolean };
  now?: Date;
  /** Measure at this level although a better one is there (tests, comparisons). */
  level?: "L0";
  /** Begin the next epoch of this session: its keeps are measured again under another yardstick. */
  rescoring?: SessionRow;
  /** Take what an earlier process found out or laid out, where nothing has changed since: for one try after another. */
  swift?: boolean;
  /** Take nothing from earlier processes, not even the hashes of inputs: everything is read. For an audit. */
  thorough?: boolean;
}

/**
 * Opens the session that can go on, or begins one: takes hold of the lab, lays out the pinned base, runs the setup and
 * measures the baseline, each only where the ledger does not have it yet.
 *
 * @throws UserError for everything a user can mend.
 */
export async function openSession(lab: LabFolder, options: SessionOptions = {}): Promise<Session> {
  const listener = options.listener ?? (() => {});
  const abort = options.abort ?? new AbortController();
  const contract = lab.contract;
  const found = openRepo(lab.folder);
  found.catch(() => {});
  // Nothing is written where there is no repository; a lab that has a ledger was in one.
  if (!existsSync(ledgerPath(lab.folder))) await found;
  await makeWhetstoneFolder(lab.folder);
  for (const { budget } of [contract, ...contract.stages]) requireProcessors(budget?.cpus);
  await requireGpus(contract).catch(async (error: unknown) => {
    throw await withPlace(lab, error);
  });
  const ledger = await openLedger(ledgerPath(lab.folder));
  let relays: Relays | null = null;
  try {
    const repo = await found;
    const all = await takeLab(ledger);
    const folder = join(whetstoneFolder(lab.folder), "work");
    await clearAbandoned(folder);
    const image = imageFor(contract, folder, options.level);
    const sandbox = await openSandbox({
      require: contract.isolation === "required",
      keepOut: foldersOf(repo),
      ...(options.level ? { level: options.level } : {}),
      ...(image ? { image } : {}),
      ...(options.swift ? { memo: join(whetstoneFolder(lab.folder), "sandbox.json") } : {}),
    });
    const existing = options.fresh ? null : resumable(all, lab, repo, options.tag, listener);
    const { level } = sandbox.isolation;
    if (existing && existing.level !== level)
      throw new UserError(
        `session "${existing.tag}" was measured at isolation ${existing.level}, and this would be ${level}: its runs would not be comparable`,
        "begin a new one with `whet run --fresh`",
      );
    if (existing) requireSameCount(existing, sandbox.isolation, contract);
    const commit = existing?.baseCommit ?? repo.head;
    if (existing) await holdSession(ledger, existing.id, thisProcess(), Date.now(), isAlive);
    const looked = existing && !options.swift ? await worktreeOf(repo, existing.branch) : null;
    if (existing && looked !== null) tellCheckedOut({ row: existing, listener }, looked);

    listener({ type: "phase", phase: "setup", number: null, what: contract.setup?.command ?? "" });
    // A setup is work as well: never beside somebody's timed run.
    const slot = await takeSlot("shared", {
      onWait: () =>
        listener({ type: "waiting", message: "waiting for another timed run on this machine to end" }),
      signal: abort.signal,
    });
    if (slot === null) throw new Interrupted();
    const place = await preparePlace({
      repo,
      contract,
      commit,
      programHash: lab.program.hash,
      folder,
      sandbox,
      ...(options.swift ? { reuse: true } : {}),
      ...(options.thorough ? { anew: true } : {}),
      ...(existing ? { session: JSON.parse(existing.pinParts) as Record<string, string> } : {}),
      onLine: (line) => listener({ type: "setup", line }),
      signal: abort.signal,
    }).finally(() => slot.release());
    if (existing) requireSameLayer(existing, place);
    const { message: keyFault, fix } = faultOfKey() ?? {};
    for (const message of [...place.remarks, ...(keyFault ? [`${keyFault}; ${fix}`] : [])])
      listener({ type: "notice", message });
    const editable = await harvest(join(place.base, place.lab), contract.change, baseLimits);
    const baseFiles: Files = {};
    for (const [path, content] of Object.entries(editable.files)) baseFiles[path] = content.toString();
    if (Object.keys(baseFiles).length === 0)
      throw new UserError(
        `no committed file matches \`change: ${contract.change.join(", ")}\` in ${lab.folder}`,
        contract.change.some((glob) => /,\s/.test(glob))
          ? `several files are a list: change: [${contract.change.flatMap((glob) => glob.split(/,\s*/)).join(", ")}]`
          : "commit the file that may change, or correct the pattern in program.md",
      );
    const pins = pinHash(place.pins);
    if (!existing && options.rescoring?.pins === pins)
      throw new UserError(
        `the yardstick is the same as in session "${options.rescoring.tag}": nothing to measure again`,
        "change program.md or the scorer (and commit it) first, or go on with `whet run`",
      );
    if (existing && existing.pins !== pins) {
      const before = JSON.parse(existing.pinParts) as Record<string, string>;
      const changed = differingPins(before, place);
      throw new UserError(
        `what judges session "${existing.tag}" has changed since it began: ${changed.join("; ")}`,
        "put it back to go on with that session, or begin a new one: `whet run --fresh` for Whetstone's own loop, `whet start --fresh` for an agent that calls `whet try`",
      );
    }
    const row =
      existing ??
      (await beginSession({ lab, repo, ledger, sandbox, place, pins, baseFiles, contract, options, commit }));
    if (!existing) await holdSession(ledger, row.id, thisProcess(), Date.now(), isAlive);

    // The rule that a session began with, whatever later versions begin with.
    const { preset, parameters } = existing
      ? storedProgram(existing.program).contract.decision
      : contract.decision;
    const rule = decision.rule(preset, parameters);
    relays = await relaysOf(contract, sandbox, ledger, row.id);
    const session: Session = {
      lab,
      contract,
      row,
      repo,
      ledger,
      sandbox,
      place,
      evaluator: openEvaluator(contract, place, baseFiles, sandbox, row.secret, relays),
      relays,
      rule,
      baseFiles,
      baseline: [],
      rungs: [],
      fixed: editable.violations,
      remarks: [],
      holdout: null,
      noise: undefined as unknown as decision.Noise,
      resumed: existing !== null,
      listener,
      abort,
      stop: options.stop ?? { requested: false },
      // What was pinned has just been looked through.
      pinsCheckedAt: performance.now(),
    };
    await measureBaseline(session);
    return session;
  } catch (error) {
    relays?.close();
    await release(ledger);
    await ledger.close();
    throw await withPlace(lab, error);
  }
}

/** Gives the session back; it can go on later. */
export async function closeSession(session: Session, reason: string, spentMs: number): Promise<void> {
  await releaseBranch(session);
  await letGo(session, {
    status: session.row.status === "baseline" ? "ready" : session.row.status,
    stopReason: reason,
    endedAt: Date.now(),
    spentMs: session.row.spentMs + spentMs,
  });
}

/** Gives the session back without a word about its research. */
export async function letGo(
  session: Session,
  fields: Omit<Parameters<typeof updateSession>[2], "holder"> = {},
): Promise<void> {
  const { ledger, row } = session;
  session.relays?.close();
  try {
    await updateSession(ledger, row.id, { ...fields, holder: null });
    await noteHead(ledger);
    // A verdict that was given while it was held relied on the branch being brought to it; from now on none does.
    const reviews = await reviewsOf(ledger, row.id);
    if (reviews.some(({ verdict, commitId }) => verdict === "reject" && commitId === null))
      await settleBranch(session);
  } finally {
    await ledger.close();
  }
}

/** The seed of a run: derived from the session's secret, so that no candidate can know the next one. */
export function freshSeed(row: SessionRow, label: string): number {
  return createHmac("sha256", row.secret).update(`${row.seed}:${label}`).digest().readUInt32BE(0) >>> 1;
}

export interface Run {
  ask: decision.Ask;
  position: number;
  previousSeed: number | null;
  /** Where it belongs. */
  owner: { experimentId: number | null; auditId: number | null; label: string };
  state: string;
  files: Files;
  /** Most runs of this purpose, for progress. */
  rounds: number | null;
  /** What a person should call the state that is run; absent: its arm. */
  label?: string;
  /** Scored on data that only this purpose sees. */
  split?: "holdout" | "sealed";
}

/** Nobody is shown what hidden data said, whoever watches: only the one bit that follows from it. */
function sealed(evaluation: Evaluation): Evaluation {
  return {
    ...evaluation,
    metrics: {},
    logTail: "",
    failure: evaluation.failure && { kind: evaluation.failure.kind, message: "on hidden data" },
  };
}

/** Thrown when a run was ended by the user; nothing of it is recorded. */
export class Interrupted extends Error {}

/** One real run, recorded before it is returned. @throws Interrupted */
export async function measureRun(session: Session, run: Run): Promise<EvaluationRow> {
  const { ask } = run;
  const { listener, contract, ledger, row } = session;
  if (session.abort.signal.aborted || session.stop.requested) throw new Interrupted();
  const seed =
    ask.seed === "same" && run.previousSeed !== null
      ? run.previousSeed
      : freshSeed(row, `${run.owner.label}:${run.position}`);
  listener({
    type: "run",
    purpose: ask.purpose,
    arm: ask.arm,
    round: ask.round,
    rounds: run.rounds,
    budgetMs: contract.budget.time,
  });
  const evaluation = await session.evaluator.evaluate({
    state: run.state,
    files: run.files,
    seed,
    checks: ask.arm === "candidate" || ask.purpose === "baseline",
    ...(ask.stage === undefined ? {} : { stage: ask.stage }),
    ...(run.split === undefined ? {} : { split: run.split }),
    onProgress: ({ part, line }) => {
      if (part === "wait") listener({ type: "waiting", message: line });
      else if (line !== undefined && run.split === undefined) listener({ type: "line", line });
    },
    signal: session.abort.signal,
  });
  if (evaluation.failure?.kind === "cancelled" || session.abort.signal.aborted) throw new Interrupted();
  const value = evaluation.failure ? null : (evaluation.metrics[contract.metric.name] ?? null);
  const stored: Omit<EvaluationRow, "id"> = {
    sessionId: row.id,
    experimentId: run.owner.experimentId,
    auditId: run.owner.auditId,
    position: run.position,
    arm: ask.arm,
    purpose: ask.purpose,
    round: ask.round,
    state: run.state,
    seed,
    value,
    metrics: JSON.stringify(evaluation.metrics),
    failureKind: evaluation.failure?.kind ?? null,
    failureMessage: failureWords(evaluation, run),
    startedAt: evaluation.startedAt,
    wallMs: evaluation.wallMs,
    cpuMs: evaluation.cpuMs,
    peakBytes: evaluation.peakBytes,
    exitCode: evaluation.exitCode,
    logTail: evaluation.logTail,
    checks: JSON.stringify(evaluation.checks),
    channel: evaluation.channel,
    level: evaluation.level,
    pins: evaluation.pins,
    stage: ask.stage ?? null,
    machine:
      evaluation.machine &&
      JSON.stringify({ ...evaluation.machine, gpuPeakBytes: evaluation.gpuPeakBytes ?? undefined }),
    spentMs: evaluation.spentMs,
    used: evaluation.used && JSON.stringify(evaluation.used),
  };
  await addEvaluation(ledger, stored);
  listener({
    type: "evaluation",
    ...(run.split === undefined ? { evaluation, value } : { evaluation: sealed(evaluation), value: null }),
    ...{ purpose: ask.purpose, arm: ask.arm, recalled: false },
    ...(run.label === undefined ? {} : { label: run.label }),
    ...(ask.stage === undefined ? {} : { stage: ask.stage }),
  });
  return { ...stored, id: 0 };
}

/** On the untouched code nobody's proposal has failed: the person is told what the scorer said. */
function failureWords({ failure, logTail }: Evaluation, { ask, split }: Run): string | null {
  if (failure?.details !== undefined && ask.purpose === "baseline" && split === undefined)
    return `${failure.message}; ${failure.details}`;
  if (failure?.kind !== "scorer" || ask.arm !== "baseline") return failure?.message ?? null;
  return logTail.split("\n").at(-1) ?? failure.message;
}

/** A baseline that was measured while what judges changed is good for nothing, now or later. */
async function spoilIfChanged({ place, ledger, row }: Session): Promise<void> {
  const changed = await changedPins(place);
  if (changed.length === 0) return;
  await updateSession(ledger, row.id, { pins: `spoilt ${row.pins}` });
  throw new UserError(
    `what judges the session changed on disk while the baseline was measured: ${changed.join("; ")}`,
    "begin a new session with `whet run --fresh`",
  );
}

async function measureBaseline(session: Session): Promise<void> {
  const { ledger, row, rule, contract, listener } = session;
  // A run that failed is no baseline: it is measured again once the cause is mended.
  const recorded = (await evaluationsOf(ledger, { baseline: row.id })).filter(
    (run) => run.failureKind === null,
  );
  const { result, evaluations } = await baselineFrom(session, recorded);
  const good = evaluations.filter((run) => run.failureKind === null);
  const deciding = good.filter((run) => run.stage === decidingStage(contract));
  session.baseline = soundRuns(deciding, { preset: contract.decision.preset, parameters: { ...rule } });
  session.rungs = good;
  const failures = moods(await evaluationsOf(ledger, { baseline: row.id }));
  session.noise = { ...result, failures };
  // Only now: what an earlier baseline passed is no obstacle to going on.
  if (row.status === "baseline") await tryYardstick(session);
  session.holdout = await baselineHoldout(ledger, row.id);
  session.remarks = [
    ...fixedFiles(session.fixed),
    ...(repeatsSelection(contract, session.baseline, session.holdout)
      ? [
          "the holdout gives the same value as the score on the untouched code: it guards against nothing unless its scorer reads other data",
        ]
      : []),
    ...idleStages(contract, good),
    ...oddRun(
      deciding.map((run) => run.value as number),
      rule,
    ),
    ...(failures > 0
      ? [
          `${failures} of ${good.length + failures} runs of the untouched code failed: the evaluator fails now and then, so failed runs are repeated (\`whet failures\` shows them)`,
        ]
      : []),
  ];
  if (row.status === "baseline") {
    await updateSession(ledger, row.id, { status: "ready" });
    row.status = "ready";
  }
  const values = session.baseline.map((evaluation) => evaluation.value as number);
  listener({
    type: "noise",
    values,
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    sigma: decision.sigma(result),
    deterministic: result.deterministic,
  });
}

/** The runs of the untouched code: those on record, and whatever is missing yet. */
async function baselineFrom(session: Session, recorded: readonly EvaluationRow[]) {
  const { row, rule, contract, listener } = session;
  let last: EvaluationRow | null = null;
  const owner = { experimentId: null, auditId: null, label: "baseline" };
  const measure = async (ask: decision.Ask, position: number, previousSeed: number | null) => {
    // Said only where something is left to be measured.
    if (last === null)
      listener({ type: "phase", phase: "baseline", number: null, what: "measuring the untouched code" });
    const of = { state: row.baseState, files: session.baseFiles, rounds: rule.baselineRuns };
    last = await measureRun(session, { ask, position, previousSeed, owner, ...of });
    return last;
  };
  const warm = recorded.length === 0 ? await warmedUp(session, measure) : 0;
  const asked = baselineRuns(rule, contract);
  const bearing = patience(rule.baselineRuns, rule.retries, warm);
  // Failed runs are passed over when it goes on, and keep their places.
  const skipped = Math.max(0, (recorded.at(-1)?.position ?? -1) + 1 - recorded.length);
  const driven = drive(
    fromNumbers(asked, (sample) => bearing.again(sample)),
    recorded,
    (ask, position, previousSeed) => measure(ask, position + skipped, previousSeed),
  );
  // However it ended: what was measured until then would be gone on with.
  await driven.catch(() => {});
  if (last !== null) await spoilIfChanged(session);
  return driven.catch(async (error: unknown) => {
    throw await withLeftOut(withLastWords(withHints(error, last, session), last), last, session);
  });
}

/** Runs that come before the baseline and are not counted. @returns how many of the last ones failed in a row. */
async function warmedUp(
  { contract, rule }: Session,
  measure: (ask: decision.Ask, position: number, seed: null) => Promise<EvaluationRow>,
): Promise<number> {
  let failed = 0;
  const stage = decidingStage(contract);
  const ask = { arm: "baseline", seed: "fresh", purpose: "warmup" } as const;
  for (let round = 1; round <= warmUpRuns(contract); round++) {
    const run = await measure({ ...ask, round, ...(stage === null ? {} : { stage }) }, -round, null);
    failed = run.failureKind === null ? 0 : failed + 1;
  }
  return rule.retries === 0 ? 0 : failed;
}

/**
 * What would lose every keep is found on the untouched code: a bound that it breaks, a holdout that cannot be measured.
 * This run on the holdout is no look at it: nothing is chosen by it.
 */
async function tryYardstick(session: Session): Promise<void> {
  const { contract, ledger, row, baseline } = session;
  const samples = baseline.map((run) => JSON.parse(run.metrics) as Record<string, number>);
  const broken = brokenGuard(contract, samples, []);
  if (broken !== null)
    throw new UserError(
      `the untouched code breaks a guard, so nothing could be kept: ${broken}`,
      "set a bound that it meets, or a tolerance instead, in program.md",
    );
  if (!contract.holdout || (await baselineHoldout(ledger, row.id)) !== null) return;
  const stage = decidingStage(contract);
  const run = await measureRun(session, {
    ask: {
      ...{ arm: "baseline", seed: "same", purpose: "holdout", round: 1 },
      ...(stage === null ? {} : { stage }),
    },
    position: session.rungs.length,
    // The same seed: what differs is the data.
    previousSeed: baseline[0]?.seed ?? null,
    owner: { experimentId: null, auditId: null, label: "baseline holdout" },
    state: row.baseState,
    files: session.baseFiles,
    rounds: 1,
    split: "holdout",
  });
  await spoilIfChanged(session);
  if (run.value === null)
    throw new RunFailed(
      `the holdout could not be measured on the untouched code: ${run.failureMessage ?? `it gave no ${contract.metric.name}`}`,
      `mend \`holdout: ${contract.holdout.score}\` and commit it, then try again`,
    );
}

async function beginSession(from: {
  lab: LabFolder;
  repo: Repo;
  ledger: Ledger;
  sandbox: Sandbox;
  place: Place;
  pins: string;
  baseFiles: Files;
  contract: Contract;
  options: SessionOptions;
  commit: string;
}): Promise<SessionRow> {
  const { lab, repo, ledger, sandbox, place, options } = from;
  const now = options.now ?? new Date();
  const wanted = options.tag ?? defaultTag(now);
  if (!/^[A-Za-z0-9][\w-]*(\.[\w-]+)*$/.test(wanted) || /\.lock$/.test(wanted) || wanted.length > 100)
    throw new UserError(
      `"${wanted}" cannot be the name of a session: it becomes a branch`,
      "take letters, digits, - and _, such as --tag night-1",
    );
  const taken = new Set((await sessions(ledger)).map((session) => session.tag));
  let tag = wanted;
  for (let count = 2; taken.has(tag) || (await branchTip(repo, `whetstone/${tag}`)) !== null; count++) {
    if (options.tag)
      throw new UserError(
        `the name "${wanted}" is taken by an earlier session or branch`,
        "choose another --tag",
      );
    tag = `${wanted}-${count}`;
  }
  const fresh: Omit<SessionRow, "id" | "spentMs"> = {
    holdoutData: from.contract.holdout ? await dataHash(from.contract.holdout, place) : null,
    epoch: (options.rescoring?.epoch ?? 0) + 1,
    rescoredFrom: options.rescoring?.id ?? null,
    pausedAt: null,
    tag,
    branch: `whetstone/${tag}`,
    program: JSON.stringify(lab.program),
    programHash: lab.program.hash,
    baseCommit: from.commit,
    baseTree: place.pins.base ?? "",
    baseState: contentHash(from.baseFiles),
    pins: from.pins,
    pinParts: JSON.stringify(place.pins),
    researcher: from.contract.researchers.map(({ name }) => name).join(", "),
    seed: options.seed ?? randomBytes(4).readUInt32BE(0),
    secret: randomBytes(32).toString("hex"),
    channel: channelOf(from.contract),
    level: sandbox.isolation.level,
    isolation: JSON.stringify({
      ...sandbox.isolation,
      ...(place.canLayer === null ? {} : { layer: place.canLayer }),
    }),
    status: "baseline",
    stopReason: null,
    holder: null,
    createdAt: now.getTime(),
    startedAt: null,
    endedAt: null,
  };
  const id = await addSession(ledger, fresh);
  // The branch claims the name: another lab of this repository would take the same one otherwise.
  await createBranch(repo, fresh.branch, from.commit);
  return { ...fresh, id, spentMs: 0 };
}

/**
 * What tells hidden data from other: the content of its private paths, whatever they are called and whoever reads them;
 * where there are none, the scorer's command.
 */
export async function dataHash(
  split: { score: string; private: readonly string[] },
  place: Place,
): Promise<string> {
  const contents = await Promise.all(split.private.map((path) => contentOf(place, path)));
  const data = contents.length > 0 ? contents.toSorted() : [split.score];
  return createHash("sha256").update(JSON.stringify(data)).digest("hex");
}

/** Hash of what lies at a path of the lab, in the base or in an input. */
async function contentOf(place: Place, path: string): Promise<string> {
  const host = hostPath(place, path);
  if ((await lstat(host)).isDirectory()) return manifestHash(await manifest(host));
  return createHash("sha256")
    .update(await readFile(host))
    .digest("hex");
}

/** `nov21` */
function defaultTag(now: Date): string {
  return `${now.toLocaleString("en-US", { month: "short" }).toLowerCase()}${String(now.getDate()).padStart(2, "0")}`;
}

/** The session that `whet run` goes on with, or null for a new one. */
function resumable(
  all: readonly SessionRow[],
  lab: LabFolder,
  repo: Repo,
  tag: string | undefined,
  listener: Listener,
): SessionRow | null {
  if (tag !== undefined) {
    const named = all.find((session) => session.tag === tag);
    if (named && named.programHash !== lab.program.hash) throw changedProgram(named, lab);
    return named ?? null;
  }
  const [latest] = all;
  if (!latest) return null;
  if (latest.programHash !== lab.program.hash) {
    listener({
      type: "notice",
      message: `program.md has changed since session "${latest.tag}": beginning a new session (\`whet rescore\` measures the earlier keeps under it)`,
    });
    return null;
  }
  if (latest.baseCommit !== repo.head) {
    listener({
      type: "notice",
      message: `HEAD has moved since session "${latest.tag}": beginning a new session on it (--tag ${latest.tag} goes on with the old one)`,
    });
    return null;
  }
  return latest;
}

function changedProgram(session: SessionRow, { programFile }: LabFolder): UserError {
  const name = basename(programFile);
  return new UserError(
    `${name} has changed since session "${session.tag}" began, or another contract was meant; its numbers would not be comparable`,
    `put ${name} back as it was, or begin a new session: \`whet run --fresh\` for Whetstone's own loop, \`whet start --fresh\` for an agent that calls \`whet try\``,
  );
}

/**
 * Before anything is laid out: two processes in one working folder would measure each other's files.
 *
 * @returns the lab's sessions, newest first.
 */
async function takeLab(ledger: Ledger): Promise<SessionRow[]> {
  const taken = !ledger.hold();
  const all = await sessions(ledger);
  for (const session of all)
    if (session.holder !== null && session.holder !== thisProcess() && isAlive(session.holder))
      throw new UserError(
        `session "${session.tag}" is already running in this lab (process ${session.holder.split(":")[0]})`,
        "watch it with `whet status`, or stop it there with Ctrl-C first",
      );
  if (taken)
    throw new UserError(
      "another process is already running in this lab",
      "watch it with `whet status`, or stop it there with Ctrl-C first",
    );
  return all;
}

async function release(ledger: Ledger): Promise<void> {
  for (const session of await sessions(ledger).catch(() => []))
    if (session.holder === thisProcess()) await updateSession(ledger, session.id, { holder: null });
}

/** Opens the ways to models and hosts that the contract grants; null where it grants none. */
async function relaysOf(
  contract: Contract,
  sandbox: Sandbox,
  ledger: Ledger,
  sessionId: number,
): Promise<Relays | null> {
  const { budget, stages, checks, score, models } = contract;
  const lists = [budget, ...stages.map((stage) => stage.budget), ...checks, score];
  if (models.length === 0 && !lists.some((each) => Array.isArray(each?.network))) return null;
  await requireDoors(sandbox);
  const { level } = sandbox.isolation;
  // Loaded only then: most labs grant neither.
  const { openRelays } = await import("../relay/index.ts");
  return openRelays({ contract, level, book: modelBook(ledger, sessionId), env: process.env });
}
