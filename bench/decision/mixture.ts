/** What a stream of candidates is made of; the unit of every effect is the mean real gain. */
export interface Mixture {
  /** Shares of the candidates; the rest is useless or harmful. */
  real: number;
  tiny: number;
  /** Shape of the gamma distribution of real gains: 1 is exponential, large is always the same. */
  realShape: number;
  /** Mean of the tiny gains, exponential. */
  tinyMean: number;
  /** Of the useless or harmful: the share that changes nothing at all. */
  noOp: number;
  /** Mean loss of the harmful, exponential. */
  harmMean: number;
}

export const realistic: Mixture = {
  real: 0.03,
  tiny: 0.12,
  realShape: 4,
  tinyMean: 0.2,
  noOp: 0.5,
  harmMean: 1,
};

/** The same with one detail changed, to see how far the comparison hangs on it. */
export const variants: Record<string, Mixture> = {
  "real gains exponential": { ...realistic, realShape: 1 },
  "real gains all alike": { ...realistic, realShape: 32 },
  "tiny gains half as large": { ...realistic, tinyMean: 0.1 },
  "no-ops 20 % of the useless": { ...realistic, noOp: 0.2 },
  "no-ops 80 % of the useless": { ...realistic, noOp: 0.8 },
  "harm half as large": { ...realistic, harmMean: 0.5 },
};

/** The true effect of one more candidate, positive is better. */
export function nextEffect(mixture: Mixture, uniform: () => number): number {
  const exponential = () => -Math.log(1 - uniform());
  const kind = uniform();
  if (kind < mixture.real) {
    // A gamma number of whole shape is a sum of exponential ones.
    let sum = 0;
    for (let i = 0; i < mixture.realShape; i++) sum += exponential();
    return sum / mixture.realShape;
  }
  if (kind < mixture.real + mixture.tiny) return mixture.tinyMean * exponential();
  return uniform() < mixture.noOp ? 0 : -mixture.harmMean * exponential();
}
