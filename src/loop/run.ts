import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import * as decision from "../decision/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import { changedPins, holdoutPairs } from "../evaluator/index.ts";
import {
  addCost,
  addDecision,
  addExperiment,
  changeOf,
  counts,
  type EvaluationRow,
  type ExperimentRow,
  earlierLook,
  evaluationsOf,
  experimentByNumber,
  holdoutLooks,
  openExperiment,
  reviewCount,
  StaleIncumbent,
  setCandidateCommit,
  setLesson,
  updateSession,
} from "../ledger/index.ts";
import { contentHash, diffText, lineCounts, mayChange, pathFault, recordCandidate } from "../repo/index.ts";
import { type Briefing, type Proposal, proposalKey, type Researcher, search } from "../researcher/index.ts";
import { auditSession } from "./audit.ts";
import { commitKeep, settleBranch } from "./branch.ts";
import { alarm } from "./divergence.ts";
import { drive, replayRuns } from "./drive.ts";
import type { LabFolder } from "./lab.ts";
import { decidingStage } from "./ladder.ts";
import { probe } from "./probe.ts";
import {
  closeSession,
  Interrupted,
  measureRun,
  openSession,
  type Session,
  type SessionOptions,
} from "./session.ts";
import {
  applied,
  changedYardstick,
  judging,
  type LoopState,
  measuredValue,
  past,
  remember,
  replay,
  samplesOf,
  standingGain,
} from "./state.ts";

export interface RunOptions extends SessionOptions {
  /** Total experiments of the session, earlier ones included. */
  experiments?: number;
  /** Total milliseconds of the session, earlier runs included. */
  time?: number;
  /** The session ends once the incumbent is at this value. */
  until?: number;
  /** Pairs of the final audit; 0: none. Default 8. */
  auditPairs?: number;
  /** Who proposes; default: the one that the contract names. */
  researcher?: Researcher;
  /** False: no control arm, whatever the contract says. */
  control?: boolean;
  /** False: do not try Whetstone's own cheats on the evaluator before the first experiment. */
  probe?: boolean;
  /** Called after each decision, e.g. to bring results.tsv up to date. */
  afterExperiment?: (session: Session) => Promise<void>;
}

export interface RunResult {
  tag: string;
  /** Why it ended, for a person. */
  reason: string;
  /** True when it can go on only with other limits. */
  final: boolean;
}

/**
 * The loop: propose, evaluate, decide, record, until a limit is reached or it is asked to stop.
 *
 * Every step is in the ledger before the next begins, so whatever ends the process, the next call goes on from there
 * and no finished evaluation is repeated.
 */
export async function runSession(lab: LabFolder, options: RunOptions = {}): Promise<RunResult> {
  // The wall clock may jump; a limit of hours must not.
  const begun = performance.now();
  let session: Session;
  try {
    session = await openSession(lab, options);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const reason = "stopped by hand before the first experiment";
    options.listener?.({ type: "stop", reason, final: false });
    return { tag: options.tag ?? "", reason, final: false };
  }
  let reason = "interrupted";
  try {
    const { row, listener, ledger } = session;
    await updateSession(ledger, row.id, { status: "running", stopReason: null });
    row.status = "stopped";
    let state = await settled(session);
    const tally = await counts(ledger, row.id);
    listener({
      type: "session",
      tag: row.tag,
      branch: row.branch,
      resumed: session.resumed && state.decided > 0,
      experiments: state.decided,
      keeps: tally.keep ?? 0,
      discards: tally.discard ?? 0,
      best: state.incumbent.value,
      baseCommit: row.baseCommit,
    });
    const researchers = researchersOf(session, options);
    let alarmed: string | null = null;
    let noted = performance.now();
    const spent = () => row.spentMs + performance.now() - begun;
    const limits = limitsOf(session, options);

    if (state.decided === 0) for (const message of session.remarks) listener({ type: "notice", message });
    if (options.probe !== false && state.decided === 0) await probe(session);
    state = await finishOpen(session, state);
    for (;;) {
      await options.afterExperiment?.(session);
      const limit = reached(limits, state, spent(), session);
      if (limit) {
        reason = limit;
        break;
      }
      if (session.stop.requested) throw new Interrupted();
      if (await holdoutIsUsedUp(session, 0)) {
        reason = `the holdout has been looked at ${session.contract.holdout?.looks} times, which is the limit: nothing more can be kept until it has fresh data`;
        break;
      }
      await refuseChangedYardstick(session);
      if ((await reviewCount(ledger.db, row.id)) !== state.reviewed) state = await settled(session);
      const apart = alarm(session, state);
      if (apart !== null && apart !== alarmed) {
        alarmed = apart;
        listener({ type: "alarm", message: apart });
        if (session.contract.onDivergence === "stop") {
          reason = apart;
          break;
        }
      }
      const next = turn(session, state, researchers);
      const proposed = await propose(session, next, state);
      if (proposed === "stale") continue;
      if (!proposed && next === researchers.control) {
        // The control has had all it wants; the session is not over for that.
        researchers.control = null;
        continue;
      }
      if (!proposed) {
        reason = "the researcher has nothing left to try";
        break;
      }
      state = await evaluate(session, state, proposed);
      // Else the hours of a run that is killed would not count towards the limit.
      if (performance.now() - noted > 5000) {
        noted = performance.now();
        await updateSession(ledger, row.id, { spentMs: Math.round(spent()) });
      }
    }
    // Provisional keeps rest on the audit alone: there it cannot be switched off.
    const wanted = options.auditPairs ?? 8;
    const provisional = session.rule.maxPairs === 0 || decidingStage(session.contract) !== null;
    const pairs = provisional ? Math.max(wanted, 2) : wanted;
    session.noise = state.noise;
    if (pairs > 0 && state.incumbent.number > 0) await auditSession(session, state.incumbent, pairs);
    await options.afterExperiment?.(session);
    listener({ type: "stop", reason, final: true });
    return { tag: row.tag, reason, final: true };
  } catch (error) {
    if (error instanceof Interrupted) {
      reason = "stopped by hand";
      session.listener({ type: "stop", reason, final: false });
      return { tag: session.row.tag, reason, final: false };
    }
    if (error instanceof decision.IncumbentFails) {
      reason = error.message;
      throw new RunFailed(
        error.message,
        "the evaluator or the machine has a problem: see `whet failures`; `whet run` goes on from here",
      );
    }
    reason = error instanceof Error ? error.message : String(error);
    throw error;
  } finally {
    await closeSession(session, reason, Math.round(performance.now() - begun));
  }
}

interface Limits {
  experiments: number | null;
  time: number | null;
  until: number | null;
}

function limitsOf({ contract }: Session, options: RunOptions): Limits {
  return {
    experiments: options.experiments ?? contract.session.experiments ?? null,
    time: options.time ?? contract.session.time ?? null,
    until: options.until ?? contract.metric.target ?? null,
  };
}

/** The limit that has been reached, in words. Limits count the whole session, interruptions included. */
function reached(limits: Limits, state: LoopState, spentMs: number, { contract }: Session): string | null {
  const { value } = state.incumbent;
  const { direction, name } = contract.metric;
  if (limits.until !== null && (direction === "minimize" ? value <= limits.until : value >= limits.until))
    return `the target is reached: ${name} ${value} (target ${limits.until})`;
  if (limits.experiments !== null && state.decided >= limits.experiments)
    return `the limit of ${limits.experiments} experiments is reached`;
  if (limits.time !== null && spentMs >= limits.time)
    return `the time limit is reached (${inWords(limits.time)})`;
  return null;
}

function inWords(ms: number): string {
  const units = [
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ] as const;
  const [size, unit] = units.find(([length]) => ms >= length) ?? ([1, "ms"] as const);
  return `${Number((ms / size).toFixed(1))} ${unit}`;
}

interface Researchers {
  main: Researcher;
  /** The built-in search beside it, for comparison at equal cost. */
  control: Researcher | null;
}

function researchersOf({ contract }: Session, options: RunOptions): Researchers {
  const { researcher: given, control = true } = options;
  const plain = search();
  // The contract admits no other name yet.
  if (!given && contract.researcher.name !== plain.name)
    throw new UserError("only the built-in search is available");
  const main = given ?? plain;
  return { main, control: control && (contract.control ?? 0) > 0 && main.name !== plain.name ? plain : null };
}

/** Whose turn it is: the control's while it has had less than its share of the evaluation time. */
function turn({ contract }: Session, { spent }: LoopState, { main, control }: Researchers): Researcher {
  if (control === null) return main;
  const all = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  // The main researcher begins.
  return all > 0 && (spent[control.name] ?? 0) < (contract.control ?? 0) * all ? control : main;
}

const pinCheckEvery = 10_000;

/** The user edits the contract or the base: the session ends rather than measure with another yardstick. */
async function refuseChangedYardstick(session: Session): Promise<void> {
  const { lab, place } = session;
  const text = await readFile(lab.programFile, "utf8").catch(() => "");
  if (createHash("sha256").update(text).digest("hex") !== lab.program.hash)
    throw new UserError(
      `${lab.programFile} has changed since the session began`,
      "the session has stopped; put it back and `whet run` goes on, or begin a new session with `whet run --fresh`",
    );
  if (performance.now() - session.pinsCheckedAt < pinCheckEvery) return;
  session.pinsCheckedAt = performance.now();
  const changed = await changedPins(place);
  if (changed.length > 0)
    throw new UserError(
      `what judges the session has changed on disk: ${changed.join("; ")}`,
      "the session has stopped; put it back and `whet run` goes on, or begin a new session with `whet run --fresh`",
    );
}

interface Proposed {
  /** The candidate's commit is written while it is measured; awaited before the decision is recorded. */
  committed: Promise<void>;
  experiment: ExperimentRow;
  after: Record<string, string | null>;
  before: Record<string, string | null>;
}

/** Where the session stands, from the ledger alone; the branch is brought to it. */
async function settled(session: Session): Promise<LoopState> {
  const { state } = await replay(session);
  const commit = await settleBranch(session);
  return { ...state, incumbent: { ...state.incumbent, commit } };
}

/** Asks the researcher until it comes with something new; null when it has nothing. */
async function propose(
  session: Session,
  researcher: Researcher,
  state: LoopState,
): Promise<Proposed | "stale" | null> {
  const { ledger, row, lab, listener } = session;
  const { incumbent } = state;
  const refused = new Set<string>();
  listener({ type: "phase", phase: "propose", number: state.decided + 1, what: researcher.name });
  const began = performance.now();
  for (let attempt = 0; attempt < 1000; attempt++) {
    const briefing: Briefing = {
      program: lab.program,
      files: incumbent.files,
      history: state.history,
      seed: row.seed,
    };
    const proposal = await researcher.propose(briefing, refused);
    if (!proposal) return null;
    const files = applied(incumbent.files, proposal.changes);
    const hash = contentHash(files);
    const look = { sessionId: row.id, pins: row.pins, state: hash, parentState: incumbent.state };
    if (hash === incumbent.state || hash === row.baseState || (await earlierLook(ledger, look))) {
      refused.add(proposalKey(proposal));
      continue;
    }
    const before: Record<string, string | null> = {};
    for (const path of Object.keys(proposal.changes)) before[path] = incumbent.files[path] ?? null;
    const violations = forbidden(session, proposal);
    const added = await addExperiment(ledger, {
      sessionId: row.id,
      state: hash,
      parent: incumbent.number,
      parentState: incumbent.state,
      researcher: researcher.name,
      what: proposal.hypothesis.what,
      mechanism: proposal.hypothesis.mechanism ?? null,
      prediction: proposal.hypothesis.prediction ?? null,
      ...lineCounts(before, proposal.changes),
      proposedAt: Date.now(),
      changes: { after: proposal.changes, before, diff: diffText(before, proposal.changes) },
      violations,
      proposeMs: performance.now() - began,
      reviewed: state.reviewed,
    }).catch((error: unknown) => {
      if (error instanceof StaleIncumbent) return null;
      throw error;
    });
    if (added === null) return "stale";
    const { number } = added;
    const experiment = (await experimentByNumber(ledger, row.id, number)) as ExperimentRow;
    const committed =
      violations.length === 0
        ? commitCandidate(session, experiment, proposal.changes, incumbent.commit)
        : Promise.resolve();
    // A failure shows where it is awaited.
    committed.catch(() => {});
    return { experiment, after: proposal.changes, before, committed };
  }
  return null;
}

/** Stores a candidate's tree; doing it again gives the same commit. */
export async function commitCandidate(
  session: Pick<Session, "repo" | "row" | "ledger">,
  experiment: ExperimentRow,
  changes: Record<string, string | null>,
  parent: string,
): Promise<void> {
  const commit = await recordCandidate(session.repo, candidateRef(session, experiment.number), {
    parent,
    changes,
    message: `${experiment.what}\n\nCandidate ${experiment.number} of session ${session.row.tag}.\n`,
    when: experiment.proposedAt,
  });
  await setCandidateCommit(session.ledger, experiment.id, commit);
}

export function candidateRef({ repo, row }: Pick<Session, "repo" | "row">, number: number): string {
  const lab = repo.labPath
    .split("/")
    .map((part) => part.replace(/[^A-Za-z0-9_-]+/g, "-") || "root")
    .join("/");
  return `refs/whetstone/${lab}/${row.tag}/${number}`;
}

function forbidden({ contract, place }: Session, proposal: Proposal) {
  const found: { path: string; kind: string; detail: string }[] = [];
  for (const [path, text] of Object.entries(proposal.changes)) {
    const detail = mayChange(contract.change, path)
      ? text === null
        ? null
        : inTheWay(place, path)
      : (pathFault(path) ?? `\`change\` allows only ${contract.change.join(", ")}`);
    if (detail !== null) found.push({ path, kind: "forbidden", detail });
  }
  return found;
}

/** A file cannot take the place of a pinned folder, nor a folder that of a pinned file. */
function inTheWay({ laid, lab }: Session["place"], path: string): string | null {
  const at = posix.join(lab, path);
  for (const pinned of Object.keys(laid)) {
    if (pinned.startsWith(`${at}/`)) return `it would take the place of the folder of ${pinned}`;
    if (at.startsWith(`${pinned}/`)) return `it would take the place of ${pinned}`;
  }
  return null;
}

/** Finishes the experiment that an interruption left without a decision. */
async function finishOpen(session: Session, state: LoopState): Promise<LoopState> {
  const open = await openExperiment(session.ledger, session.row.id);
  if (!open) return state;
  const change = await changeOf(session.ledger, open.id);
  const allowed = forbidden(session, { hypothesis: { what: "" }, changes: change.after }).length === 0;
  const committed =
    open.commitId === null && allowed
      ? commitCandidate(session, open, change.after, state.incumbent.commit)
      : Promise.resolve();
  committed.catch(() => {});
  return evaluate(session, state, {
    experiment: open,
    after: change.after,
    before: change.before,
    committed,
  });
}

/** Runs one experiment to its decision and records it. */
async function evaluate(session: Session, state: LoopState, proposed: Proposed): Promise<LoopState> {
  const { ledger, row, rule, contract, listener } = session;
  const { experiment, after } = proposed;
  const { incumbent } = state;
  const files = applied(incumbent.files, after);
  const recorded = await evaluationsOf(ledger, { experiment: experiment.id });
  const faults = forbidden(session, { hypothesis: { what: "" }, changes: after });
  let noise = state.noise;
  let made: decision.Decision;
  let evaluations: EvaluationRow[] = [];
  let incumbentFailed: decision.IncumbentFails | null = null;
  let rungs: decision.Rung[] = [];
  let yardstick: unknown = null;
  const stage = decidingStage(contract);
  if (faults.length > 0) {
    made = refusal(
      `forbidden change: ${faults.map((fault) => `${fault.path} (${fault.detail})`).join("; ")}`,
    );
  } else {
    listener({ type: "phase", phase: "screen", number: experiment.number, what: experiment.what });
    const judged = recorded.filter((run) => run.purpose !== "holdout");
    const seen: EvaluationRow[] = [...judged];
    const by = {
      rule,
      contract,
      noise,
      row: experiment,
      evaluations: () => seen,
      incumbent: incumbent.samples,
      gains: state.gains,
      looked: false,
    };
    let racing = false;
    const driven = drive(judging(by), judged, async (ask, position, previousSeed) => {
      if (ask.purpose === "race" && !racing) {
        racing = true;
        listener({ type: "phase", phase: "race", number: experiment.number, what: experiment.what });
      }
      const own = ask.arm === "candidate";
      const run = await measureRun(session, {
        ask,
        position,
        previousSeed,
        owner: { experimentId: experiment.id, auditId: null, label: `experiment ${experiment.number}` },
        state: own ? experiment.state : incumbent.state,
        files: own ? files : incumbent.files,
        rounds: { race: rule.maxPairs, screen: rule.screenRuns }[ask.purpose as string] ?? null,
      });
      seen.push(run);
      return run;
    });
    try {
      const { result, evaluations: all } = await driven;
      let judgement = result;
      if (result.decision.kind === "keep" && contract.holdout) {
        const looked = { experiment, files, incumbent, recorded, position: all.length };
        seen.push(...(await lookAtHoldout(session, looked)));
        // The same runs again, now with what the holdout said.
        judgement = replayRuns(judging({ ...by, looked: true }), all);
      }
      made = judgement.decision;
      noise = judgement.noise;
      rungs = judgement.rungs;
      evaluations = seen;
    } catch (error) {
      evaluations = seen;
      if (error instanceof decision.IncumbentFails) {
        incumbentFailed = error;
        made = { ...refusal(`nothing was decided: ${error.message}`), kind: "discard" };
      } else if (error instanceof Interrupted && (await changedPins(session.place)).length > 0) {
        // Once it is put back nobody could tell any more which of the runs were measured with what.
        yardstick = error;
        made = refusal(changedYardstick);
      } else throw error;
    }
  }

  if (made.kind === "keep") {
    // A win counts only if nothing that judges was touched meanwhile.
    session.pinsCheckedAt = Number.NEGATIVE_INFINITY;
    await refuseChangedYardstick(session).catch((error: unknown) => {
      yardstick = error;
      made = refusal(changedYardstick);
      noise = state.noise;
    });
  }
  await proposed.committed;
  const value = measuredValue(evaluations, stage);
  const own = evaluations.filter((run) => run.arm === "candidate");
  const decidedAt = Date.now();
  await addDecision(ledger, {
    experimentId: experiment.id,
    kind: made.kind,
    effect: made.effect,
    low: made.interval?.[0] ?? null,
    high: made.interval?.[1] ?? null,
    p: made.p,
    pReal: made.pReal,
    t: made.t,
    df: made.df,
    pairs: made.pairs,
    provisional: made.provisional ? 1 : 0,
    reason: made.reason,
    value,
    runs: evaluations.length,
    peakBytes: own.length > 0 ? Math.max(...own.map((run) => run.peakBytes)) : null,
    wallMs: evaluations.reduce((sum, run) => sum + run.wallMs, 0),
    decidedAt,
    stages: rungs.length > 0 ? JSON.stringify(rungs) : null,
    doubt: made.doubt,
    raced: noise.raced - state.noise.raced,
    allowance: noise.allowance - state.noise.allowance,
  });
  await addCost(ledger, {
    experimentId: experiment.id,
    kind: "evaluate",
    ms: evaluations.reduce((sum, run) => sum + run.wallMs, 0),
    tokensIn: null,
    tokensOut: null,
    dollars: null,
  });
  const lesson = lessonOf(made, contract.metric.name);
  await setLesson(ledger, experiment.id, lesson.verdict, lesson.text);

  const decided = (await experimentByNumber(ledger, row.id, experiment.number)) as ExperimentRow;
  let next = incumbent;
  let { gains } = state;
  if (made.kind === "keep") {
    const samples = samplesOf(evaluations, "candidate", stage);
    gains = [...gains, standingGain(contract, experiment.number, made, evaluations)];
    next = {
      number: experiment.number,
      state: experiment.state,
      files,
      commit: await commitKeep(session, decided, after, incumbent.commit, incumbent.value),
      value: value as number,
      samples,
    };
  }
  listener({
    type: "decision",
    number: experiment.number,
    what: experiment.what,
    decision: made,
    value,
    best: next.value,
  });
  if (yardstick) throw yardstick;
  if (incumbentFailed) throw incumbentFailed;
  return {
    noise,
    incumbent: next,
    history: remember(state.history, past(decided, { after, before: proposed.before })),
    decided: state.decided + 1,
    gains,
    spent: {
      ...state.spent,
      [experiment.researcher]: (state.spent[experiment.researcher] ?? 0) + (decided.decision?.wallMs ?? 0),
    },
    reviewed: state.reviewed,
  };
}

async function holdoutIsUsedUp({ ledger, row, contract }: Session, except: number): Promise<boolean> {
  const allowed = contract.holdout?.looks;
  if (allowed === undefined || row.holdoutData === null) return false;
  return (await holdoutLooks(ledger, row.holdoutData, except)) >= allowed;
}

/** Pairs of candidate and incumbent on the holdout; the looks of all sessions at this data together are limited. */
async function lookAtHoldout(
  session: Session,
  look: {
    experiment: ExperimentRow;
    files: Record<string, string>;
    incumbent: LoopState["incumbent"];
    recorded: readonly EvaluationRow[];
    position: number;
  },
): Promise<EvaluationRow[]> {
  const { experiment, incumbent, recorded } = look;
  if (await holdoutIsUsedUp(session, experiment.id)) return [];
  const runs = recorded.filter((run) => run.purpose === "holdout");
  const stage = decidingStage(session.contract);
  const fresh: EvaluationRow[] = [];
  for (let round = 1; round <= holdoutPairs; round++) {
    const order =
      round % 2 === 1 ? (["incumbent", "candidate"] as const) : (["candidate", "incumbent"] as const);
    for (const arm of order) {
      let run = runs.find((each) => each.round === round && each.arm === arm);
      if (!run) {
        const previous = [...runs, ...fresh].find((each) => each.round === round);
        const own = arm === "candidate";
        run = await measureRun(session, {
          ask: {
            ...{ arm, seed: previous ? "same" : "fresh", purpose: "holdout", round },
            ...(stage === null ? {} : { stage }),
          },
          position: look.position + runs.length + fresh.length,
          previousSeed: previous?.seed ?? null,
          owner: { experimentId: experiment.id, auditId: null, label: `holdout ${experiment.number}` },
          state: own ? experiment.state : incumbent.state,
          files: own ? look.files : incumbent.files,
          rounds: holdoutPairs,
          split: "holdout",
        });
        fresh.push(run);
      }
      // A holdout that does not even work for what is kept would veto all the night long.
      if (arm === "incumbent" && run.value === null)
        throw new decision.IncumbentFails(run.failureMessage ?? "no value", "fails on the holdout");
    }
  }
  return [...runs, ...fresh];
}

function refusal(reason: string): decision.Decision {
  return {
    kind: "invalid",
    effect: null,
    interval: null,
    p: null,
    pReal: null,
    t: null,
    df: null,
    pairs: 0,
    provisional: false,
    doubt: null,
    reason,
  };
}

/** What a mechanical researcher's experiment taught, from the numbers alone. */
function lessonOf(
  made: decision.Decision,
  metric: string,
): { verdict: "confirmed" | "refuted" | null; text: string } {
  switch (made.kind) {
    case "keep":
      return { verdict: "confirmed", text: `it helps: ${made.reason}` };
    case "discard":
      return made.t !== null && made.t < 0
        ? { verdict: "refuted", text: `${metric} got worse, or at least no better` }
        : { verdict: null, text: "no clear effect" };
    default:
      return { verdict: "refuted", text: `it does not work: ${made.reason}` };
  }
}
