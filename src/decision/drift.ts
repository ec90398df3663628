import { median } from "./spread.ts";
import { logNormalCdf } from "./student.ts";

/** One run of an unchanged state. */
export interface TimedValue {
  /** Milliseconds since the epoch. */
  at: number;
  value: number;
}

export interface Drift {
  /** Change of the metric in an hour, in its unit, as it is reported: positive is upwards. */
  perHour: number;
  /** Two-sided probability that runs of one and the same quality show so strong a tendency. */
  p: number;
}

/** At this p a tendency counts: at most one session in a hundred is accused wrongly. */
const alpha = 0.01;
/** More runs are summed up in means of neighbours, so that the pairs stay below 80,000. */
const mostRuns = 400;
const hour = 3_600_000;

/**
 * Whether runs of unchanged code drift with time, gradually or at once: the machine or the harness has changed then, and
 * values from different times cannot be compared. Each stretch is one state's runs; levels of different stretches are
 * not compared.
 *
 * Kendall's test for a trend, without any assumption on the noise's distribution (Mann, "Nonparametric tests against
 * trend", Econometrica 13, 1945; with the correction for ties of Kendall, "Rank Correlation Methods", 1975), its
 * statistics and variances summed over the stretches as Hirsch, Slack and Smith do over seasons ("Techniques of trend
 * analysis for monthly water quality data", Water Resources Research 18, 1982). The size is the median of all slopes
 * within stretches (Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968).
 *
 * @returns null when there is no drift beyond noise (two-sided p > 0.01), or too few runs to tell (6 in one stretch are
 *   the least).
 */
export function drift(stretches: readonly (readonly TimedValue[])[]): Drift | null {
  const runs = stretches.reduce((sum, stretch) => sum + stretch.length, 0);
  const block = Math.ceil(runs / mostRuns);
  const tested = stretches.map((stretch) =>
    thinned(
      [...stretch].sort((a, b) => a.at - b.at),
      block,
    ),
  );
  let score = 0;
  for (const [earlier, later] of pairs(tested))
    score += Math.sign(later.value - earlier.value) * Math.sign(later.at - earlier.at);
  const variance = tested.reduce((sum, points) => sum + kendallVariance(points.map(({ value }) => value)), 0);
  if (score === 0 || variance === 0) return null;
  const p = 2 * Math.exp(logNormalCdf((1 - Math.abs(score)) / Math.sqrt(variance)));
  if (p > alpha) return null;
  const slopes: number[] = [];
  for (const [earlier, later] of pairs(tested))
    if (later.at > earlier.at) slopes.push((later.value - earlier.value) / ((later.at - earlier.at) / hour));
  const perHour = median(slopes);
  return perHour === 0 ? null : { perHour, p };
}

/** Every two runs of one stretch, the earlier one first. */
function* pairs(stretches: readonly (readonly TimedValue[])[]): Generator<[TimedValue, TimedValue]> {
  for (const points of stretches)
    for (let late = 1; late < points.length; late++)
      for (let early = 0; early < late; early++)
        yield [points[early] as TimedValue, points[late] as TimedValue];
}

/** Variance of Kendall's score of one stretch when order and value are independent. */
function kendallVariance(values: readonly number[]): number {
  const whole = (n: number) => n * (n - 1) * (2 * n + 5);
  let sum = whole(values.length);
  for (const same of Map.groupBy(values, (value) => value).values()) sum -= whole(same.length);
  return sum / 18;
}

/** Means of so many neighbours each; what is left over at the end is left out. */
function thinned(points: readonly TimedValue[], block: number): readonly TimedValue[] {
  if (block <= 1) return points;
  return Array.from({ length: Math.floor(points.length / block) }, (_, index) => {
    const part = points.slice(index * block, (index + 1) * block);
    const mean = (of: (point: TimedValue) => number) =>
      part.reduce((sum, point) => sum + of(point), 0) / block;
    return { at: mean((point) => point.at), value: mean((point) => point.value) };
  });
}
