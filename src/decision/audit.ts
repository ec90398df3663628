import { mean } from "../base/index.ts";
import type { Ask, Judged, Sample } from "./decision.ts";
import { up } from "./judge.ts";
import { sampleVariance } from "./spread.ts";
import { tQuantile } from "./student.ts";

export interface Audit {
  pairs: number;
  /** Means in the metric's own orientation. */
  baselineMean: number;
  finalMean: number;
  /** Improvement, positive is better, with its 95 % interval; null below two pairs. */
  effect: number;
  interval: [number, number] | null;
}

/** Interleaved pairs of the baseline against the final state on fresh seeds; the arms take turns at going first. */
export function* audit(metric: Judged, pairs = 8): Generator<Ask, Audit | { failure: string }, Sample> {
  const baseline: number[] = [];
  const final: number[] = [];
  for (let round = 1; round <= pairs; round++) {
    const order =
      round % 2 === 1 ? (["baseline", "candidate"] as const) : (["candidate", "baseline"] as const);
    for (const [index, arm] of order.entries()) {
      const sample = yield { arm, seed: index === 0 ? "fresh" : "same", purpose: "audit", round };
      if (!sample.ok) return { failure: sample.message };
      (arm === "baseline" ? baseline : final).push(up(metric, sample.value));
    }
  }
  const differences = final.map((value, index) => value - (baseline[index] as number));
  return {
    pairs,
    baselineMean: up(metric, mean(baseline)),
    finalMean: up(metric, mean(final)),
    effect: mean(differences),
    interval: interval(differences),
  };
}

/** Ordinary 95 % t interval of the mean difference. */
export function interval(differences: readonly number[]): [number, number] | null {
  const n = differences.length;
  if (n < 2) return null;
  const centre = mean(differences);
  const half = tQuantile(0.975, n - 1) * Math.sqrt(sampleVariance(differences) / n);
  return [centre - half, centre + half];
}
