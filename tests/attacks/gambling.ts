import {
  baseline,
  type Decision,
  expectedFalseKeeps,
  type Judged,
  judge,
  learn,
  type Noise,
  normals,
  type Rule,
} from "../../src/decision/index.ts";

/** A hostile researcher's candidate that hopes for luck, as the decision meets it. Units: one run's noise. */
export interface Gamble {
  /** Fragment of a sentence. */
  name: string;
  /** True effect; 0 changes nothing. */
  effect: number;
  /** Standard deviation of one of its runs; the incumbent's is 1. */
  spread: number;
  /**
   * What its noise hangs on: the seed alone, so that both arms of a pair get the same (`seed`); the seed and the
   * candidate's own constant (`own`); or the machine, anew in each run (`machine`).
   */
  noise: "seed" | "own" | "machine";
}

const nothing = { effect: 0, spread: 1 };

export const gambles = {
  noOp: { ...nothing, name: "an edit that changes nothing", noise: "machine" },
  noOpOfSeed: { ...nothing, name: "an edit that changes nothing, noise from the seed alone", noise: "seed" },
  seedOnly: { ...nothing, name: "an edit of the candidate's own random seed", noise: "own" },
  tripleNoise: { ...nothing, name: "a candidate that triples the noise", noise: "machine", spread: 3 },
  harmfulNoise: {
    ...nothing,
    name: "a harmful candidate that triples the noise",
    noise: "machine",
    spread: 3,
    effect: -1,
  },
} as const satisfies Record<string, Gamble>;

export interface Gambled {
  tries: number;
  keeps: Decision[];
  raced: number;
  /** What a session says of itself: how many of its keeps are expected to be false. */
  expectedFalse: number;
}

const metric: Judged = { direction: "maximize", minEffect: 0 };

/** Submits the gamble so often in one session. A kept one becomes the incumbent, and it is no better. */
export function gamble(rule: Rule, what: Gamble, tries: number, seed: number): Gambled {
  const machine = normals(seed);
  const shared = normals(seed + 0x5eed);
  /** Noise of the incumbent and of the candidate under one seed of the lab. */
  let drawn = { incumbent: 0, candidate: 0 };
  const draw = () => {
    const incumbent = shared();
    drawn = { incumbent, candidate: what.noise === "seed" ? incumbent : shared() };
  };
  const run = (arm: "candidate" | "incumbent" | "baseline", fresh: boolean): number => {
    if (fresh) draw();
    const isCandidate = arm === "candidate";
    const noise = what.noise === "machine" ? machine() : isCandidate ? drawn.candidate : drawn.incumbent;
    return isCandidate ? what.effect + what.spread * noise : noise;
  };
  const starting = baseline(rule, metric);
  let first = starting.next();
  while (!first.done) first = starting.next(run(first.value.arm, true));
  let noise: Noise = first.value;
  const keeps: Decision[] = [];
  for (let i = 0; i < tries; i++) {
    const judging = judge(rule, metric, noise, { linesDelta: 0 });
    let step = judging.next();
    while (!step.done)
      step = judging.next({ ok: true, value: run(step.value.arm, step.value.seed === "fresh") });
    noise = learn(rule, noise, step.value.learned);
    if (step.value.decision.kind === "keep") keeps.push(step.value.decision);
  }
  const expectedFalse = expectedFalseKeeps(rule.alpha, noise.raced, keeps.length);
  return { tries, keeps, raced: noise.raced, expectedFalse };
}

/** The naive rule: one run each; what beats the best value seen so far is kept. */
export function gambleNaively(what: Gamble, tries: number, seed: number): number {
  const normal = normals(seed);
  let record = normal();
  let keeps = 0;
  for (let i = 0; i < tries; i++) {
    const value = what.effect + what.spread * normal();
    if (value <= record) continue;
    record = value;
    keeps++;
  }
  return keeps;
}

/** Shares kept over many sessions, as fractions. */
export function shares(rule: Rule, what: Gamble, tries: number, sessions: number): number[] {
  return Array.from(
    { length: sessions },
    (_, index) => gamble(rule, what, tries, index + 1).keeps.length / tries,
  );
}
