/**
 * The A/B test of skills in simulation, on skills whose truth is known, beside the formula that scores their wording.
 *
 *     node bench/forge.ts [--json]
 *
 * Suites of 12 tasks, met with probabilities from nearly never to nearly always, 2 to 5 criteria each (in half of the runs
 * they stand or fall together), half of the weight judged with an error of 8 points; one run has a standard deviation of
 * some 33 points around its task's mean. Help is uneven over tasks. 2 % of the runs lack a score, 5 % of the treated ones
 * do not load the skill (bench/forge/world.ts). The points are what a skill truly adds to its suite's mean, unloaded runs
 * included.
 *
 * Seeded: two runs print the same. Ends with status 1 when a figure is outside its bounds.
 */
import { uniforms } from "../src/decision/index.ts";
import { abRule, calibrate } from "../src/forge/index.ts";
import { decide, type Tally, tally } from "./forge/decide.ts";
import { ordinary, skillWorld, type Truth } from "./forge/world.ts";

const began = process.hrtime.bigint();
const rule = abRule();
const figures: { what: string; value: number; low: number; high: number }[] = [];
const tables: Record<string, Record<string, string | number>[]> = {};

const useless: Truth = { kind: "useless: the same distribution", points: 0, tokens: 1 };
const helpful: Truth = { kind: "helpful: +20 points", points: 20, tokens: 1.2 };
const harmful: Truth = { kind: "harmful: -15 points", points: -15, tokens: 1.1 };

const kinds: [truth: Truth, skills: number, low: number, high: number][] = [
  [useless, 1000, 0, 0.05],
  [{ kind: "placebo words: no effect, longer prompt", points: 0, tokens: 1.05 }, 500, 0, 0.05],
  [{ kind: "helps some tasks as it harms others", points: 0, mixed: true, tokens: 1.05 }, 500, 0, 0.05],
  [helpful, 1000, 0.8, 1],
  [{ kind: "small help: +5 points", points: 5, tokens: 1.1 }, 500, 0, 1],
  [harmful, 500, 0, 0],
  [{ kind: "costly: +10 points for 4 x the tokens", points: 10, tokens: 4 }, 500, 0, 0.01],
];

tables[`suites of 12 tasks, at most ${rule.maxRuns} runs`] = kinds.map(([truth, skills, low, high]) => {
  const result = tally(truth, ordinary, rule, skills, 1);
  hold(`kept: ${truth.kind}`, result.kept, low, high);
  hold(`intervals that cover the truth: ${truth.kind}`, result.covered, 1 - 2 * rule.alpha, 1);
  return row(result);
});

tables["other suites (nothing is promised but useless and harmful ones)"] = (
  [
    ["5 tasks", { tasks: 5 }],
    ["8 tasks", { tasks: 8 }],
    ["20 tasks", { tasks: 20 }],
    ["pass or fail only", { together: 1 }],
    ["the same help on all tasks", { uneven: 0 }],
    ["quiet", { together: 0, judge: 3 }],
    ["only 60 % load it", { loads: 0.6 }],
  ] as const
).map(([suite, change]) => {
  const noise = { ...ordinary, ...change };
  const [none, help, harm] = [useless, helpful, harmful].map((truth) =>
    tally(truth, noise, rule, 400, 2),
  ) as [Tally, Tally, Tally];
  // 400 skills: a true 4 % shows up as at most 7 %.
  hold(`useless kept: ${suite}`, none.kept, 0, 0.07);
  hold(`harmful kept: ${suite}`, harm.kept, 0, 0);
  return {
    suite,
    "useless kept": percent(none.kept, 1),
    "+20 kept": percent(help.kept, 1),
    "harmful kept": percent(harm.kept, 1),
    "runs useless": Math.round(none.runs),
    "runs +20": Math.round(help.runs),
    "runs harmful": Math.round(harm.runs),
  };
});

const untiring = tally(harmful, ordinary, abRule({ futility: 0 }), 400, 3);
tables["harm, when no candidate is given up early"] = [
  {
    skill: harmful.kind,
    "shown to be worse": percent(untiring.worse, 1),
    "runs per decision": Math.round(untiring.runs),
  },
];

const suites = seeds(20);
const calibrations = suites.map((seed) => {
  const world = skillWorld(useless, ordinary, 5000 + seed);
  const calibrating = calibrate(world.suite, { ...rule, seed }, 3, 100);
  let step = calibrating.next();
  while (!step.done) step = calibrating.next(world.run(step.value));
  const found = step.value;
  const points = found.smallest?.points ?? Number.NaN;
  const tests = seeds(40).map((test) => {
    const truth = { kind: "", points, tokens: 1 };
    const even = skillWorld(truth, { ...ordinary, loads: 1 }, 5000 + seed);
    const uniform = uniforms(test);
    for (let skip = 0; skip < 1 + 7 * test; skip++)
      even.run({ arm: "without", task: "task-1", replicate: 0, seed: 0 });
    return decide(even, { ...rule, seed: Math.floor(uniform() * 2 ** 31) }).outcome === "better";
  });
  return { ...found, points, power: mean(tests.map(Number)) };
});
const power = mean(calibrations.map((calibration) => calibration.power));
hold("false positives by A/A, mean", mean(calibrations.map(({ falsePositives }) => falsePositives)), 0, 0.05);
hold("power for the smallest visible effect, mean", power, 0.65, 0.95);
tables["A/A runs of 20 such suites, 3 replicates (72 runs) each"] = [
  {
    mean: "of 20 suites",
    "one run, sd": round(mean(calibrations.map(({ within }) => within ?? 0)), 1),
    "tasks, sd": round(mean(calibrations.map(({ between }) => between ?? 0)), 1),
    "false positives": percent(mean(calibrations.map(({ falsePositives }) => falsePositives)), 1),
    "smallest visible": round(mean(calibrations.map(({ points }) => points)), 1),
    "its true power": percent(power),
  },
];

const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const missed = figures.filter(({ value, low, high }) => !(value >= low && value <= high));
if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ tables, figures, missed: missed.map(({ what }) => what), seconds }, null, 2));
} else {
  for (const [title, table] of Object.entries(tables)) {
    console.log(title);
    console.table(Object.fromEntries(table.map((cells) => [Object.values(cells)[0], rest(cells)])));
  }
  console.log(
    `${figures.length - missed.length} of ${figures.length} figures within their bounds, ${seconds.toFixed(0)} s`,
  );
  for (const { what, value, low, high } of missed)
    console.log(`  missed: ${what}: ${round(value, 4)}, bounds ${low} to ${high}`);
}
if (missed.length > 0) process.exitCode = 1;

function row(result: Tally): Record<string, string | number> {
  return {
    skill: result.kind,
    skills: result.skills,
    kept: percent(result.kept, 1),
    "by its wording": percent(result.keptByWording, 1),
    "shown worse": percent(result.worse, 1),
    "runs per decision": Math.round(result.runs),
    most: result.mostRuns,
    claimed: result.claimed === null ? "" : round(result.claimed, 1),
    true: result.true === null ? "" : round(result.true, 1),
    covered: percent(result.covered, 1),
  };
}

/** Notes a figure with the bounds that it must lie in. */
function hold(what: string, value: number, low: number, high: number): void {
  figures.push({ what, value, low, high });
}

function rest(cells: Record<string, string | number>): Record<string, string | number> {
  const [, ...others] = Object.entries(cells);
  return Object.fromEntries(others);
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}
