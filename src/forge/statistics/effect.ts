import { mean } from "../../base/index.ts";
import { sampleVariance, tQuantile } from "../../decision/index.ts";
import type { Arm, Trial, TrialAsk } from "../../ledger/index.ts";
import { agreeing, unseenError } from "./unseen.ts";

/** A run that was asked for, and what came of it. */
export interface TrialRecord extends TrialAsk {
  /** The task's family. */
  family: string;
  trial: Trial;
}

/** Two runs of one task, replicate and seed, one under each arm. */
export interface Pair {
  task: string;
  family: string;
  control: Trial;
  treatment: Trial;
}

/** A mean difference in points, positive where the treatment is better; every task weighs the same. */
export interface Estimate {
  points: number;
  /** Null below two tasks. */
  interval: [number, number] | null;
  /** Tasks and pairs with a score in both arms. */
  tasks: number;
  pairs: number;
}

/** The complete pairs, scored or not, in the order in which they began; a run whose partner is missing makes none. */
export function pairsOf(records: readonly TrialRecord[], control: Arm, treatment: Arm = "with"): Pair[] {
  const groups = Map.groupBy(records, ({ task, replicate, seed }) => JSON.stringify([task, replicate, seed]));
  return [...groups.values()].flatMap((runs) => {
    const under = (arm: Arm) => runs.find((run) => run.arm === arm);
    const [first, second] = [under(control), under(treatment)];
    return first && second
      ? [{ task: first.task, family: first.family, control: first.trial, treatment: second.trial }]
      : [];
  });
}

/** Differences of the pairs that have both scores, by task. */
export function differences(pairs: readonly Pair[]): Map<string, number[]> {
  const byTask = new Map<string, number[]>();
  for (const { task, control, treatment } of pairs) {
    if (control.score === null || treatment.score === null) continue;
    const of = byTask.get(task);
    const difference = treatment.score - control.score;
    if (of) of.push(difference);
    else byTask.set(task, [difference]);
  }
  return byTask;
}

/**
 * The mean of the tasks' mean differences. The task is the unit: its replicates are averaged first, so that many runs of
 * one task never pass for many tasks. Where all tasks agree exactly, the interval allows for a task that fails unseen
 * (unseen.ts), under either arm.
 *
 * @param tail what the t interval leaves out at either side; .025 is the ordinary 95 %.
 * @returns null without a single scored pair.
 */
export function estimate(pairs: readonly Pair[], tail = 0.025): Estimate | null {
  const byTask = differences(pairs);
  if (byTask.size === 0) return null;
  const means = [...byTask.values()].map(mean);
  const points = mean(means);
  return {
    points,
    interval: meanInterval(means, tail, levels(pairs)),
    tasks: means.length,
    pairs: [...byTask.values()].reduce((sum, of) => sum + of.length, 0),
  };
}

function meanInterval(
  means: readonly number[],
  tail: number,
  level: { control: number; treatment: number },
): [number, number] | null {
  const tasks = means.length;
  if (tasks < 2) return null;
  const error = Math.sqrt(sampleVariance(means) / tasks);
  const quantile = tQuantile(1 - tail, tasks - 1);
  const half = (lost: number) => quantile * (error > agreeing ? error : lost * unseenError(tasks));
  return [
    Math.max(-100, mean(means) - half(level.treatment)),
    Math.min(100, mean(means) + half(level.control)),
  ];
}

/** What each arm has to lose: its mean score. */
function levels(pairs: readonly Pair[]): { control: number; treatment: number } {
  const scored = pairs.filter(({ control, treatment }) => control.score !== null && treatment.score !== null);
  const level = (arm: "control" | "treatment") => mean(scored.map((pair) => pair[arm].score ?? 0));
  return { control: level("control"), treatment: level("treatment") };
}

/** What makes task means differ, in squared points. */
export interface Components {
  /** Variance of one pair's difference around its task's mean. */
  within: number;
  /** Variance of the tasks' true effects. */
  between: number;
}

/**
 * Variance components by the method of moments (one-way analysis of variance; Searle, Casella and McCulloch, "Variance
 * Components", 1992, ch. 3), the unit of `between` being the task. As long as no task has a second pair the two cannot be
 * told apart, and all is taken to be noise within tasks.
 */
export function components(byTask: ReadonlyMap<string, readonly number[]>): Components {
  const groups = [...byTask.values()];
  const means = groups.map(mean);
  const total = means.length > 1 ? sampleVariance(means) : 0;
  const replicated = groups.filter((of) => of.length > 1);
  const freedom = replicated.reduce((sum, of) => sum + of.length - 1, 0);
  if (freedom === 0) return { within: total, between: 0 };
  const within = replicated.reduce((sum, of) => sum + sampleVariance(of) * (of.length - 1), 0) / freedom;
  const share = mean(groups.map((of) => 1 / of.length));
  return { within, between: Math.max(0, total - within * share) };
}
