import { mean } from "../base/index.ts";
import * as decision from "../decision/index.ts";
import type { DecisionRow, RunRow } from "../ledger/index.ts";
import {
  changeOf,
  changesOf,
  countsRaces,
  eachExperimentRuns,
  experiments,
  reviewsOf,
} from "../ledger/index.ts";
import {
  applied,
  changedYardstick,
  decidingStage,
  differenceOf,
  figuresOf,
  type Incumbent,
  type Judged,
  judging,
  type LoopState,
  MissingRun,
  measuredValue,
  past,
  remembered,
  replayRuns,
  type StandingGain,
  samplesOf,
  standingGain,
} from "../strategy/index.ts";
import type { Session } from "./session.ts";

/** Whether nothing was decided because the incumbent itself failed on the holdout; the noise is as it was then. */
function endedByHoldout(recorded: Pick<DecisionRow, "effect">, evaluations: readonly RunRow[]): boolean {
  return (
    recorded.effect === null &&
    evaluations.some((run) => run.purpose === "holdout" && run.arm === "incumbent" && run.value === null)
  );
}

export interface Replayed {
  state: LoopState;
  /** Decisions of which the recorded evaluations do not give the kind and every figure (any more), bit by bit. */
  differences: { number: number; recorded: string; replayed: string }[];
}

/**
 * Re-derives noise, decisions and incumbent from the recorded evaluations alone.
 * An experiment without a decision is left for the loop to finish.
 *
 * @param most how many of the newest experiments the history holds.
 */
export async function replay(
  session: Pick<Session, "ledger" | "row" | "contract" | "rule" | "baseline" | "noise" | "baseFiles">,
  most = remembered,
): Promise<Replayed> {
  const { ledger, row, contract, rule, baseline } = session;
  const stage = decidingStage(contract);
  let lastNumber = 0;
  let noise = session.noise;
  let incumbent: Incumbent = {
    number: 0,
    state: row.baseState,
    files: session.baseFiles,
    commit: row.baseCommit,
    value: mean(baseline.map((evaluation) => evaluation.value as number)),
    samples: samplesOf(baseline, "baseline", stage),
  };
  const differences: Replayed["differences"] = [];
  const counted = countsRaces(row.program);
  let decided = 0;
  let gains: StandingGain[] = [];
  const spent: Record<string, number> = {};
  const reviews = await reviewsOf(ledger, row.id);
  /** What was there before each keep that a person may still reject. */
  const before = new Map<number, { incumbent: Incumbent; noise: decision.Noise; gains: StandingGain[] }>();
  const heed = (after: number) => {
    for (const review of reviews) {
      const earlier = before.get(review.number);
      if (review.verdict !== "reject" || review.afterNumber !== after || !earlier) continue;
      incumbent = { ...earlier.incumbent, commit: review.commitId ?? "" };
      gains = earlier.gains;
      // What was learned of the noise stays; the record to beat is the old one again, and is soon run anew.
      const { ref, record, rungs } = earlier.noise;
      noise = { ...noise, ref, record, rungs, sinceIncumbent: Number.MAX_SAFE_INTEGER };
      for (const number of before.keys()) if (number >= review.number) before.delete(number);
    }
  };
  for await (const { experiment, evaluations } of eachExperimentRuns(ledger, row.id)) {
    heed(experiment.number - 1);
    lastNumber = experiment.number;
    const recorded = experiment.decision;
    if (!recorded) continue;
    decided++;
    spent[experiment.researcher] = (spent[experiment.researcher] ?? 0) + recorded.wallMs;
    // A forbidden change was refused before any run.
    if (evaluations.length === 0) continue;
    if (recorded.reason === changedYardstick || endedByHoldout(recorded, evaluations)) continue;
    let replayed: Judged;
    try {
      replayed = replayRuns(
        judging({
          rule,
          contract,
          noise,
          row: experiment,
          evaluations: () => evaluations,
          incumbent: incumbent.samples,
          gains,
          looked: true,
        }),
        evaluations.filter((run) => run.purpose !== "holdout"),
      );
    } catch (error) {
      // Recorded as a discard that blames nobody; the noise is as it was.
      if (error instanceof decision.IncumbentFails) continue;
      if (!(error instanceof MissingRun)) throw error;
      differences.push({ number: experiment.number, recorded: recorded.kind, replayed: error.message });
      continue;
    }
    if (recorded.doubt !== null) before.set(experiment.number, { incumbent, noise, gains });
    const after = decision.learn(rule, noise, replayed.learned);
    const value = measuredValue(evaluations, stage);
    const difference = differenceOf(
      recorded,
      figuresOf({ ...replayed, before: noise, after, value }),
      counted,
    );
    if (difference) differences.push({ number: experiment.number, ...difference });
    noise = after;
    if (recorded.kind === "keep") {
      const change = await changeOf(ledger, experiment.id);
      incumbent = {
        number: experiment.number,
        state: experiment.state,
        files: applied(incumbent.files, change.after),
        commit: recorded.keepCommit ?? "",
        value: recorded.value as number,
        samples: samplesOf(evaluations, "candidate", stage),
      };
      gains = [...gains, standingGain(contract, experiment.number, recorded, evaluations)];
    }
  }
  heed(lastNumber);
  const recent = await experiments(ledger, row.id, { limit: most });
  const changes = await changesOf(
    ledger,
    recent.map((experiment) => experiment.id),
  );
  const history = recent.flatMap((experiment) => {
    const change = changes.get(experiment.id);
    return experiment.decision && change ? [past(experiment, change)] : [];
  });
  const state = { noise, incumbent, history, decided, gains, spent, reviewed: reviews.length };
  return { state, differences };
}
