import { mean } from "../base/index.ts";
import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import type { RunRow } from "../ledger/index.ts";
import { brokenGuard, holdoutDifferences, passesHoldout, type Samples } from "./guards.ts";
import { decidingStage, ladderOf } from "./ladder.ts";
import { bestGain, linesDelta, type StandingGain } from "./state.ts";
import { valuedRuns } from "./valued.ts";

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
