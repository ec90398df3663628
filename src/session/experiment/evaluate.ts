import * as decision from "../../decision/index.ts";
import { Interrupted } from "../../errors.ts";
import { changedPins, type Files } from "../../evaluator/index.ts";
import {
  addDecision,
  changeOf,
  drivingAgent,
  type EvaluationRow,
  type ExperimentRow,
  evaluationsOf,
  experimentByNumber,
  openExperiment,
  probesWith,
  violationsOf,
} from "../../ledger/index.ts";
import { trust } from "../../notebook/index.ts";
import {
  applied,
  apply,
  type Course,
  changedYardstick,
  decidingStage,
  figuresOf,
  judging,
  measuredValue,
  nextBlock,
  peakOf,
  remembered,
  repeatsSelection,
  replayRuns,
} from "../../strategy/index.ts";
import { commitKeep, settleBranch } from "../branch.ts";
import { measureRun } from "../measure.ts";
import { replay } from "../replay.ts";
import type { Session } from "../session.ts";
import { refuseChangedYardstick } from "../yardstick.ts";
import { lookAtHoldout } from "./holdout.ts";
import { commitCandidate, type Proposed } from "./record.ts";

/** Where the session stands, from the ledger alone; the branch is brought to it. */
export async function settled(session: Session, most = remembered): Promise<Course> {
  const { course } = await replay(session, most);
  const commit = await settleBranch(session);
  return { ...course, incumbent: { ...course.incumbent, commit } };
}

/** Finishes the experiment that an interruption left without a decision. */
export async function finishOpen(session: Session, course: Course): Promise<Course> {
  const open = await openExperiment(session.ledger, session.row.id);
  if (!open) return course;
  const change = await changeOf(session.ledger, open.id);
  const allowed = (await violationsOf(session.ledger, open.id)).length === 0;
  const committed =
    open.commitId === null && allowed
      ? commitCandidate(session, open, change.after, course.incumbent.commit)
      : Promise.resolve();
  committed.catch(() => {});
  return evaluate(session, course, {
    experiment: open,
    after: change.after,
    before: change.before,
    committed,
  });
}

/**
 * Runs one experiment to its decision and records it.
 *
 * @returns where the session stands afterwards.
 * @throws what ended the session meanwhile, once the decision is recorded.
 */
export async function evaluate(session: Session, course: Course, proposed: Proposed): Promise<Course> {
  const faults = await violationsOf(session.ledger, proposed.experiment.id);
  const first = faults.length > 0 ? forbiddenChange(faults) : await measured(session, course, proposed);
  const verdict = await confirmed(session, course, first);
  await proposed.committed;
  const next = await record(session, course, proposed, verdict);
  if (verdict.end !== null) throw verdict.end;
  return next;
}

/** What came of one experiment. */
interface Verdict {
  made: decision.Decision;
  learned: readonly decision.Lesson[];
  rungs: readonly decision.Rung[];
  runs: readonly EvaluationRow[];
  /** Why the session cannot go on, thrown once the decision is recorded; null: it can. */
  end: unknown;
}

function forbiddenChange(faults: readonly { path: string; detail: string }[]): Verdict {
  const named = faults.slice(0, 5).map((fault) => `${fault.path} (${fault.detail})`);
  const more = faults.length > 5 ? `; and ${faults.length - 5} more` : "";
  const made = refusal(`forbidden change: ${named.join("; ")}${more}`);
  return { made, learned: [], rungs: [], runs: [], end: null };
}

/** Measures a candidate until its decision is made; runs that are on record already are not repeated. */
async function measured(session: Session, course: Course, proposed: Proposed): Promise<Verdict> {
  const { ledger, rule, contract, listener } = session;
  const { experiment, after } = proposed;
  const { incumbent, noise, gains } = course;
  const files = applied(incumbent.files, after);
  const recorded = await evaluationsOf(ledger, { experiment: experiment.id });
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
    gains,
    looked: false,
  };
  let isRacing = false;
  try {
    let next = nextBlock(() => judging(by), judged);
    for (; "block" in next; next = nextBlock(() => judging(by), judged)) {
      if (next.block[0].purpose === "race" && !isRacing) {
        isRacing = true;
        listener({ type: "phase", phase: "race", number: experiment.number, what: experiment.what });
      }
      for (const ask of next.block) {
        const before = { position: judged.length, previousSeed: judged.at(-1)?.seed ?? null };
        const run = await measureAsked(session, course, { experiment, files }, ask, before);
        judged.push(run);
        seen.push(run);
        if (run.failureKind !== null) break;
      }
    }
    let judgement = next.result;
    if (judgement.decision.kind === "keep" && contract.holdout) {
      const position = judged.length;
      seen.push(...(await lookAtHoldout(session, { experiment, files, incumbent, recorded, position })));
      // The same runs again, now with what the holdout said.
      judgement = replayRuns(judging({ ...by, looked: true }), judged);
    }
    const { decision: made, learned, rungs } = judgement;
    return { made, learned, rungs, runs: seen, end: null };
  } catch (error) {
    const without = { learned: [], rungs: [], runs: seen, end: error };
    if (error instanceof decision.IncumbentFails) {
      const made = refusal(`nothing was decided: ${error.message}`);
      return { ...without, made: { ...made, kind: "discard" } };
    }
    // Once it is put back nobody could tell any more which of the runs were measured with what.
    if (error instanceof Interrupted && (await changedPins(session.place)).length > 0)
      return { ...without, made: refusal(changedYardstick) };
    throw error;
  }
}

/** One run that the decision asks for, of the candidate or of the incumbent. */
function measureAsked(
  session: Session,
  { incumbent }: Course,
  { experiment, files }: { experiment: ExperimentRow; files: Files },
  ask: decision.Ask,
  before: { position: number; previousSeed: number | null },
): Promise<EvaluationRow> {
  const { rule } = session;
  const own = ask.arm === "candidate";
  return measureRun(session, {
    ask,
    ...before,
    owner: {
      experimentId: experiment.id,
      auditId: null,
      label: `experiment ${experiment.number}`,
      number: experiment.number,
    },
    state: own ? experiment.state : incumbent.state,
    files: own ? files : incumbent.files,
    rounds: { race: rule.maxPairs, screen: rule.screenRuns }[ask.purpose as string] ?? null,
  });
}

/** A win counts only if nothing that judges was touched meanwhile, and a first one only if the evaluator can be trusted. */
async function confirmed(session: Session, course: Course, verdict: Verdict): Promise<Verdict> {
  const { made } = verdict;
  if (made.kind !== "keep") return verdict;
  session.pinsCheckedAt = Number.NEGATIVE_INFINITY;
  try {
    await refuseChangedYardstick(session);
  } catch (error) {
    return { ...verdict, made: refusal(changedYardstick), learned: [], end: error };
  }
  if (made.doubt !== null || course.gains.length > 0) return verdict;
  return { ...verdict, made: { ...made, doubt: await gradeDoubt(session) } };
}

/** Records the decision and, for a keep, moves the branch. */
async function record(
  session: Session,
  course: Course,
  { experiment, after, before }: Proposed,
  { made, learned, rungs, runs }: Verdict,
): Promise<Course> {
  const { ledger, row, rule, contract, listener } = session;
  const { noise, incumbent } = course;
  const value = measuredValue(runs, decidingStage(contract));
  const own = runs.filter((run) => run.arm === "candidate");
  const known = decision.learn(rule, noise, learned);
  // An agent that drives draws its own lessons.
  const lesson = experiment.researcher === drivingAgent ? null : lessonOf(made, contract.metric.name);
  await addDecision(
    ledger,
    {
      experimentId: experiment.id,
      ...figuresOf({ decision: made, rungs, before: noise, after: known, value }),
      runs: runs.length,
      peakBytes: own.length > 0 ? Math.max(...own.map(peakOf)) : null,
      wallMs: runs.reduce((sum, run) => sum + run.wallMs, 0),
      decidedAt: Date.now(),
      doubt: made.doubt,
    },
    lesson,
  );
  const decided = (await experimentByNumber(ledger, row.id, experiment.number)) as ExperimentRow;
  const commit =
    made.kind === "keep" ? await commitKeep(session, decided, after, incumbent.commit, incumbent.value) : "";
  const change = { after, before };
  const next = apply(session, course, {
    type: "decided",
    experiment: decided,
    runs,
    learned,
    change,
    commit,
  });
  listener({
    type: "decision",
    number: experiment.number,
    what: experiment.what,
    decision: made,
    value,
    best: next.incumbent.value,
  });
  return next;
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
