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

/** The first measurements of a session: the untouched code on the rung that decides, then on those below. */
export function baselineRuns(rule: decision.Rule, contract: Contract) {
  return decision.ladderBaseline(rule, contract.metric, ladderOf(contract), decision.baseline);
}
