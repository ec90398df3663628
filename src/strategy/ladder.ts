import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";

/** The contract's rungs as the decision needs them. */
export function ladderOf(contract: Contract): decision.Ladder {
  const decides = contract.stages.find((stage) => stage.decides)?.name;
  return {
    below: contract.stages.filter((stage) => !stage.decides).map((stage) => stage.name),
    ...(decides === undefined ? {} : { decides }),
  };
}

/** The rung whose runs decide and are shown; null: the last, full one. */
export function decidingStage(contract: Contract): string | null {
  return ladderOf(contract).decides ?? null;
}

/** Of the full run's time; a rung that takes more spares nothing. */
const worthwhile = 0.8;

/** Rungs that cost and score like the one that decides, as sentences: they only make every candidate dearer. */
export function idleStages(
  contract: Contract,
  baseline: readonly { stage: string | null; value: number | null; wallMs: number }[],
): string[] {
  const of = (stage: string | null) => baseline.filter((run) => run.stage === stage && run.value !== null);
  const last = of(decidingStage(contract));
  return ladderOf(contract)
    .below.filter((stage) => {
      const runs = of(stage);
      if (runs.length === 0 || last.length === 0) return false;
      const [here, there] = [
        spread(runs.map((run) => run.value as number)),
        spread(last.map((run) => run.value as number)),
      ];
      const time = (of: typeof runs) => of.reduce((sum, run) => sum + run.wallMs, 0) / of.length;
      return (
        time(runs) > worthwhile * time(last) &&
        Math.abs(here.mean - there.mean) <= 2 * Math.sqrt(here.squaredError + there.squaredError)
      );
    })
    .map(
      (stage) =>
        `the stage ${stage} takes as long as the full run and gives the same values: it spares nothing (make its run cheaper, or leave it out)`,
    );
}

function spread(values: readonly number[]): { mean: number; squaredError: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, squaredError: n > 1 ? squares / (n - 1) / n : 0 };
}

/** The first measurements of a session: the untouched code on the rung that decides, then on those below. */
export function baselineRuns(rule: decision.Rule, contract: Contract) {
  return decision.ladderBaseline(rule, contract.metric, ladderOf(contract), decision.baseline);
}
