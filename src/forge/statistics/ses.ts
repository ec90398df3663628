import { mean } from "../../base/index.ts";
import { tQuantile } from "../../decision/index.ts";
import type { Arm, Trial } from "../../ledger/index.ts";
import { type Pair, pairsOf, type TrialRecord } from "./effect.ts";
import { agreeing, unseenError } from "./unseen.ts";

export type ComponentName =
  | "completion"
  | "efficiency"
  | "recovery"
  | "speed"
  | "transferability"
  | "consistency";

/** A score from 0 to 100 with what it rests on. */
export interface Scored {
  value: number;
  /** 95 %, within 0 to 100, by leaving out one task at a time; null below two tasks. */
  interval: [number, number] | null;
  tasks: number;
  /** Runs (of speed and transferability: pairs). */
  n: number;
}

export type Component = { name: ComponentName; weight: number } & (
  | ({ missing: null } & Scored)
  /** Why there is no value. */
  | { missing: string; value: null; interval: null; tasks: 0; n: 0 }
);

/** Skill effectiveness score. */
export interface Ses {
  /** Weighted mean of the components that are not missing; null when all are. */
  overall: Scored | null;
  components: Component[];
  missing: ComponentName[];
}

export interface SesOptions {
  /** Whose score: `with`, or the control for the baseline's own. */
  arm: Arm;
  /** What speed and transferability are compared with. */
  control: Arm;
  /** Families of the goals whose traces taught the skill; null: not known. */
  sourceFamilies: readonly string[] | null;
}

/** What speed is where a run takes as long as its partner. */
export const equalSpeed = 75;

/**
 * The skill effectiveness score of one arm, from 0 to 100 each, task means first, then the mean over tasks; runs without
 * a score count nowhere.
 *
 * - completion (.30): the score, which is the weighted criteria met.
 * - efficiency (.20): useful calls / calls. Missing without calls.
 * - recovery (.15): tool errors after which the task came right / tool errors. Missing where none was met: who met no error
 *   has not shown that it recovers.
 * - speed (.15): 75 + 25 log2(control's time / own time) of the same task, replicate and seed, logarithms averaged, cut to
 *   0 to 100. Equal is 75, twice as fast 100, half as fast 50. Missing without pairs.
 * - transferability (.10): 50 + 50 c over tasks of other families than the sources'; c is the normalised change (Marx and
 *   Cummings, American Journal of Physics 75, 2007) of the mean score: gain / (100 - control) or loss / control. No effect
 *   is 50, everything cured 100, everything broken 0. Missing until such families are measured.
 * - consistency (.10): 100 - mean absolute difference of two runs of one task (Gini's mean difference). Missing where no
 *   task ran twice.
 *
 * The weights of what is missing go to the rest in proportion. Intervals: delete-one-task jackknife with Student's t
 * (Tukey 1958; for clusters MacKinnon, Nielsen and Webb, Journal of Applied Econometrics 38, 2023), of the overall score
 * with all components of a task left out together, since they are correlated. The lower bound of the overall score allows
 * for a task that fails unseen (unseen.ts), with all of its completion and recovery: few goals at their ceiling are no gold.
 * So do all bounds where the tasks agree exactly.
 */
export function ses(records: readonly TrialRecord[], options: SesOptions): Ses {
  const groups = grouped(records, options);
  const elsewhere = other(options);
  const parts: Part[] = [
    part(
      "completion",
      0.3,
      "no run was scored",
      perTask((group) => average(group.runs.map(scoreOf))),
      runsOf,
    ),
    part(
      "efficiency",
      0.2,
      "no tool was called",
      perTask(({ runs }) =>
        ratio(
          runs,
          ({ usefulCalls }) => usefulCalls,
          ({ toolCalls }) => toolCalls,
        ),
      ),
      ({ runs }) => runs.filter(({ toolCalls }) => toolCalls > 0).length,
    ),
    part(
      "recovery",
      0.15,
      "no tool error was met",
      perTask(({ runs }) =>
        ratio(
          runs,
          ({ recovered }) => recovered,
          ({ errors }) => errors,
        ),
      ),
      ({ runs }) => runs.filter(({ errors }) => errors > 0).length,
    ),
    part(
      "speed",
      0.15,
      "no pair of runs took a measurable time",
      (groups) => {
        const logs = perTask((group) => average(timed(group).map(faster)))(groups);
        return logs === null ? null : cut(equalSpeed + 25 * logs);
      },
      (group) => timed(group).length,
    ),
    part(
      "transferability",
      0.1,
      options.sourceFamilies === null
        ? "it is not known which goals taught it"
        : "not measured on goals of other families than those that taught it",
      (groups) => normalisedChange(groups.filter(elsewhere)),
      (group) => (elsewhere(group) ? group.pairs.length : 0),
    ),
    part(
      "consistency",
      0.1,
      "no task ran twice",
      perTask(({ runs }) => (runs.length > 1 ? 100 - meanDifference(runs.map(scoreOf)) : null)),
      ({ runs }) => (runs.length > 1 ? runs.length : 0),
    ),
  ];
  const components = parts.map((part) => component(part, groups));
  const value = (of: readonly Group[]) => weighted(parts.map((part) => [part.weight, part.value(of)]));
  const failed = weighted(
    parts.map(({ name, weight, value }) => {
      const now = value(groups);
      return [weight, now !== null && (name === "completion" || name === "recovery") ? 0 : now];
    }),
  );
  return {
    overall: jackknifed(groups, value, runsOf, failed ?? 0),
    components,
    missing: components.filter(({ missing }) => missing !== null).map(({ name }) => name),
  };
}

/** One task's scored runs. */
interface Group {
  family: string;
  runs: Trial[];
  pairs: Pair[];
}

interface Part {
  name: ComponentName;
  weight: number;
  missing: string;
  value: (groups: readonly Group[]) => number | null;
  /** How many of a task's runs it rests on. */
  n: (group: Group) => number;
}

const part = (
  name: ComponentName,
  weight: number,
  missing: string,
  value: Part["value"],
  n: Part["n"],
): Part => ({ name, weight, missing, value, n });

function grouped(records: readonly TrialRecord[], { arm, control }: SesOptions): Group[] {
  const scored = records.filter(({ trial }) => trial.score !== null);
  const own = scored.filter((record) => record.arm === arm);
  const pairs =
    arm === control
      ? own.map(({ task, family, trial }) => ({ task, family, control: trial, treatment: trial }))
      : pairsOf(scored, control, arm);
  const pairsByTask = Map.groupBy(pairs, ({ task }) => task);
  return [...Map.groupBy(own, ({ task }) => task)].map(([task, of]) => ({
    family: (of[0] as TrialRecord).family,
    runs: of.map(({ trial }) => trial),
    pairs: pairsByTask.get(task) ?? [],
  }));
}

const other =
  ({ sourceFamilies }: SesOptions) =>
  ({ family }: Group): boolean =>
    sourceFamilies !== null && !sourceFamilies.includes(family);

function component({ name, weight, missing, value, n }: Part, groups: readonly Group[]): Component {
  const scored = jackknifed(
    groups.filter((group) => n(group) > 0),
    value,
    n,
  );
  return scored === null
    ? { name, weight, missing, value: null, interval: null, tasks: 0, n: 0 }
    : { name, weight, missing: null, ...scored };
}

function jackknifed(
  groups: readonly Group[],
  value: Part["value"],
  n: (group: Group) => number,
  /** What the value would be of failed tasks alone; null: nothing is known of them. */
  failed: number | null = null,
): Scored | null {
  const whole = value(groups);
  if (whole === null) return null;
  const tasks = groups.length;
  const without = groups
    .map((_, out) => value(groups.filter((_, index) => index !== out)))
    .filter((value) => value !== null);
  const count = groups.reduce((sum, group) => sum + n(group), 0);
  if (without.length < 2) return { value: whole, interval: null, tasks, n: count };
  const centre = mean(without);
  const square = without.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const error = Math.sqrt(((tasks - 1) / tasks) * square);
  const agree = error < agreeing;
  const quantile = tQuantile(0.975, tasks - 1);
  const half = (lost: number) => quantile * Math.max(error, lost * unseenError(tasks));
  const down = failed === null ? (agree ? whole : 0) : whole - failed;
  return {
    value: whole,
    interval: [cut(whole - half(down)), cut(whole + half(agree ? 100 - whole : 0))],
    ...{ tasks, n: count },
  };
}

const runsOf = ({ runs }: Group): number => runs.length;
const scoreOf = ({ score }: Trial): number => score as number;
const cut = (value: number): number => Math.min(100, Math.max(0, value));

/** The mean over the tasks that have a value. */
const perTask =
  (of: (group: Group) => number | null) =>
  (groups: readonly Group[]): number | null =>
    average(groups.map(of).filter((value) => value !== null));

const average = (values: readonly number[]): number | null => (values.length > 0 ? mean(values) : null);

function ratio(
  runs: readonly Trial[],
  part: (trial: Trial) => number,
  whole: (trial: Trial) => number,
): number | null {
  const sum = (of: (trial: Trial) => number) => runs.reduce((total, run) => total + of(run), 0);
  return sum(whole) > 0 ? (100 * sum(part)) / sum(whole) : null;
}

const timed = ({ pairs }: Group): Pair[] =>
  pairs.filter(({ control, treatment }) => control.wallMs > 0 && treatment.wallMs > 0);

/** How many times twice as fast. */
const faster = ({ control, treatment }: Pair): number => Math.log2(control.wallMs / treatment.wallMs);

function normalisedChange(groups: readonly Group[]): number | null {
  const paired = groups.filter(({ pairs }) => pairs.length > 0);
  if (paired.length === 0) return null;
  const level = (arm: "control" | "treatment") =>
    mean(paired.map(({ pairs }) => mean(pairs.map((pair) => scoreOf(pair[arm])))));
  const [before, after] = [level("control"), level("treatment")];
  const room = after > before ? 100 - before : before;
  return 50 + (room > 0 ? (50 * (after - before)) / room : 0);
}

/** Mean absolute difference of two of the values. */
function meanDifference(values: readonly number[]): number {
  let sum = 0;
  for (const [index, value] of values.entries())
    for (const other of values.slice(index + 1)) sum += Math.abs(value - other);
  return sum / ((values.length * (values.length - 1)) / 2);
}

function weighted(parts: readonly (readonly [weight: number, value: number | null])[]): number | null {
  const known = parts.filter((part): part is [number, number] => part[1] !== null);
  const weights = known.reduce((sum, [weight]) => sum + weight, 0);
  return weights > 0 ? known.reduce((sum, [weight, value]) => sum + weight * value, 0) / weights : null;
}
