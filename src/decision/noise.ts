import { mean } from "../base/index.ts";
import { standsOut, without } from "./outlier.ts";
import type { Rule } from "./rule.ts";
import { sampleVariance } from "./spread.ts";

/** A variance estimate with the degrees of freedom that it rests on. */
export interface Scale {
  v: number;
  df: number;
}

/**
 * What has been learned about the incumbent and the noise. Plain data, never changed in place.
 * Values are oriented so that higher is better.
 */
export interface Noise {
  /** The incumbent's runs, oldest first, at most 32. */
  ref: number[];
  /** Variance of one run. */
  one: Scale;
  /** Variance of a difference within a pair. */
  pair: Scale;
  deterministic: boolean;
  /** The incumbent's value while deterministic. */
  record: number;
  keeps: number;
  /** Candidates that reached a race, for the expected number of false keeps. */
  raced: number;
  /** Runs since the incumbent last ran. */
  sinceIncumbent: number;
  /** Head starts without which simpler code would not have been kept, added up, in the metric's unit. */
  allowance: number;
  /** Failed runs that the candidate was not to blame for: the evaluator fails now and then. */
  failures: number;
  /** The same of the ladder's lower rungs, cheapest first. */
  rungs: readonly Noise[];
}

/** Adds `n` squared deviations that sum to `square`; older ones fade beyond `forget` degrees of freedom. */
export function widen(scale: Scale, square: number, n: number, forget: number): Scale {
  let sum = scale.v * scale.df + square;
  let df = scale.df + n;
  if (df > forget) {
    sum *= forget / df;
    df = forget;
  }
  return { v: Math.max(sum / df, leastVariance), df };
}

/** A spread too small for floating point still is a spread: without a floor its inverse would be infinite. */
const leastVariance = 1e-200;

/**
 * The start of a session from the untouched code's runs (higher is better).
 *
 * One run that stands out is no part of the mean, and counts for the spread as much as a run of the incumbent does
 * later: its squared deviation is at most `winsor` variances of the others.
 *
 * @param outlier the level of `standsOut`; 0: every run counts in full.
 */
export function firstNoise(all: readonly number[], { outlier, winsor } = { outlier: 0, winsor: 9 }): Noise {
  const odd = standsOut(all, outlier);
  const ys = without(all, odd);
  const own = sampleVariance(ys);
  const square = odd === null ? 0 : Math.min(((all[odd] as number) - mean(ys)) ** 2, winsor * own);
  const df = all.length - 1;
  const variance = Math.max((own * (ys.length - 1) + square) / df, leastVariance);
  return {
    ref: ys,
    one: { v: variance, df },
    pair: { v: 2 * variance, df },
    deterministic: ys.every((y) => y === ys[0]),
    record: ys[0] as number,
    keeps: 0,
    raced: 0,
    sinceIncumbent: 0,
    allowance: 0,
    failures: 0,
    rungs: [],
  };
}

/** A run of the unchanged incumbent is a free A/A test of the noise. */
export function control(noise: Noise, rule: Rule, y: number): Noise {
  const recent = noise.ref.slice(-rule.window);
  const square = Math.min((y - mean(recent)) ** 2 / (1 + 1 / recent.length), rule.winsor * noise.one.v);
  return {
    ...noise,
    one: widen(noise.one, square, 1, rule.dfForget),
    ref: [...noise.ref, y].slice(-32),
    sinceIncumbent: 0,
  };
}

/** One-run standard deviation, in the metric's unit. */
export function sigma(noise: Noise): number {
  return noise.deterministic ? 0 : Math.sqrt(noise.one.v);
}
