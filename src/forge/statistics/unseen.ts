/**
 * The least standard error of a mean over tasks, as a share of what one task can take from it: that many tasks never
 * failed does not show that none does. After n tasks without a failure the next one fails with probability 1 / (n + 2)
 * (Laplace's rule of succession), and a share p of failing tasks gives a mean of n the standard error sqrt(p (1 - p) / n).
 * Without such a floor scores at their ceiling would be known exactly, for they do not vary (as Wald's interval of a
 * proportion has no width at 0 and 1: Brown, Cai and DasGupta, Statistical Science 16, 2001).
 */
export function unseenError(tasks: number): number {
  const share = 1 / (tasks + 2);
  return Math.sqrt((share * (1 - share)) / tasks);
}

/** Below this a standard error is rounding: all tasks agree. */
export const agreeing = 1e-6;
