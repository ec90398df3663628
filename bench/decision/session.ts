import {
  baseline,
  type Judged,
  judge,
  learn,
  type Noise,
  normals,
  type Rule,
  uniforms,
} from "../../src/decision/index.ts";
import { type Mixture, nextEffect } from "./mixture.ts";

/** The world that a session runs in. */
export interface World {
  mixture: Mixture;
  /** Standard deviation of one run, in mean real gains. */
  sigma: number;
  /** Standard deviation of the random step that the level of everything takes before each run. */
  drift: number;
  /** Runs in a session, baseline included. */
  runs: number;
}

/** What one session came to. */
export interface Outcome {
  candidates: number;
  keeps: number;
  /** Keeps that are truly no better. */
  falseKeeps: number;
  /** True gain of the final state over the untouched one. */
  gain: number;
  /** The gain that the kept values alone would state. */
  claimed: number;
  /** Candidates that reached a race. */
  raced: number;
}

const metric: Judged = { direction: "maximize", minEffect: 0 };

/** A session of screen-then-race. A candidate whose judgement does not end within the runs is not kept. */
export function screenThenRace(rule: Rule, world: World, seed: number): Outcome {
  const { run, left, effect } = open(world, seed);
  const starting = baseline(rule, metric);
  let first = starting.next();
  while (!first.done) first = starting.next(run(0));
  let noise: Noise = first.value;
  const outcome: Outcome = { candidates: 0, keeps: 0, falseKeeps: 0, gain: 0, claimed: 0, raced: 0 };
  while (left() > 0) {
    const d = effect();
    const judging = judge(rule, metric, noise, { linesDelta: 0 });
    let step = judging.next();
    while (!step.done && left() > 0) {
      const level = step.value.arm === "candidate" ? outcome.gain + d : outcome.gain;
      step = judging.next({ ok: true, value: run(level) });
    }
    if (!step.done) break;
    noise = learn(rule, noise, step.value.learned);
    outcome.candidates++;
    if (step.value.decision.kind === "keep") {
      outcome.keeps++;
      if (d <= 0) outcome.falseKeeps++;
      outcome.gain += d;
      outcome.claimed += step.value.decision.effect ?? 0;
    }
  }
  return { ...outcome, raced: noise.raced };
}

/** A session of the naive rule: one run each, kept if it beats the best value seen so far. */
export function singleRun(world: World, seed: number): Outcome {
  const { run, left, effect } = open(world, seed);
  const first = run(0);
  let record = first;
  const outcome: Outcome = { candidates: 0, keeps: 0, falseKeeps: 0, gain: 0, claimed: 0, raced: 0 };
  while (left() > 0) {
    const d = effect();
    const value = run(outcome.gain + d);
    outcome.candidates++;
    if (value > record) {
      record = value;
      outcome.keeps++;
      if (d <= 0) outcome.falseKeeps++;
      outcome.gain += d;
    }
  }
  return { ...outcome, claimed: record - first };
}

/** Both rules are offered the same candidates in the same order; noise comes from a stream of its own. */
function open(
  world: World,
  seed: number,
): { run: (level: number) => number; left: () => number; effect: () => number } {
  const normal = normals(2 * seed);
  const uniform = uniforms(2 * seed + 1);
  let wandered = 0;
  let runs = 0;
  return {
    run: (level) => {
      runs++;
      wandered += world.drift * normal();
      return level + wandered + world.sigma * normal();
    },
    left: () => world.runs - runs,
    effect: () => nextEffect(world.mixture, uniform),
  };
}
