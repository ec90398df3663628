import { mean } from "../base/index.ts";
import type { Contract, Direction, Guard } from "../contract/index.ts";

/** The metrics of one arm's runs, in the order of the runs. */
export type Samples = readonly Readonly<Record<string, number>>[];

/**
 * The first guard that a would-be keep breaks, as a sentence, or null.
 *
 * Bounds hold for the mean over the candidate's runs. Against the incumbent the mean may be worse by the tolerance
 * plus two standard errors of the difference, so that noise alone rarely vetoes.
 */
export function brokenGuard(contract: Contract, candidate: Samples, incumbent: Samples): string | null {
  for (const guard of contract.guards) {
    const broken = breach(guard, values(guard, candidate), values(guard, incumbent));
    if (broken) return broken;
  }
  return null;
}

function values(guard: Guard, samples: Samples): number[] {
  return samples.map((metrics) => metrics[guard.name]).filter((value) => value !== undefined);
}

function breach(guard: Guard, candidate: number[], incumbent: number[]): string | null {
  if (candidate.length === 0) return `guard ${guard.name}: the candidate's runs did not report it`;
  const here = mean(candidate);
  if (guard.max !== undefined && here > guard.max)
    return `guard ${guard.name}: ${short(here)} is above the bound ${short(guard.max)}`;
  if (guard.min !== undefined && here < guard.min)
    return `guard ${guard.name}: ${short(here)} is below the bound ${short(guard.min)}`;
  // A guard with a hard bound only is no race against the incumbent.
  if (incumbent.length === 0 || guard.tolerance === null) return null;
  const there = mean(incumbent);
  const worse = guard.direction === "minimize" ? here - there : there - here;
  const allowed = guard.tolerance.absolute + guard.tolerance.relative * Math.abs(there);
  const noise = 2 * Math.sqrt(squaredError(candidate) + squaredError(incumbent));
  if (worse <= allowed + noise) return null;
  return `guard ${guard.name}: ${short(here)} is worse than the incumbent's ${short(there)} by more than is allowed`;
}

function squaredError(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1) / values.length;
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/**
 * Whether the holdout says just what the data that decides said of the untouched code with the same seed: then its
 * scorer reads the same data, and no gain that is fitted to them would show there.
 */
export function repeatsSelection(
  contract: Contract,
  baseline: readonly { seed: number; metrics: string }[],
  holdout: { seed: number; metrics: string } | null,
): boolean {
  const same = holdout && baseline.find((run) => run.seed === holdout.seed);
  if (!same) return false;
  // What Whetstone measures itself tells nothing of the scorer.
  const clocked = new Set(
    [contract.metric, ...contract.guards].filter(({ clock }) => clock).map(({ name }) => name),
  );
  const scored = (run: { metrics: string }) =>
    Object.entries(JSON.parse(run.metrics) as Record<string, number>).filter(([name]) => !clocked.has(name));
  const [here, there] = [scored(same), new Map(scored(holdout))];
  return (
    here.length > 0 && here.length === there.size && here.every(([name, value]) => there.get(name) === value)
  );
}

/** Candidate minus incumbent of each pair on the holdout, higher is better. */
export function holdoutDifferences(
  metric: { direction: Direction },
  runs: readonly { purpose: string; round: number; arm: string; value: number | null }[],
): number[] {
  const sign = metric.direction === "minimize" ? -1 : 1;
  const looks = runs.filter((run) => run.purpose === "holdout" && run.value !== null);
  return [...Map.groupBy(looks, (run) => run.round).values()]
    .filter((pair) => pair.length === 2)
    .map((pair) =>
      pair.reduce((sum, run) => sum + (run.arm === "candidate" ? sign : -sign) * (run.value as number), 0),
    );
}

/** Pairs that one look at the holdout takes. */
export const holdoutPairs = 3;
/** One-sided 95 % quantile of Student's t with two degrees of freedom: three pairs. */
const lossQuantile = 2.919986;

/**
 * The one bit that comes back from the holdout: whether the candidate is not worse there beyond noise.
 *
 * @param differences candidate minus incumbent of each pair, higher is better.
 */
export function passesHoldout(differences: readonly number[]): boolean {
  if (differences.length === 0) return false;
  return mean(differences) + lossQuantile * Math.sqrt(squaredError(differences)) >= 0;
}
