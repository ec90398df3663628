import { uniforms } from "../../src/decision/index.ts";
import type { SuiteTask } from "../../src/forge/index.ts";
import type { Trial, TrialAsk } from "../../src/ledger/index.ts";

/** What a skill truly does; points are means over the suite's tasks. */
export interface Truth {
  kind: string;
  /** Points that the skill truly adds to the suite's mean score. */
  points: number;
  /** Adds to some tasks what it takes from others: the population of tasks has mean 0, a suite only nearly. */
  mixed?: boolean;
  /** Tokens of a run with it, as a multiple. */
  tokens: number;
}

/** One task under one arm. */
interface TaskWorld {
  family: string;
  /** Probability to meet a criterion without the skill and with it. */
  without: number;
  with: number;
  criteria: number;
}

export interface SkillWorld {
  suite: SuiteTask[];
  run(ask: TrialAsk): Trial;
  /** Points that it truly adds, over this suite. */
  truth: number;
}

/** How noisy suites and judges are. */
export interface Noise {
  tasks: number;
  /** Share of runs in which all criteria stand or fall together. */
  together: number;
  /** Standard deviation of a judge's score, and the share of the weight that is judged. */
  judge: number;
  judged: number;
  /** Share of runs without a score, and of treated runs that load the skill. */
  unscored: number;
  loads: number;
  /** Tasks get more or less of the effect than the mean: standard deviation of the multiplier. */
  uneven: number;
}

export const ordinary: Noise = {
  tasks: 12,
  together: 0.5,
  judge: 8,
  judged: 0.5,
  unscored: 0.02,
  loads: 0.95,
  uneven: 0.5,
};

/**
 * A suite whose tasks are met with probabilities between nearly never and nearly always (logits with standard deviation
 * 1.5 around a half), each with 2 to 5 criteria of equal weight, and a skill that shifts the logits, by more on some tasks
 * than on others, so that the suite's true mean rises by exactly its points.
 */
export function skillWorld(truth: Truth, noise: Noise, seed: number): SkillWorld {
  const uniform = uniforms(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const logits = Array.from({ length: noise.tasks }, () => 1.5 * normal());
  const multipliers = logits.map(() => Math.max(0, 1 + noise.uneven * normal()));
  const met = logistic(truth, logits, multipliers, noise.loads, normal);
  const tasks = new Map<string, TaskWorld>(
    logits.map((logit, index) => [
      `task-${index + 1}`,
      {
        family: `family-${(index % 3) + 1}`,
        without: share(logit),
        with: met[index] as number,
        criteria: 2 + Math.floor(4 * uniform()),
      },
    ]),
  );
  const run = (ask: TrialAsk): Trial => {
    const task = tasks.get(ask.task) as TaskWorld;
    const treated = ask.arm === "with";
    const loaded = treated && uniform() < noise.loads;
    const chance = loaded ? task.with : task.without;
    const one = uniform();
    const joined = uniform() < noise.together;
    let done = 0;
    for (let criterion = 0; criterion < task.criteria; criterion++)
      if ((joined ? one : uniform()) < chance) done++;
    const checked = (100 * done) / task.criteria;
    const judged = Math.min(100, Math.max(0, checked + noise.judge * normal()));
    const score = uniform() < noise.unscored ? null : checked * (1 - noise.judged) + judged * noise.judged;
    const spent = Math.exp(0.4 * normal());
    const toolCalls = 3 + Math.floor(10 * uniform());
    const errors = Math.floor(2.2 * uniform());
    return {
      score,
      toolCalls,
      usefulCalls: Math.round(toolCalls * (0.6 + 0.4 * uniform())),
      errors,
      recovered: checked > 50 ? errors : 0,
      wallMs: 60_000 * spent,
      tokens: 20_000 * spent * (loaded ? truth.tokens : 1),
      dollars: null,
      loaded,
    };
  };
  const all = [...tasks.values()];
  return {
    suite: [...tasks].map(([task, { family }]) => ({ task, family })),
    run,
    truth: (all.reduce((sum, task) => sum + task.with - task.without, 0) / all.length) * 100 * noise.loads,
  };
}

/** Probabilities with the skill loaded; the shift is found by halving. */
function logistic(
  truth: Truth,
  logits: readonly number[],
  multipliers: readonly number[],
  loads: number,
  normal: () => number,
): number[] {
  if (truth.mixed) return logits.map((logit) => share(logit + normal()));
  const shifted = (by: number) =>
    logits.map((logit, index) => share(logit + by * (multipliers[index] as number)));
  const gain = (by: number) =>
    (100 *
      loads *
      shifted(by).reduce((sum, chance, index) => sum + chance - share(logits[index] as number), 0)) /
    logits.length;
  let [low, high] = [-50, 50];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (gain(middle) < truth.points) low = middle;
    else high = middle;
  }
  return shifted(truth.points === 0 ? 0 : (low + high) / 2);
}

const share = (logit: number) => 1 / (1 + Math.exp(-logit));
