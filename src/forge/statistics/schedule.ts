import { uniforms } from "../../decision/index.ts";
import type { Arm, TrialAsk } from "../../ledger/index.ts";

/** A task of a suite, and the family of goals that it belongs to. */
export interface SuiteTask {
  task: string;
  family: string;
}

/** The runs of one task, replicate and seed, one under each arm, in the order in which they are to run. */
export type Round = (TrialAsk & { family: string })[];

/**
 * All runs of an A/B test: replicate by replicate, each through the whole suite in one random order, arms next to each
 * other and taking turns at going first, so that a drift of machine or service falls on all arms alike.
 *
 * @param seed the same for the same schedule.
 */
export function schedule(
  suite: readonly SuiteTask[],
  arms: readonly Arm[],
  replicates: number,
  seed: number,
): Round[] {
  const uniform = uniforms(seed);
  const order = shuffled(suite, uniform);
  const rounds: Round[] = [];
  for (let replicate = 1; replicate <= replicates; replicate++)
    for (const [index, { task, family }] of order.entries()) {
      const shared = Math.floor(uniform() * 2 ** 31);
      const first = (index + replicate) % arms.length;
      const turns = [...arms.slice(first), ...arms.slice(0, first)];
      rounds.push(turns.map((arm) => ({ arm, task, family, replicate, seed: shared })));
    }
  return rounds;
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], uniform: () => number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(uniform() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
