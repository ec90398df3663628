import type { Pull } from "../ledger/index.ts";

/** One of several researchers of a session. */
export interface Arm {
  name: string;
  /** Its part of the proposals before anything is known, relative to the others'. */
  share: number;
  /** False: asking it costs no money, whatever the ledger leaves open. */
  paid: boolean;
}

/** Every arm gets so many pulls, in the order of its share, before any is judged. */
const warmUp = 3;
/** Then the shares count like so many pulls of each arm: their word fades as evidence comes in. */
const priorPulls = 2;
/** What one pull is worth after each later one: early gains are easier than late ones. */
const fading = 0.99;

/**
 * Whose turn it is among several: Thompson sampling over gain per cost (Thompson 1933; Chapelle and Li 2011).
 *
 * Gains are taken as a Poisson process in the cost, so the belief in an arm's rate is a gamma distribution. Cost is
 * evaluation time plus money, each in units of its mean over all pulls; gain is in units of the mean keep. Where a
 * paid arm's money is not known, it is taken for its own mean, else for everybody's.
 *
 * @param pulls the newest of the session, oldest first.
 * @param random uniform in [0, 1): the choice depends on it and on the pulls alone.
 */
export function choose(arms: readonly Arm[], pulls: readonly Pull[], random: () => number): string {
  const own = pulls.filter((pull) => arms.some(({ name }) => name === pull.researcher));
  const count = (arm: Arm) => own.filter((pull) => pull.researcher === arm.name).length;
  const fresh = arms.filter((arm) => count(arm) < warmUp);
  if (fresh.length > 0) return most(fresh, (arm) => arm.share / (count(arm) + 1));
  const prior = priorPulls * arms.length;
  if (random() < prior / (prior + own.length)) return byShare(arms, random);
  const beliefs = believed(arms, own);
  return most(arms, (arm) => {
    const { shape, rate } = beliefs.get(arm.name) as Belief;
    return gamma(shape, random) / rate;
  });
}

interface Belief {
  shape: number;
  rate: number;
}

function believed(arms: readonly Arm[], pulls: readonly Pull[]): Map<string, Belief> {
  const meanMs = mean(pulls.map((pull) => pull.ms)) || 1;
  const paid = pulls.filter((pull) => arms.some(({ name, paid }) => paid && name === pull.researcher));
  const known = paid.flatMap(({ dollars }) => (dollars === null ? [] : [dollars]));
  const meanDollars = mean(known) || 1;
  const meanGain = mean(pulls.flatMap(({ gain }) => (gain > 0 ? [gain] : []))) || 1;
  const sums = arms.map((arm) => {
    const mine = pulls.filter((pull) => pull.researcher === arm.name);
    const usual = mean(mine.flatMap(({ dollars }) => (dollars === null ? [] : [dollars]))) || mean(known);
    let gain = 0;
    let cost = 0;
    for (const [index, pull] of pulls.entries()) {
      if (pull.researcher !== arm.name) continue;
      const weight = fading ** (pulls.length - 1 - index);
      gain += (weight * pull.gain) / meanGain;
      cost += weight * (pull.ms / meanMs + (arm.paid ? (pull.dollars ?? usual) / meanDollars : 0));
    }
    return { name: arm.name, gain, cost };
  });
  const all = sums.reduce((sum, { gain, cost }) => ({ gain: sum.gain + gain, cost: sum.cost + cost }), {
    ...{ gain: 0, cost: 0 },
  });
  // One gain at everybody's rate: an arm without evidence is as good as the average.
  const usual = (all.gain + 1) / (all.cost + 1);
  return new Map(sums.map(({ name, gain, cost }) => [name, { shape: 1 + gain, rate: 1 / usual + cost }]));
}

function byShare(arms: readonly Arm[], random: () => number): string {
  let left = random() * arms.reduce((sum, { share }) => sum + share, 0);
  for (const { name, share } of arms) {
    left -= share;
    if (left < 0) return name;
  }
  return (arms.at(-1) as Arm).name;
}

/** The first of those with the highest worth. */
function most(arms: readonly Arm[], worth: (arm: Arm) => number): string {
  let [best] = arms as [Arm, ...Arm[]];
  let highest = Number.NEGATIVE_INFINITY;
  for (const arm of arms) {
    const value = worth(arm);
    if (value > highest) [best, highest] = [arm, value];
  }
  return best.name;
}

/** A draw from the gamma distribution of this shape (1 or more) and rate 1 (Marsaglia and Tsang 2000). */
function gamma(shape: number, random: () => number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
