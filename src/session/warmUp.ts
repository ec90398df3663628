import { type Contract, isTimed } from "../contract/index.ts";

const timeOrSpeed =
  /^(?:[nuµm]?s|sec(?:ond)?s?|min(?:ute)?s?|h|ms\/\S+|s\/\S+)$|\/\s*(?:s|sec|second|min|ms)$|^(?:fps|rps|qps|tps|it\/s|ops)$/i;

/**
 * How many runs of the untouched code come before the baseline and are not counted: what the contract says, or one where
 * the machine's speed is measured, since the first run finds cold caches.
 */
export function warmUpRuns(contract: Contract): number {
  if (contract.warmup !== undefined) return contract.warmup;
  return isTimed(contract) || timeOrSpeed.test(contract.metric.unit ?? "") ? 1 : 0;
}
