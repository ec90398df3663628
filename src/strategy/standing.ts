/**
 * Which keeps still stand: a rejected one falls, and with it every keep that was built on it before the rejection.
 *
 * @param keeps numbers of the kept experiments, in order.
 * @param reviews verdicts in the order in which they were given.
 */
export function fallen(
  keeps: readonly number[],
  reviews: readonly { number: number; verdict: "accept" | "reject"; afterNumber: number }[],
): Set<number> {
  const gone = new Set<number>();
  for (const review of reviews)
    if (review.verdict === "reject" && !gone.has(review.number))
      for (const keep of keeps) if (keep >= review.number && keep <= review.afterNumber) gone.add(keep);
  return gone;
}
