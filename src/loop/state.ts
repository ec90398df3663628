import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import {
  brokenGuard,
  type Files,
  holdoutDifferences,
  passesHoldout,
  type Samples,
} from "../evaluator/index.ts";
import {
  type ChangeRow,
  changeOf,
  changesOf,
  countsRaces,
  type DecisionRow,
  type ExperimentRow,
  eachExperimentRuns,
  experiments,
  type RunRow,
  reviewsOf,
} from "../ledger/index.ts";
import { valuedRuns } from "../notebook/index.ts";
import type { PastExperiment } from "../researcher/index.ts";
import { MissingRun, replayRuns } from "./drive.ts";
import { differenceOf, figuresOf } from "./figures.ts";
import { decidingStage, ladderOf } from "./ladder.ts";
import type { Session } from "./session.ts";

/** The best kept state so far. */
export interface Incumbent {
  /** Its experiment, 0 for the baseline. */
  number: number;
  state: string;
  files: Files;
  /** The commit on the session branch (the base commit for the baseline). */
  commit: string;
  /** Mean of its runs, as the metric reports it. */
  value: number;
  /** Metrics of its latest runs, for the guards. */
  samples: Samples;
}

/** What the researcher is reminded of at most; older experiments stay in the ledger. */
export const remembered = 2000;

/** Everything that follows from the ledger: rebuilt when a session goes on, carried along while it runs. */
export interface LoopState {
  noise: decision.Noise;
  incumbent: Incumbent;
  history: PastExperiment[];
  /** Experiments with a decision. */
  decided: number;
  /** What the keeps that stand gained, oldest first. */
  gains: StandingGain[];
  /** Milliseconds of evaluation by researcher. */
  spent: Readonly<Record<string, number>>;
  /** Verdicts of a person that are reckoned with. */
  reviewed: number;
}

/** A keep that stands: its gain as measured and, where it was looked at, on the holdout. */
export interface StandingGain extends decision.KeptGain {
  number: number;
  effect: number;
}

/** Keeps below which no gain is called implausible beside the others. */
const fewestGains = 2;

/** The greatest gain so far, once there are enough to compare with. */
export function bestGain(gains: readonly StandingGain[]): number | null {
  return gains.length < fewestGains ? null : Math.max(...gains.map((gain) => gain.effect));
}

/** The files after a change. */
export function applied(files: Files, after: Record<string, string | null>): Files {
  const result: Files = { ...files };
  for (const [path, text] of Object.entries(after)) {
    if (text === null) delete result[path];
    else result[path] = text;
  }
  return result;
}

export function linesDelta(row: { added: number; removed: number }): number {
  return row.added - row.removed;
}

/** @param stage the rung that decides. */
export function samplesOf(evaluations: readonly RunRow[], arm: RunRow["arm"], stage: string | null): Samples {
  return evaluations
    .filter(
      (row) =>
        row.arm === arm && row.failureKind === null && row.purpose !== "holdout" && row.stage === stage,
    )
    .map((row) => JSON.parse(row.metrics) as Record<string, number>);
}

/** Mean of the candidate's runs that may be spoken of. */
export function measuredValue(evaluations: readonly RunRow[], stage: string | null): number | null {
  const values = valuedRuns(evaluations, stage).map((row) => row.value as number);
  return values.length === 0 ? null : mean(values);
}

/** Why an experiment is invalid whose runs cannot be compared with the others'. */
export const changedYardstick = "what judges changed while it was measured";

/** Who proposes earlier keeps again under another yardstick. */
export const rescorer = "rescore";

/** What one experiment is judged by. */
export interface Judging {
  rule: decision.Rule;
  contract: Contract;
  noise: decision.Noise;
  row: { added: number; removed: number; researcher: string };
  /** Whatever has been measured of it by then. */
  evaluations: () => readonly RunRow[];
  incumbent: Samples;
  gains: readonly StandingGain[];
  /** Whether the holdout has had its look, if there is one: without runs on it nothing is kept then. */
  looked: boolean;
}

/** The decision coroutine of one experiment, with the guards and the holdout as its veto. */
export function judging(by: Judging): decision.Coroutine<Judged> {
  const { contract, noise, evaluations } = by;
  // What was kept once is not dropped for one unlucky run: it gets all pairs.
  const rule = by.row.researcher === rescorer ? { ...by.rule, gate: Number.NEGATIVE_INFINITY } : by.rule;
  const stage = decidingStage(contract);
  const candidate: decision.Candidate = {
    linesDelta: linesDelta(by.row),
    bestGain: bestGain(by.gains),
    ...(contract.metric.plausible === undefined ? {} : { plausible: contract.metric.plausible }),
    veto: () => {
      const own = evaluations();
      const raced = samplesOf(own, "incumbent", stage);
      const rivals = raced.length > 0 ? raced : by.incumbent;
      return (
        brokenGuard(contract, samplesOf(own, "candidate", stage), rivals) ??
        holdoutVeto(contract, own, by.looked)
      );
    },
  };
  return decision.patient(
    rule,
    noise,
    decision.climb(rule, contract.metric, noise, candidate, ladderOf(contract)),
  );
}

export type Judged = decision.Judgement & { rungs: decision.Rung[] };

/** What a look at the holdout says against a keep; null when there was no look, or it passed. */
export function holdoutVeto(
  contract: Contract,
  evaluations: readonly RunRow[],
  looked: boolean,
): string | null {
  const looks = evaluations.filter((row) => row.purpose === "holdout");
  if (looks.length === 0)
    return looked && contract.holdout ? "the holdout may not be looked at any more" : null;
  if (looks.some((row) => row.value === null)) return "the holdout could not be measured";
  // One bit and no number: what is learnt from the holdout is spent.
  return passesHoldout(holdoutDifferences(contract.metric, evaluations))
    ? null
    : "it does not hold on the holdout";
}

/** What a keep adds to the gains. */
export function standingGain(
  contract: Contract,
  number: number,
  made: Pick<DecisionRow, "effect" | "pReal">,
  evaluations: readonly RunRow[],
): StandingGain {
  const effect = made.effect ?? 0;
  return {
    number,
    effect,
    expected: (made.pReal ?? 1) * effect,
    holdout: holdoutDifferences(contract.metric, evaluations),
  };
}

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

export function past(experiment: ExperimentRow, change: Pick<ChangeRow, "after" | "before">): PastExperiment {
  const made = experiment.decision as NonNullable<ExperimentRow["decision"]>;
  return {
    id: experiment.number,
    hypothesis: {
      what: experiment.what,
      ...(experiment.mechanism === null ? {} : { mechanism: experiment.mechanism }),
      ...(experiment.prediction === null ? {} : { prediction: experiment.prediction }),
    },
    changes: change.after,
    before: change.before,
    decision: made.kind,
    effect: made.effect,
    t: made.t,
    reason: made.reason,
  };
}

/** Adds one experiment to what is remembered. */
export function remember(history: readonly PastExperiment[], experiment: PastExperiment): PastExperiment[] {
  return [...history.slice(history.length >= remembered ? 1 : 0), experiment];
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
