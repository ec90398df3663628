import { uniforms } from "../../src/decision/index.ts";
import { type AbRule, abTest, type Verdict } from "../../src/forge/index.ts";
import { wording, wordingGain, wordingGate } from "./wording.ts";
import { type Noise, type SkillWorld, skillWorld, type Truth } from "./world.ts";

/** Runs one simulated skill through the test. */
export function decide(world: SkillWorld, rule: AbRule): Verdict {
  const test = abTest(world.suite, rule);
  let step = test.next();
  while (!step.done) step = test.next(world.run(step.value));
  return step.value;
}

/** What became of the skills of one kind. */
export interface Tally {
  kind: string;
  skills: number;
  kept: number;
  better: number;
  worse: number;
  /** Mean runs per decision, and the most. */
  runs: number;
  mostRuns: number;
  /** Of the kept ones, mean points claimed and true. */
  claimed: number | null;
  true: number | null;
  /** Share of the intervals that cover the truth. */
  covered: number;
  /** Share that the formula keeps that reads the text and runs nothing. */
  keptByWording: number;
}

export function tally(truth: Truth, noise: Noise, rule: AbRule, skills: number, seed: number): Tally {
  const sums = {
    kept: 0,
    better: 0,
    worse: 0,
    runs: 0,
    mostRuns: 0,
    claimed: 0,
    true: 0,
    covered: 0,
    intervals: 0,
    keptByWording: 0,
  };
  for (let skill = 0; skill < skills; skill++) {
    const world = skillWorld(truth, noise, seed * 1_000_003 + skill);
    const verdict = decide(world, { ...rule, seed: skill });
    sums.keptByWording += Number(wordingGain(wording(uniforms(skill))) > wordingGate);
    sums.runs += verdict.runs;
    sums.mostRuns = Math.max(sums.mostRuns, verdict.runs);
    sums.better += Number(verdict.outcome === "better");
    sums.worse += Number(verdict.outcome === "worse");
    const interval = verdict.effect?.interval;
    if (interval) {
      sums.intervals++;
      sums.covered += Number(interval[0] <= world.truth && world.truth <= interval[1]);
    }
    if (!verdict.kept) continue;
    sums.kept++;
    sums.claimed += verdict.effect?.points ?? 0;
    sums.true += world.truth;
  }
  const { kept, better, worse, runs, mostRuns } = sums;
  return {
    kind: truth.kind,
    skills,
    kept: kept / skills,
    better: better / skills,
    worse: worse / skills,
    runs: runs / skills,
    mostRuns,
    claimed: kept > 0 ? sums.claimed / kept : null,
    true: kept > 0 ? sums.true / kept : null,
    covered: sums.covered / sums.intervals,
    keptByWording: sums.keptByWording / skills,
  };
}
