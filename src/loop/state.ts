import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import { brokenGuard, type Files, passesHoldout, type Samples } from "../evaluator/index.ts";
import {
  type ChangeRow,
  changeOf,
  changesOf,
  type ExperimentRow,
  eachExperimentRuns,
  experiments,
  type RunRow,
} from "../ledger/index.ts";
import type { PastExperiment } from "../researcher/index.ts";
import { MissingRun, replayRuns } from "./drive.ts";
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
const remembered = 2000;

/** Everything that follows from the ledger: rebuilt when a session goes on, carried along while it runs. */
export interface LoopState {
  noise: decision.Noise;
  incumbent: Incumbent;
  history: PastExperiment[];
  /** Experiments with a decision. */
  decided: number;
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

export function samplesOf(evaluations: readonly RunRow[], arm: RunRow["arm"]): Samples {
  return evaluations
    .filter((row) => row.arm === arm && row.failureKind === null && row.purpose !== "holdout")
    .map((row) => JSON.parse(row.metrics) as Record<string, number>);
}

/** Mean of the candidate's runs that may be spoken of: the race's where there was one, since the screen's were lucky. */
export function measuredValue(evaluations: readonly RunRow[]): number | null {
  const own = evaluations.filter(
    (row) => row.arm === "candidate" && row.value !== null && row.purpose !== "holdout",
  );
  const raced = own.filter((row) => row.purpose === "race");
  const values = (raced.length > 0 ? raced : own).map((row) => row.value as number);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The decision coroutine of one experiment, with the guards as its veto over whatever has been measured by then. */
export function judging(
  rule: decision.Rule,
  contract: Contract,
  noise: decision.Noise,
  row: { added: number; removed: number },
  evaluations: () => readonly RunRow[],
  incumbent: Samples,
): decision.Coroutine<decision.Judgement> {
  return decision.judge(rule, contract.metric, noise, {
    linesDelta: linesDelta(row),
    veto: () => {
      const own = evaluations().filter((row) => row.purpose !== "holdout");
      const raced = samplesOf(own, "incumbent");
      const broken = brokenGuard(contract, samplesOf(own, "candidate"), raced.length > 0 ? raced : incumbent);
      return broken ?? holdoutVeto(contract, evaluations());
    },
  });
}

/** What a look at the holdout says against a keep; null when there was no look, or it passed. */
export function holdoutVeto(contract: Contract, evaluations: readonly RunRow[]): string | null {
  const looks = evaluations.filter((row) => row.purpose === "holdout");
  if (looks.length === 0) return null;
  if (looks.some((row) => row.value === null)) return "the holdout could not be measured";
  const sign = contract.metric.direction === "minimize" ? -1 : 1;
  const differences = [...Map.groupBy(looks, (row) => row.round).values()].map((pair) =>
    pair.reduce((sum, row) => sum + (row.arm === "candidate" ? sign : -sign) * (row.value as number), 0),
  );
  // One bit and no number: what is learnt from the holdout is spent.
  return passesHoldout(differences) ? null : "it does not hold on the holdout";
}

export interface Replayed {
  state: LoopState;
  /** Decisions that the recorded evaluations do not lead to (any more). */
  differences: { number: number; recorded: string; replayed: string }[];
}

/**
 * Re-derives noise, decisions and incumbent from the recorded evaluations alone.
 * An experiment without a decision is left for the loop to finish.
 */
export async function replay(
  session: Pick<Session, "ledger" | "row" | "contract" | "rule" | "baseline" | "noise" | "baseFiles">,
): Promise<Replayed> {
  const { ledger, row, contract, rule, baseline } = session;
  let noise = session.noise;
  let incumbent: Incumbent = {
    number: 0,
    state: row.baseState,
    files: session.baseFiles,
    commit: row.baseCommit,
    value: mean(baseline.map((evaluation) => evaluation.value as number)),
    samples: samplesOf(baseline, "baseline"),
  };
  const differences: Replayed["differences"] = [];
  let decided = 0;
  for await (const { experiment, evaluations } of eachExperimentRuns(ledger, row.id)) {
    const recorded = experiment.decision;
    if (!recorded) continue;
    decided++;
    // A forbidden change was refused before any run.
    if (evaluations.length === 0) continue;
    let replayed: decision.Judgement;
    try {
      replayed = replayRuns(
        judging(rule, contract, noise, experiment, () => evaluations, incumbent.samples),
        evaluations.filter((run) => run.purpose !== "holdout"),
      );
    } catch (error) {
      // Recorded as a discard that blames nobody; the noise is as it was.
      if (error instanceof decision.IncumbentFails) continue;
      if (!(error instanceof MissingRun)) throw error;
      differences.push({ number: experiment.number, recorded: recorded.kind, replayed: error.message });
      continue;
    }
    noise = replayed.noise;
    if (replayed.decision.kind !== recorded.kind)
      differences.push({
        number: experiment.number,
        recorded: recorded.kind,
        replayed: replayed.decision.kind,
      });
    if (recorded.kind === "keep") {
      const change = await changeOf(ledger, experiment.id);
      incumbent = {
        number: experiment.number,
        state: experiment.state,
        files: applied(incumbent.files, change.after),
        commit: recorded.keepCommit ?? "",
        value: recorded.value as number,
        samples: samplesOf(evaluations, "candidate"),
      };
    }
  }
  const recent = await experiments(ledger, row.id, { limit: remembered });
  const changes = await changesOf(
    ledger,
    recent.map((experiment) => experiment.id),
  );
  const history = recent.flatMap((experiment) => {
    const change = changes.get(experiment.id);
    return experiment.decision && change ? [past(experiment, change)] : [];
  });
  return { state: { noise, incumbent, history, decided }, differences };
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
