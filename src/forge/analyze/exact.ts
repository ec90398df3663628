/** One task's runs: with and without a feature, by how they came out. */
export interface Stratum {
  successWith: number;
  successWithout: number;
  failureWith: number;
  failureWithout: number;
}

/**
 * Two-sided exact test of whether a feature goes with success, over several tasks (exact conditional test of
 * Mantel and Haenszel; with one task it is Fisher's). Given each task's margins, the count of successful runs with the
 * feature is hypergeometric when it makes no difference; the sum over tasks has their convolution as its distribution.
 *
 * @returns the probability of a sum at most as likely as the one seen.
 */
export function exactTest(strata: readonly Stratum[]): number {
  let distribution = [1];
  let seen = 0;
  for (const { successWith, successWithout, failureWith, failureWithout } of strata) {
    const successes = successWith + successWithout;
    const failures = failureWith + failureWithout;
    const having = successWith + failureWith;
    const low = Math.max(0, having - failures);
    const high = Math.min(successes, having);
    const terms = Array.from({ length: high - low + 1 }, (_, index) => {
      const x = low + index;
      return Math.exp(
        logChoose(successes, x) + logChoose(failures, having - x) - logChoose(successes + failures, having),
      );
    });
    distribution = convolved(distribution, terms);
    // Sums are counted from the lowest possible one.
    seen += successWith - low;
  }
  const own = distribution[seen] ?? 0;
  const p = distribution.reduce((sum, each) => (each <= own * (1 + 1e-9) ? sum + each : sum), 0);
  return Math.min(1, p);
}

function convolved(a: readonly number[], b: readonly number[]): number[] {
  const result = new Array<number>(a.length + b.length - 1).fill(0);
  for (const [i, x] of a.entries())
    for (const [j, y] of b.entries()) result[i + j] = (result[i + j] ?? 0) + x * y;
  return result;
}

const logFactorials = [0];
function logFactorial(n: number): number {
  for (let k = logFactorials.length; k <= n; k++)
    logFactorials.push((logFactorials[k - 1] as number) + Math.log(k));
  return logFactorials[n] as number;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Holm's adjustment for having looked at several: in the order given. */
export function holm(ps: readonly number[]): number[] {
  const order = [...ps.keys()].sort((a, b) => (ps[a] as number) - (ps[b] as number));
  const adjusted = new Array<number>(ps.length);
  let most = 0;
  for (const [rank, index] of order.entries()) {
    most = Math.max(most, Math.min(1, (ps[index] as number) * (ps.length - rank)));
    adjusted[index] = most;
  }
  return adjusted;
}
