import * as decision from "../../decision/index.ts";
import { Interrupted } from "../../errors.ts";
import { changedPins } from "../../evaluator/index.ts";
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
  changedYardstick,
  decidingStage,
  drive,
  figuresOf,
  judging,
  type LoopState,
  measuredValue,
  past,
  peakOf,
  remember,
  remembered,
  repeatsSelection,
  replayRuns,
  samplesOf,
  standingGain,
} from "../../strategy/index.ts";
import { commitKeep, settleBranch } from "../branch.ts";
import { measureRun } from "../measure.ts";
import { replay } from "../replay.ts";
import type { Session } from "../session.ts";
import { refuseChangedYardstick } from "../yardstick.ts";
import { lookAtHoldout } from "./holdout.ts";
import { commitCandidate, type Proposed } from "./record.ts";

/** Where the session stands, from the ledger alone; the branch is brought to it. */
export async function settled(session: Session, most = remembered): Promise<LoopState> {
  const { state } = await replay(session, most);
  const commit = await settleBranch(session);
  return { ...state, incumbent: { ...state.incumbent, commit } };
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
