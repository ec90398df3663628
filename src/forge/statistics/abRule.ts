/** How an A/B test of a skill is decided. */
export interface AbRule {
  /** What the treatment is compared with: the library as it is, or the version that is to be refined. */
  control: "without" | "before";
  /** The treatment must also be shown to be better than a text of equal length that says nothing. */
  placebo: boolean;
  /** One-sided probability of `better` for a skill that does nothing, all looks together, at most; 2^-5 < .04 < 2^-4. */
  alpha: number;
  /** Points (of 100): smaller help is not worth having. */
  minEffect: number;
  /** Runs of all arms together, at most. */
  maxRuns: number;
  /** Of the way to `maxRuns` the share s may have spent alpha * s^spending (Kim and DeMets, Biometrika 74, 1987). */
  spending: number;
  /** Given up when the predicted probability to end with `better` is below this; 0: never, so that harm is shown too. */
  futility: number;
  /** Probability of being decided with which `more` and the smallest visible effect are computed. */
  power: number;
  /** Share of the control's cost that one point may cost in addition. */
  costPerPoint: number;
  /** The treatment must have loaded the skill in at least this share of its runs. */
  leastLoaded: number;
  /** Share of the pairs that may lack a score. */
  mostMissing: number;
  /** Which seeds the runs are given. */
  seed: number;
}

/** Tuned by bench/forge.ts. */
const defaults: AbRule = {
  control: "without",
  placebo: false,
  alpha: 0.04,
  minEffect: 5,
  maxRuns: 192,
  spending: 2,
  futility: 0.1,
  power: 0.8,
  costPerPoint: 0.05,
  leastLoaded: 0.5,
  mostMissing: 0.25,
  seed: 1,
};

/** Least and greatest sensible value. */
const ranges: Record<Exclude<keyof AbRule, "control" | "placebo">, [number, number]> = {
  alpha: [1e-6, 0.4],
  minEffect: [0, 100],
  maxRuns: [2, 1e6],
  spending: [0.1, 10],
  futility: [0, 1],
  power: [0.5, 0.999],
  costPerPoint: [1e-9, 1e9],
  leastLoaded: [0, 1],
  mostMissing: [0, 1],
  seed: [0, 2 ** 31 - 1],
};

/** The default rule with single parameters replaced. @throws RangeError for a value out of range. */
export function abRule(parameters: Partial<AbRule> = {}): AbRule {
  const rule = { ...defaults, ...parameters };
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const value = rule[name as keyof typeof ranges];
    if (!(value >= low && value <= high))
      throw new RangeError(`${name} of an A/B test must be a number from ${low} to ${high}, not ${value}`);
  }
  return rule;
}

/** Replicates of each pair without which nothing is settled: what happened once may be luck of that run. */
export const leastReplicates = 2;

/**
 * In what a test asks for less than the default one; empty: in nothing. What a laxer test shows is worth seeing, and
 * settles nothing.
 *
 * @param replicates of each pair that it may make.
 */
export function laxness(rule: AbRule, replicates: number): string[] {
  const more = (["alpha", "mostMissing", "costPerPoint"] as const).filter(
    (name) => rule[name] > defaults[name],
  );
  const less = (["minEffect", "leastLoaded"] as const).filter((name) => rule[name] < defaults[name]);
  return [
    ...[...more, ...less].map((name) => `${name} ${rule[name]} instead of ${defaults[name]}`),
    ...(replicates < leastReplicates ? [`each goal at most ${replicates} times under each arm`] : []),
  ];
}

/** Replicates of each pair that the rule's runs are enough for. */
export function replicatesOf({ placebo, maxRuns }: AbRule, tasks: number): number {
  return Math.floor(maxRuns / ((placebo ? 3 : 2) * Math.max(1, tasks)));
}
