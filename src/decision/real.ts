import { logNormalCdf } from "./student.ts";

/**
 * Probability that a kept change is truly better: prior odds 1 : 9, and a half-normal effect of the size of one run's
 * noise as the alternative (docs/decision.md). Computed in logs.
 *
 * @param effect estimated improvement; `se` its standard error; `sigma` one run's standard deviation.
 */
export function pReal(effect: number, se: number, sigma: number): number {
  if (!(se > 0) || !(sigma > 0)) return effect > 0 ? 1 : 0;
  const total = Math.hypot(se, sigma);
  const x = Math.max(-1e6, Math.min(1e6, (effect / se) * (sigma / total)));
  const logBayes = Math.log(2) + Math.log(se) - Math.log(total) + (x * x) / 2 + logNormalCdf(x);
  return 1 / (1 + Math.exp(Math.log(9) - logBayes));
}

/**
 * How many of a session's keeps are expected to be false: the share c0 of useless raced candidates that pass, by
 * simulation of the rule (docs/decision.md gives it for three values of alpha; others are interpolated on a log scale).
 */
export function expectedFalseKeeps(alpha: number, raced: number, keeps: number): number {
  const [[low, cLow], [middle, cMiddle], [high, cHigh]] = simulatedShares;
  const at = Math.min(high, Math.max(low, alpha));
  const between = (a0: number, c0: number, a1: number, c1: number) =>
    c0 * (c1 / c0) ** (Math.log(at / a0) / Math.log(a1 / a0));
  const share = at <= middle ? between(low, cLow, middle, cMiddle) : between(middle, cMiddle, high, cHigh);
  return share * Math.max(0, raced - keeps);
}

/** alpha -> c0 */
const simulatedShares = [
  [0.005, 0.029],
  [0.02, 0.142],
  [0.1, 0.434],
] as const;
