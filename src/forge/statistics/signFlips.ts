import { uniforms } from "../../decision/index.ts";

/** One look at the tasks' mean differences. */
export interface Look {
  /** The treatment is shown to be better, or worse, within the error probability spent so far. */
  better: boolean;
  worse: boolean;
  /** One-sided, over this and all earlier looks. */
  p: { better: number; worse: number };
  /** One-sided level of this look alone: what a repeated confidence interval leaves out at either side. */
  tail: number;
}

/** Up to so many tasks all patterns of signs are gone through; beyond, as many are drawn, and more for a small alpha. */
const enumerated = 12;
const mostDrawn = 16;

/**
 * A group-sequential test of paired differences, clustered by task and exact for few tasks.
 *
 * Where the treatment does nothing, a task's differences are as likely as their negatives: changing the signs of whole
 * tasks at will gives data that were equally probable. The mean is compared with its values under all 2^tasks changes
 * (Fisher, "The Design of Experiments", 1935, section 21), or a random sample of them that holds the data themselves
 * (Hemerik and Goeman, "Exact testing with random permutations", TEST 27, 2018). No distribution is assumed: ties, ceilings
 * and ordinal grades are as good as any numbers. With effects that differ between tasks it remains valid for their mean as
 * long as that mean is roughly symmetric, even with few tasks (Canay, Romano and Shaikh, "Randomization tests under an
 * approximate symmetry assumption", Econometrica 85, 2017).
 *
 * Looking repeatedly: a change of sign carries through all looks, so the same changes give the joint distribution of all
 * looks. Each look rejects the most extreme patterns that no earlier look rejected, as many as the error spent until then
 * allows (the error spending of Lan and DeMets, Biometrika 70, 1983). What ties leave unspent carries over.
 *
 * @returns a look: takes the tasks' means so far (0 for a task without any) and the one-sided error probability that may
 *   be spent up to now.
 * @param alpha what may be spent in the end: the smaller it is, the more patterns are drawn.
 */
export function signFlips(tasks: number, alpha = 0.04): (means: readonly number[], spent: number) => Look {
  const wanted = Math.ceil(Math.log2(16 / alpha));
  const drawn = 2 ** Math.min(mostDrawn, Math.max(enumerated, wanted));
  const every = 2 ** tasks <= drawn;
  const sums = every ? everyPattern(tasks) : drawnPatterns(tasks, drawn);
  const count = every ? 2 ** tasks : drawn;
  const rejected = new Uint8Array(count);
  let gone = 0;
  return (means, spent) => {
    const values = sums(means);
    const left = new Float64Array(count - gone);
    let next = 0;
    for (let index = 0; index < count; index++) if (!rejected[index]) left[next++] = values[index] as number;
    left.sort();
    const allowed = Math.floor(spent * count + 1e-9) - gone;
    // Equal sums that were added up in another order differ by rounding.
    const rounding = 1e-9 * means.reduce((sum, value) => sum + Math.abs(value), 0);
    // The greatest sum that is not extreme enough: what is above it is rejected.
    const bound = allowed < left.length ? (left[left.length - 1 - allowed] as number) + rounding : 0;
    const observed = means.reduce((sum, value) => sum + value, 0);
    const p = (sum: number) => (gone + atLeast(left, sum - rounding)) / count;
    const look = { better: observed > bound, worse: -observed > bound };
    const ps = { better: p(observed), worse: p(-observed) };
    let extreme = 0;
    for (let index = 0; index < count; index++) {
      if (!((values[index] as number) > bound)) continue;
      extreme++;
      if (rejected[index]) continue;
      rejected[index] = 1;
      gone++;
    }
    return { ...look, p: ps, tail: extreme / count };
  };
}

/** The fewest tasks with which anything can be shown: with all differences on one side p is 1 in 2^tasks. */
export function leastTasks(alpha: number): number {
  return Math.ceil(Math.log2(1 / alpha) - 1e-9);
}

/** One in so many is the smallest p that these tasks can give. */
export function finest(tasks: number): number {
  return 2 ** Math.min(tasks, mostDrawn);
}

/** How many of the sorted values are not below the bound. */
function atLeast(sorted: Float64Array, bound: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return sorted.length - low;
}

type Sums = (means: readonly number[]) => Float64Array;

/** Bit i of a pattern's number turns task i. */
function everyPattern(tasks: number): Sums {
  return (means) => {
    const sums = new Float64Array(2 ** tasks);
    sums[0] = means.reduce((sum, value) => sum + value, 0);
    for (let task = 0; task < tasks; task++) {
      const twice = 2 * (means[task] as number);
      for (let pattern = 0; pattern < 2 ** task; pattern++)
        sums[2 ** task + pattern] = (sums[pattern] as number) - twice;
    }
    return sums;
  };
}

/** Patterns in pairs of opposites, the first of them the data as they are; always the same for a number of tasks. */
function drawnPatterns(tasks: number, drawn: number): Sums {
  const uniform = uniforms(tasks);
  const signs = new Int8Array((drawn / 2) * tasks);
  for (let at = 0; at < signs.length; at += 16) {
    const bits = Math.floor(uniform() * 2 ** 16);
    for (let bit = 0; bit < 16 && at + bit < signs.length; bit++)
      signs[at + bit] = at + bit < tasks || (bits >> bit) & 1 ? 1 : -1;
  }
  return (means) => {
    const sums = new Float64Array(drawn);
    for (let pattern = 0; pattern < drawn / 2; pattern++) {
      let sum = 0;
      for (let task = 0; task < tasks; task++)
        sum += (signs[pattern * tasks + task] as number) * (means[task] as number);
      sums[2 * pattern] = sum;
      sums[2 * pattern + 1] = -sum;
    }
    return sums;
  };
}
