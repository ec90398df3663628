import { mean } from "../../base/index.ts";
import { sampleVariance, uniforms } from "../../decision/index.ts";
import type { Trial, TrialAsk } from "../../ledger/index.ts";
import { abTest } from "./ab.ts";
import type { AbRule } from "./abRule.ts";
import { type SuiteTask, schedule } from "./schedule.ts";

/** What an A/A run says of a suite and its judge. Standard deviations in points. */
export interface Calibration {
  /** Pairs of equal runs begun, and those that lack a score. */
  pairs: { begun: number; missing: number };
  /** Mean score over tasks; null: nothing was scored. */
  score: number | null;
  /** One run around its task's mean: what repeating a task smooths; agent and judge together. */
  within: number | null;
  /** Tasks' true means around the suite's: how much harder one task is than another. */
  between: number | null;
  /** The difference of two runs of one task and seed. Below sqrt(2) x `within`, sharing the seed helps. */
  pair: number | null;
  /** Tasks whose every run had full marks: no skill can help there. */
  always: string[];
  /** Tasks whose every run had none. */
  never: string[];
  /** Share of simulated tests of nothing against nothing that end with `better`. */
  falsePositives: number;
  /** The smallest true effect that the rule finds with its power, and how many runs it takes on average. */
  smallest: Visible | null;
  /** Points between the suite's mean and full marks. */
  room: number | null;
}

export interface Visible {
  points: number;
  runs: number;
}

/**
 * Runs the control against itself, then tests nothing, and ever greater help, on what was measured.
 *
 * The simulation draws a task's measured pairs at random, turns them at random, and puts them through the very test that
 * will decide (a bootstrap, Efron, Annals of Statistics 7, 1979). Help is modelled as a share of the treatment's runs that
 * now get full marks, the same share in all tasks: an effect of share x (100 - mean score) points. Where help differs
 * between tasks, more is needed than `smallest` says.
 *
 * @param replicates pairs of equal runs of each task; below 3 the noise is hardly known.
 * @param tests simulated for each figure.
 */
export function* calibrate(
  suite: readonly SuiteTask[],
  rule: AbRule,
  replicates = 3,
  tests = 200,
): Generator<TrialAsk, Calibration, Trial> {
  const measured = new Map<string, ScoredPair[]>(suite.map(({ task }) => [task, []]));
  for (const round of schedule(suite, [rule.control, rule.control], replicates, rule.seed)) {
    const scores: (number | null)[] = [];
    for (const { family: _, ...ask } of round) scores.push((yield ask).score);
    const [a, b] = scores as [number | null, number | null];
    measured.get((round[0] as TrialAsk).task)?.push([a, b]);
  }
  return summary(suite, rule, measured, tests);
}

/**
 * How far a judge is from itself: the standard deviation, in points, of repeated scores of one and the same outcome.
 *
 * @returns null when no outcome was scored twice.
 */
export function judgeNoise(outcomes: readonly (readonly number[])[]): number | null {
  return pooled(outcomes);
}

type ScoredPair = [number | null, number | null];
type Measured = ReadonlyMap<string, readonly ScoredPair[]>;

function summary(suite: readonly SuiteTask[], rule: AbRule, measured: Measured, tests: number): Calibration {
  const scores = [...measured].map(([task, pairs]) => ({
    task,
    scores: pairs.flat().filter((score) => score !== null),
  }));
  const known = scores.filter(({ scores }) => scores.length > 0);
  const means = known.map(({ scores }) => mean(scores));
  const within = pooled(known.map(({ scores }) => scores));
  const score = known.length > 0 ? mean(means) : null;
  const both = [...measured.values()].flat().filter((pair) => pair[0] !== null && pair[1] !== null);
  const begun = [...measured.values()].flat().length;
  const all = (value: number) =>
    known.filter(({ scores }) => scores.every((score) => score === value)).map(({ task }) => task);
  const test = (share: number) => simulated(suite, rule, measured, share, tests);
  const room = score === null ? null : 100 - score;
  return {
    pairs: { begun, missing: begun - both.length },
    score,
    within,
    between:
      means.length > 1 && within !== null
        ? Math.sqrt(
            Math.max(
              0,
              sampleVariance(means) - within ** 2 * mean(known.map(({ scores }) => 1 / scores.length)),
            ),
          )
        : null,
    // The two are alike, so that their true difference is 0 and no degree of freedom is lost.
    pair:
      both.length > 0 ? Math.sqrt(mean(both.map(([a, b]) => ((a as number) - (b as number)) ** 2))) : null,
    always: all(100),
    never: all(0),
    falsePositives: test(0).better,
    smallest: room !== null && room > 0 ? smallest(test, rule.power, room) : null,
    room,
  };
}

/** The least share of cured runs that is found with this power, by halving to 1/128; null when not even all of them are. */
function smallest(
  test: (share: number) => { better: number; runs: number },
  power: number,
  room: number,
): Visible | null {
  let [low, high] = [0, 1];
  let found = test(1);
  if (found.better < power) return null;
  while (high - low > 1 / 128) {
    const middle = (low + high) / 2;
    const at = test(middle);
    if (at.better < power) low = middle;
    else [high, found] = [middle, at];
  }
  return { points: high * room, runs: found.runs };
}

/** Share of `better` and mean runs of tests on scores drawn from what was measured. */
function simulated(
  suite: readonly SuiteTask[],
  rule: AbRule,
  measured: Measured,
  share: number,
  tests: number,
): { better: number; runs: number } {
  const uniform = uniforms(rule.seed);
  let better = 0;
  let runs = 0;
  for (let number = 0; number < tests; number++) {
    const testing = abTest(suite, { ...rule, placebo: false, seed: number });
    let step = testing.next();
    let round = "";
    let drawn: ScoredPair = [null, null];
    while (!step.done) {
      const { task, replicate, arm } = step.value;
      if (round !== `${replicate} ${task}`) {
        const pool = measured.get(task) as readonly ScoredPair[];
        const [a, b] = pool[Math.floor(uniform() * pool.length)] as ScoredPair;
        drawn = uniform() < 0.5 ? [a, b] : [b, a];
        round = `${replicate} ${task}`;
      }
      const treated = arm === "with";
      const score = drawn[treated ? 1 : 0];
      step = testing.next(bare(score !== null && treated && uniform() < share ? 100 : score, treated));
    }
    better += Number(step.value.outcome === "better");
    runs += step.value.runs;
  }
  return { better: better / tests, runs: runs / tests };
}

/** A run of which only the score matters. */
const bare = (score: number | null, loaded: boolean): Trial => ({
  score,
  toolCalls: 0,
  usefulCalls: 0,
  errors: 0,
  recovered: 0,
  wallMs: 1,
  tokens: null,
  dollars: null,
  loaded,
});

/** Standard deviation around the groups' own means. */
function pooled(groups: readonly (readonly number[])[]): number | null {
  const repeated = groups.filter((group) => group.length > 1);
  const freedom = repeated.reduce((sum, group) => sum + group.length - 1, 0);
  if (freedom === 0) return null;
  return Math.sqrt(
    repeated.reduce((sum, group) => sum + sampleVariance(group) * (group.length - 1), 0) / freedom,
  );
}
