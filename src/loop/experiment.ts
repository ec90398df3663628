import { posix } from "node:path";
import * as decision from "../decision/index.ts";
import { changedPins, type Files, repeatsSelection, trust } from "../evaluator/index.ts";
import {
  addDecision,
  addExperiment,
  type Box,
  changeOf,
  drivingAgent,
  type EvaluationRow,
  type ExperimentRow,
  earlierLook,
  evaluationsOf,
  experimentByNumber,
  type NewTurn,
  openExperiment,
  probesWith,
  StaleIncumbent,
  setCandidateCommit,
  violationsOf,
} from "../ledger/index.ts";
import { peakOf } from "../notebook/index.ts";
import {
  contentHash,
  diffText,
  lineCounts,
  mayChange,
  pathFault,
  recordCandidate,
  type Violation,
} from "../repo/index.ts";
import type { Proposal } from "../researcher/index.ts";
import { commitKeep, settleBranch } from "./branch.ts";
import { drive, replayRuns } from "./drive.ts";
import { figuresOf } from "./figures.ts";
import { lookAtHoldout } from "./holdout.ts";
import { decidingStage } from "./ladder.ts";
import { Interrupted, measureRun, type Session } from "./session.ts";
import {
  applied,
  changedYardstick,
  judging,
  type LoopState,
  measuredValue,
  past,
  remember,
  remembered,
  replay,
  samplesOf,
  standingGain,
} from "./state.ts";
import { refuseChangedYardstick } from "./yardstick.ts";

export interface Proposed {
  /** The candidate's commit is written while it is measured; awaited before the decision is recorded. */
  committed: Promise<void>;
  experiment: ExperimentRow;
  after: Record<string, string | null>;
  before: Record<string, string | null>;
}

/** Where the session stands, from the ledger alone; the branch is brought to it. */
export async function settled(session: Session, most = remembered): Promise<LoopState> {
  const { state } = await replay(session, most);
  const commit = await settleBranch(session);
  return { ...state, incumbent: { ...state.incumbent, commit } };
}

/** What a researcher came with, before it is recorded. */
export interface Recording {
  researcher: string;
  proposal: Proposal;
  /** What else was changed in the working copy; any of it makes the experiment invalid. */
  violations?: readonly Violation[];
  proposeMs: number;
  /** What it was asked and did: recorded in one transaction with the proposal. */
  turns?: readonly NewTurn[];
  /** The sandbox of an agent that drives. */
  box?: Box;
  /** Ids of turns before these in which it came with what had been tried already. */
  earlierTurns?: readonly number[];
}

export type Recorded =
  | { kind: "new"; proposed: Proposed }
  /** The same files were looked at before, in experiment `number` of session `tag`; 0: the untouched base. */
  | { kind: "known"; tag: string; number: number }
  /** A person's verdict has changed the incumbent meanwhile. */
  | { kind: "stale" };

/** Gives a proposal its number, unless the same state was looked at before: no second chance. */
export async function recordProposal(
  session: Session,
  state: LoopState,
  { researcher, proposal, violations: found = [], proposeMs, turns = [], earlierTurns = [], box }: Recording,
): Promise<Recorded> {
  const { ledger, row } = session;
  const { incumbent } = state;
  const { hypothesis, changes } = proposal;
  const files = contentHash(applied(incumbent.files, changes));
  const violations = [...forbidden(session, changes), ...found];
  if (found.length === 0) {
    const { tag } = row;
    if (files === incumbent.state) return { kind: "known", tag, number: incumbent.number };
    if (files === row.baseState) return { kind: "known", tag, number: 0 };
  }
  // The same files without what must not be there are another candidate, which nobody has looked at.
  const hash = found.length === 0 ? files : contentHash({ files, found: JSON.stringify(found) });
  const look = { sessionId: row.id, pins: row.pins, state: hash, parentState: incumbent.state };
  const earlier = await earlierLook(ledger, look);
  if (earlier) return { kind: "known", ...earlier };
  const before: Record<string, string | null> = {};
  for (const path of Object.keys(changes)) before[path] = incumbent.files[path] ?? null;
  const added = await addExperiment(ledger, {
    sessionId: row.id,
    state: hash,
    parent: incumbent.number,
    parentState: incumbent.state,
    researcher,
    what: hypothesis.what,
    mechanism: hypothesis.mechanism ?? null,
    prediction: hypothesis.prediction ?? null,
    ...lineCounts(before, changes),
    proposedAt: Date.now(),
    changes: { after: changes, before, diff: diffText(before, changes) },
    violations,
    proposeMs,
    turns,
    earlierTurns,
    ...(box ? { box } : {}),
    reviewed: state.reviewed,
  }).catch((error: unknown) => {
    if (error instanceof StaleIncumbent) return null;
    throw error;
  });
  if (added === null) return { kind: "stale" };
  const experiment = (await experimentByNumber(ledger, row.id, added.number)) as ExperimentRow;
  const committed =
    violations.length === 0
      ? commitCandidate(session, experiment, changes, incumbent.commit)
      : Promise.resolve();
  // A failure shows where it is awaited.
  committed.catch(() => {});
  return { kind: "new", proposed: { experiment, after: changes, before, committed } };
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

function forbidden({ contract, place, baseFiles }: Session, changes: Proposal["changes"]) {
  const found: { path: string; kind: string; detail: string }[] = [];
  for (const [path, text] of Object.entries(changes)) {
    const detail = mayChange(contract.change, path)
      ? isFixed(place, baseFiles, path)
        ? "what lies there is no text that a candidate can change"
        : text === null
          ? null
          : inTheWay(place, path)
      : (pathFault(path) ?? `\`change\` allows only ${contract.change.join(", ")}`);
    if (detail !== null) found.push({ path, kind: "forbidden", detail });
  }
  return found;
}

/** Whether something lies there in the base that was not read as an editable text: an image, a link, a large file. */
function isFixed({ laid, lab }: Session["place"], baseFiles: Files, path: string): boolean {
  return Object.hasOwn(laid, posix.join(lab, path)) && !Object.hasOwn(baseFiles, path);
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
export async function finishOpen(session: Session, state: LoopState): Promise<LoopState> {
  const open = await openExperiment(session.ledger, session.row.id);
  if (!open) return state;
  const change = await changeOf(session.ledger, open.id);
  const allowed = (await violationsOf(session.ledger, open.id)).length === 0;
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
export async function evaluate(session: Session, state: LoopState, proposed: Proposed): Promise<LoopState> {
  const { ledger, row, rule, contract, listener } = session;
  const { experiment, after } = proposed;
  const { incumbent } = state;
  const files = applied(incumbent.files, after);
  const recorded = await evaluationsOf(ledger, { experiment: experiment.id });
  const faults = await violationsOf(ledger, experiment.id);
  let noise = state.noise;
  let made: decision.Decision;
  let evaluations: EvaluationRow[] = [];
  let incumbentFailed: decision.IncumbentFails | null = null;
  let rungs: decision.Rung[] = [];
  let yardstick: unknown = null;
  const stage = decidingStage(contract);
  if (faults.length > 0) {
    const named = faults.slice(0, 5).map((fault) => `${fault.path} (${fault.detail})`);
    const more = faults.length > 5 ? `; and ${faults.length - 5} more` : "";
    made = refusal(`forbidden change: ${named.join("; ")}${more}`);
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
      noise = decision.learn(rule, state.noise, judgement.learned);
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
  if (made.kind === "keep" && made.doubt === null && state.gains.length === 0)
    made = { ...made, doubt: await gradeDoubt(session) };
  await proposed.committed;
  const value = measuredValue(evaluations, stage);
  const own = evaluations.filter((run) => run.arm === "candidate");
  const decidedAt = Date.now();
  // An agent that drives draws its own lessons.
  const lesson = experiment.researcher === drivingAgent ? null : lessonOf(made, contract.metric.name);
  await addDecision(
    ledger,
    {
      experimentId: experiment.id,
      ...figuresOf({ decision: made, rungs, before: state.noise, after: noise, value }),
      runs: evaluations.length,
      peakBytes: own.length > 0 ? Math.max(...own.map(peakOf)) : null,
      wallMs: evaluations.reduce((sum, run) => sum + run.wallMs, 0),
      decidedAt,
      doubt: made.doubt,
    },
    lesson,
  );

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

/**
 * Where the evaluator can be cheated, a first keep says more of that than of the change: a person looks at it before a
 * session of them is built on it.
 */
async function gradeDoubt(session: Session): Promise<string | null> {
  const { contract, evaluator, sandbox, ledger, row, baseline, holdout } = session;
  const { letter, reasons } = trust(
    contract,
    evaluator.channel,
    sandbox.isolation,
    await probesWith(ledger, row),
    repeatsSelection(contract, baseline, holdout),
  );
  const worst = reasons.find((reason) => reason.startsWith("D "));
  return letter === "D" ? `it is the first keep under trust grade D (${worst})` : null;
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
      // Without noise there are no standard errors: the effect itself tells.
      return (made.t ?? made.effect ?? 0) < 0
        ? { verdict: "refuted", text: `${metric} got worse, or at least no better` }
        : { verdict: null, text: "no clear effect" };
    default:
      return { verdict: "refuted", text: `it does not work: ${made.reason}` };
  }
}
