import { mean } from "../base/index.ts";
import { sampleVariance } from "./spread.ts";
import { tQuantile } from "./student.ts";

/** A first run that differs from equal others by so much of their value is a cold start, and no noise. */
const coldStart = 0.05;

/**
 * The one run that is so unlike the others that noise does not explain it: a cold cache, another program at work.
 *
 * Each value is compared with the mean of the others in units of their spread; the greatest distance is judged by
 * Student's distribution, for as many looks as there are values. Where the others are all equal there is no spread to
 * compare with, and only the first run can stand out.
 *
 * @param ys values, in the order in which they were measured.
 * @param level how often the runs of an undisturbed evaluator may be found fault with; 0: never.
 * @returns its index, or null.
 */
export function standsOut(ys: readonly number[], level: number): number | null {
  const n = ys.length;
  if (level <= 0 || n < 3) return null;
  let found: { index: number; t: number } | null = null;
  for (const [index, y] of ys.entries()) {
    const others = ys.filter((_, other) => other !== index);
    const centre = mean(others);
    const distance = Math.abs(y - centre);
    const se = Math.sqrt(sampleVariance(others) * (1 + 1 / others.length));
    if (se === 0) return index === 0 && distance > coldStart * Math.abs(centre) ? 0 : null;
    const t = distance / se;
    if (found === null || t > found.t) found = { index, t };
  }
  return found && found.t > tQuantile(1 - level / (2 * n), n - 2) ? found.index : null;
}

/** The values without the one that stands out. */
export function without(ys: readonly number[], index: number | null): number[] {
  return ys.filter((_, each) => each !== index);
}
