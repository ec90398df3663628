import type { Contract } from "../contract/index.ts";
import type * as decision from "../decision/index.ts";
import type { Files } from "../evaluator/index.ts";
import type { ChangeRow, DecisionRow, ExperimentRow, RunRow } from "../ledger/index.ts";
import type { PastExperiment } from "../researcher/index.ts";
import { holdoutDifferences, type Samples } from "./guards.ts";

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
