/** How gains on one rung went over to the next. */
export interface Transfer {
  /** Candidates that were measured on both. */
  climbed: number;
  /** Of those, how many were better than the incumbent on the higher rung as well. */
  better: number;
  /** Spearman's rank correlation of the two effects, -1 to 1. */
  rank: number;
}

/**
 * Only candidates that looked good on the lower rung reach the higher one, so the correlation understates how well the
 * rungs agree over all candidates.
 *
 * @param pairs effect on the lower and on the higher rung, higher is better.
 * @returns null below three pairs.
 */
export function transfer(pairs: readonly (readonly [number, number])[]): Transfer | null {
  if (pairs.length < 3) return null;
  return {
    climbed: pairs.length,
    better: pairs.filter(([, high]) => high > 0).length,
    rank: correlation(ranks(pairs.map(([low]) => low)), ranks(pairs.map(([, high]) => high))),
  };
}

/** Equal values share the mean of their ranks. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] as number) - (values[b] as number));
  const result: number[] = new Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end++;
    for (let at = start; at < end; at++) result[order[at] as number] = (start + end - 1) / 2;
    start = end;
  }
  return result;
}

function correlation(xs: readonly number[], ys: readonly number[]): number {
  const centre = (xs.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (const [index, x] of xs.entries()) {
    const [dx, dy] = [x - centre, (ys[index] as number) - centre];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
}
