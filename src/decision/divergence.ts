import { mean } from "../base/index.ts";
import { sampleVariance } from "./spread.ts";
import { tQuantile } from "./student.ts";

/** One keep: what it was expected to gain, and what its pairs on the holdout showed. */
export interface KeptGain {
  /** Probability of being real times effect, in the metric's unit. */
  expected: number;
  /** Candidate minus incumbent of each pair on the holdout, higher is better; empty: it was not looked at. */
  holdout: readonly number[];
}

/** Keeps with a look at the holdout below which nothing is said. */
const fewest = 3;

/**
 * Whether the kept gains show on the holdout: an alarm when the holdout's total gain is below half of what was
 * expected, at one-sided 99 %. The expected gain already allows for selection, so honest keeps stay far from half.
 *
 * @returns a sentence, or null.
 */
export function divergence(keeps: readonly KeptGain[]): string | null {
  const looked = keeps.filter((keep) => keep.holdout.length > 1);
  if (looked.length < fewest) return null;
  const expected = looked.reduce((sum, keep) => sum + keep.expected, 0);
  const shown = looked.reduce((sum, keep) => sum + mean(keep.holdout), 0);
  const df = looked.reduce((sum, keep) => sum + keep.holdout.length - 1, 0);
  const pooled =
    looked.reduce((sum, keep) => sum + sampleVariance(keep.holdout) * (keep.holdout.length - 1), 0) / df;
  const error = Math.sqrt(looked.reduce((sum, keep) => sum + pooled / keep.holdout.length, 0));
  if (!(expected > 0) || shown + tQuantile(0.99, df) * error >= expected / 2) return null;
  const figure = (value: number) => Number(value.toPrecision(2));
  return `the ${looked.length} keeps should have gained ${figure(expected)}, the holdout shows ${figure(shown)}: they may be fitted to the data that decides`;
}
