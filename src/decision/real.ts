import { logNormalCdf } from "./student.ts";

/**
 * Probability that a kept change is truly better: prior odds 1 : 9, and a half-normal effect of the size of one run's
 * noise as the alternative (docs/decision.md). Computed in logs.
 *
 * @param effect estimated improvement; `se` its standard error; `sigma` one run's standard deviation.
 */
export function pReal(effect: number, se: number, sigma: number): number {
  if (!(se > 0) || !(sigma > 0)) return effect > 0 ? 1 : 0;
  const total = se * se + sigma * sigma;
  const x = (effect * sigma) / (se * Math.sqrt(total));
  const logBayes = Math.log(2) + 0.5 * Math.log((se * se) / total) + (x * x) / 2 + logNormalCdf(x);
  return 1 / (1 + Math.exp(Math.log(9) - logBayes));
}

/**
 * How many of a session's keeps are expected to be false: the share c0 of useless raced candidates that pass, by
 * simulation of the rule (docs/decision.md gives it for three values of alpha; others are interpolated on a log scale).
 */
export function expectedFalseKeeps(alpha: number, raced: number, keeps: number): number {
  const known = [
    [0.005, 0.029],
    [0.02, 0.142],
    [0.1, 0.434],
  ] as const;
  const at = Math.log(Math.min(0.1, Math.max(0.005, alpha)));
  for (let i = 1; i < known.length; i++) {
    const [a0, c0] = known[i - 1] as (typeof known)[number];
    const [a1, c1] = known[i] as (typeof known)[number];
    if (at > Math.log(a1)) continue;
    const share = (at - Math.log(a0)) / (Math.log(a1) - Math.log(a0));
    return Math.exp(Math.log(c0) + share * (Math.log(c1) - Math.log(c0))) * Math.max(0, raced - keeps);
  }
  return 0.434 * Math.max(0, raced - keeps);
}
