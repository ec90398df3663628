import { mean } from "../../base/index.ts";
import { sampleVariance, tQuantile, tUpper } from "../../decision/index.ts";
import type { Arm, Trial, TrialAsk } from "../../ledger/index.ts";
import { type AbRule, leastReplicates, replicatesOf } from "./abRule.ts";
import { type Cost, costOf } from "./cost.ts";
import {
  components,
  differences,
  type Estimate,
  estimate,
  type Pair,
  pairsOf,
  type TrialRecord,
} from "./effect.ts";
import { type SuiteTask, schedule } from "./schedule.ts";
import { type Look, leastTasks, signFlips } from "./signFlips.ts";

export type Outcome = "better" | "worse" | "not enough evidence";

export interface Verdict {
  outcome: Outcome;
  /** Better, worth it, and nothing speaks against it. Everything else is a discard. */
  kept: boolean;
  /** Why what is better is not kept; null: nothing. */
  veto: string | null;
  /** One sentence for a person. */
  reason: string;
  /** Why the arms were not what they should be, so that nothing can be concluded; null: they were. */
  invalid: string | null;
  /**
   * Treatment minus control by intention to treat: every scored pair counts, whether the skill was loaded or not. The
   * interval is a repeated one (Jennison and Turnbull, JRSS B 51, 1989): it allows for having looked before, and leaves
   * out at most alpha at either side. Of a test that ended early with `better` the points tend to be too high: what a skill
   * brings is told by goals that it was not chosen by.
   */
  effect: Estimate | null;
  /**
   * The effect of loading the skill: intention to treat divided by how much more often the treatment loaded it (Bloom,
   * "Accounting for no-shows in experimental evaluation designs", Evaluation Review 8, 1984). Unlike a mean over the runs
   * that happened to load it, this does not reward loading in easy runs only. Shown, never decided by.
   */
  asLoaded: Estimate | null;
  /** Treatment minus placebo, where there is one. */
  overPlacebo: Estimate | null;
  /** One-sided, over all looks. */
  p: { better: number; worse: number };
  runs: number;
  looks: number;
  /** Pairs begun, and those that lack a score. */
  pairs: { begun: number; missing: number };
  /** Share of each arm's runs that loaded the skill. */
  loaded: { control: number; treatment: number };
  cost: Cost | null;
  /** Points: the effect less what the additional cost is worth by the rule. */
  net: number | null;
  /** What would decide; null where it is decided, or no number of runs would. */
  more: More | null;
}

/** How much more would show an effect of this size with the rule's power. */
export interface More {
  /** The effect that is meant: the observed one, or the smallest worthwhile one where that is larger. */
  points: number;
  /** Tasks that the suite needs; more than it has: replicates alone would not do. */
  tasks: number;
  /** Runs of all arms, beyond those done. */
  runs: number;
}

/** Beyond so many replicates of a task more of them say next to nothing new. */
const mostReplicates = 50;

/**
 * Whether a skill helps: asks for runs, is sent what they gave, ends with a verdict. The same code decides live, in
 * simulation and in replay.
 *
 * Arms are interleaved and paired by task, replicate and seed; looks follow about every 12 pairs. `better` and `worse`
 * are decided by a group-sequential sign-flip test over tasks (signFlips.ts), which is exact under the hypothesis that
 * the skill does nothing, and need an estimate of at least `minEffect` either way. No error is spent, and so nothing
 * decided, before every pair was run twice, where the rule has the runs for it (`laxness` says where it has not). With a placebo arm `better` must be
 * shown against both (an intersection-union test, Berger, Technometrics 24, 1982: each at the full alpha). Between looks a
 * candidate is given up when it is predicted to fail; giving up only ever loses a `better`, so alpha is not affected.
 * `better` must also hold were the skill's unscored runs worth nothing: it may be the skill that spoiled them.
 *
 * @throws RangeError when two tasks have one name.
 */
export function* abTest(suite: readonly SuiteTask[], rule: AbRule): Generator<TrialAsk, Verdict, Trial> {
  const arms: Arm[] = [rule.control, "with", ...(rule.placebo ? (["placebo"] as const) : [])];
  const replicates = replicatesOf(rule, suite.length);
  const records: TrialRecord[] = [];
  const state: Standing = {
    rule,
    arms: arms.length,
    suite: suite.length,
    replicates,
    records,
    begun: 0,
    looks: 0,
    spent: 0,
    last: null,
    against: null,
  };
  const least = leastTasks(rule.alpha);
  if (suite.length < least)
    return undecided(
      state,
      `${count(suite.length, "task")} can never show it at alpha ${rule.alpha}, whatever they score: it takes at least ${least}`,
    );
  if (replicates === 0)
    return undecided(
      state,
      `${rule.maxRuns} runs are too few for ${arms.length} arms of ${suite.length} tasks: allow at least ${arms.length * suite.length}`,
    );
  const names = suite.map(({ task }) => task);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new RangeError(`two tasks of the suite are named ${twice}: rename one`);
  const rounds = schedule(suite, arms, replicates, rule.seed);
  const interval = lookInterval(suite.length);
  const overControl = signFlips(suite.length, rule.alpha);
  const overPlacebo = rule.placebo ? signFlips(suite.length, rule.alpha) : null;
  const shown = { better: false, worse: false, overPlacebo: !rule.placebo };
  const worst: { means: number[]; spent: number }[] = [];
  /** Whether the same looks at the worst that unscored runs could have been show it as well. */
  const atWorst = () => {
    const look = signFlips(suite.length, rule.alpha);
    const better = worst.some(({ means, spent }) => look(means, spent).better);
    return better && mean(worst.at(-1)?.means ?? []) >= rule.minEffect;
  };

  for (const [index, round] of rounds.entries()) {
    state.begun++;
    for (const { family, ...ask } of round) {
      const trial = yield ask;
      records.push({ ...ask, family, trial });
      if (ask.arm === "without" && trial.loaded)
        return invalid(
          state,
          `the control loaded the skill in ${ask.task}, so there was nothing to compare with: take it out of the control's reach`,
        );
      // A round without a score is lost, whatever its other arms would give.
      if (trial.score === null) break;
    }
    const last = index === rounds.length - 1;
    if (!last && (index + 1) % interval !== 0) continue;

    state.looks++;
    const repeated = index + 1 >= Math.min(leastReplicates, replicates) * suite.length;
    const spent = repeated ? rule.alpha * ((index + 1) / rounds.length) ** rule.spending : 0;
    const pairs = pairsOf(records, rule.control);
    const byTask = differences(pairs);
    const look = overControl(taskMeans(names, byTask), spent);
    // What an earlier look has shown stays shown: the error of all looks together is what is limited.
    state.last = shown.better || shown.worse ? state.last : look;
    state.spent = spent;
    shown.better ||= look.better;
    shown.worse ||= look.worse;
    worst.push({ means: taskMeans(names, lostAsNothing(records, rule)), spent });
    if (overPlacebo) {
      const other = differences(pairsOf(records, "placebo"));
      const against = overPlacebo(taskMeans(names, other), spent);
      state.against = against;
      shown.overPlacebo ||= against.better;
    }

    const missing = state.begun - scored(pairs);
    if (missing > rule.mostMissing * state.begun)
      return undecided(
        state,
        `${missing} of ${state.begun} pairs lack a score, more than the ${percent(rule.mostMissing)} that may: see to the agent or the judge first`,
      );
    const share = shareOf(records, "with");
    // Early on a low share may be chance: two standard errors are allowed for until something is decided.
    const asleep = (slack: number) => share + slack < rule.leastLoaded;
    const now = estimate(pairs)?.points ?? 0;
    const shownBetter = shown.better && shown.overPlacebo && now > 0 && now >= rule.minEffect;
    const lost = unscored(records, "with");
    const spoiled = shownBetter && lost > 0 && !atWorst();
    const decided =
      shownBetter && !spoiled ? better : shown.worse && now < 0 && now <= -rule.minEffect ? worse : null;
    const hope = last ? 0 : predicted(byTask, rule, suite.length, replicates, look.p.better);
    const ends = decided !== null || last || hope < rule.futility;
    if (asleep(ends ? 0 : 1 / Math.sqrt(index + 1)))
      return invalid(
        state,
        `the treatment loaded the skill in only ${percent(share)} of its runs: its description does not make the agent use it, or the agent does not look for skills; whether its text helps is seen with the whole text in the prompt (--in-prompt)`,
      );
    if (spoiled && ends)
      return undecided(
        state,
        `${count(lost, "run")} with the skill ${lost === 1 ? "lacks" : "lack"} a score, and ${unscored(records, rule.control)} without it: were they worth nothing, it would not be shown to be better`,
      );
    if (decided) return decided(state);
    if (ends && !last)
      return undecided(
        state,
        `given up after ${count(records.length, "run")}: ${sameThroughout(records, rule) ?? `${now < 0 ? "leans worse, " : ""}${said(now)} so far`}, and the chance to be shown better by run ${rounds.length * arms.length} is ${percent(hope)}`,
      );
  }
  return undecided(state, atTheEnd(shown, state));
}

const unscored = (records: readonly TrialRecord[], arm: Arm) =>
  records.filter((record) => record.arm === arm && record.trial.score === null).length;

/**
 * The differences by task, were every run with the skill that lacks a score worth nothing: the worst that such runs could
 * have been. Where its partner was not run, the mean of the task's other controls (or of all) stands for it.
 */
function lostAsNothing(records: readonly TrialRecord[], { control }: AbRule): Map<string, number[]> {
  const scores = (of: (record: TrialRecord) => boolean) =>
    records.flatMap((each) => (each.arm === control && of(each) ? (each.trial.score ?? []) : []));
  const usual = (task: string) => {
    const own = scores((each) => each.task === task);
    return mean(own.length > 0 ? own : [0, ...scores(() => true)]);
  };
  const byTask = new Map<string, number[]>();
  for (const runs of Map.groupBy(records, ({ task, replicate }) => `${replicate} ${task}`).values()) {
    const treated = runs.find(({ arm }) => arm === "with");
    const partner = runs.find(({ arm }) => arm === control);
    if (!treated || partner?.trial.score === null || (!partner && treated.trial.score !== null)) continue;
    const { task } = treated;
    const difference = (treated.trial.score ?? 0) - (partner?.trial.score ?? usual(task));
    byTask.set(task, [...(byTask.get(task) ?? []), difference]);
  }
  return byTask;
}

/** What a test knows while it runs. */
interface Standing {
  rule: AbRule;
  arms: number;
  suite: number;
  replicates: number;
  records: readonly TrialRecord[];
  begun: number;
  looks: number;
  /** The error that may be spent up to the last look. */
  spent: number;
  last: Look | null;
  against: Look | null;
}

/** Pairs between looks: about 12, whole passes through a small suite, equal parts of a large one. */
function lookInterval(tasks: number): number {
  return tasks <= 12 ? tasks * Math.floor(12 / tasks) : Math.ceil(tasks / Math.round(tasks / 12));
}

function taskMeans(names: readonly string[], byTask: ReadonlyMap<string, readonly number[]>): number[] {
  return names.map((name) => {
    const of = byTask.get(name);
    return of ? mean(of) : 0;
  });
}

const scored = (pairs: readonly Pair[]) =>
  pairs.filter(({ control, treatment }) => control.score !== null && treatment.score !== null).length;

/**
 * The probability to end with `better`, were the test run to its end: predictive power with a flat prior (Spiegelhalter,
 * Freedman and Blackburn, Controlled Clinical Trials 7, 1986), Student's t for the normal distribution. The standard error
 * at the end follows from the variance within and between tasks: where tasks differ more than runs of a task do, further
 * replicates bring little, and that is known early.
 */
function predicted(
  byTask: ReadonlyMap<string, readonly number[]>,
  rule: AbRule,
  suite: number,
  replicates: number,
  p: number,
): number {
  const means = [...byTask.values()].map(mean);
  if (means.length < 2) return 1;
  const points = mean(means);
  const now = sampleVariance(means) / means.length;
  const { within, between } = components(byTask);
  const end = Math.min(now, (between + within / replicates) / suite);
  const needed = Math.max(rule.minEffect, tQuantile(1 - rule.alpha, suite - 1) * Math.sqrt(end));
  const spread = Math.sqrt(now - end);
  // Runs that repeat exactly change nothing any more: then the test's own p is what it will be.
  if (!(spread > 0)) return p <= rule.alpha && points >= rule.minEffect ? 1 : 0;
  return tUpper((needed - points) / spread, means.length - 1);
}

/**
 * Runs that would show the observed effect, or the smallest worthwhile one where that is larger, at the rule's alpha and
 * power: the ordinary calculation for a mean of task means, of variance (between + within / replicates) / tasks.
 */
function moreOf(state: Standing, byTask: ReadonlyMap<string, readonly number[]>): More | null {
  if (byTask.size < 2) return null;
  const { rule } = state;
  const { within, between } = components(byTask);
  const points = Math.max(rule.minEffect, Math.abs(mean([...byTask.values()].map(mean))));
  if (!(points > 0 && within + between > 0)) return null;
  const needs = (tasks: number) =>
    ((tQuantile(1 - rule.alpha, tasks - 1) + tQuantile(rule.power, tasks - 1)) / points) ** 2;
  let tasks = Math.max(state.suite, leastTasks(rule.alpha), 2);
  const runsOf = (replicates: number) => Math.max(1, state.arms * tasks * replicates - state.records.length);
  const replicates = within / (tasks / needs(tasks) - between);
  if (replicates > 0 && replicates <= mostReplicates)
    return { points, tasks, runs: runsOf(Math.ceil(replicates)) };
  const each = Math.max(1, state.replicates);
  while (tasks / needs(tasks) < between + within / each) tasks = Math.ceil(tasks * 1.05);
  return { points, tasks, runs: runsOf(each) };
}

function verdict(state: Standing, outcome: Outcome, reason: string): Verdict {
  const { rule, records, last } = state;
  const pairs = pairsOf(records, rule.control);
  // Ties alone leave a look nothing to reject.
  const tail = Math.max(last === null ? rule.alpha : last.tail || state.spent, leastTail);
  const effect = estimate(pairs, tail);
  const loaded = {
    control: rule.control === "without" ? shareOf(records, "without") : 0,
    treatment: shareOf(records, "with"),
  };
  const cost = costOf(pairs);
  return {
    outcome,
    kept: outcome === "better",
    veto: null,
    reason,
    invalid: null,
    effect,
    asLoaded: effect && divided(effect, loaded.treatment - loaded.control),
    overPlacebo: rule.placebo
      ? estimate(pairsOf(records, "placebo"), Math.max(state.against?.tail ?? rule.alpha, leastTail))
      : null,
    p: last?.p ?? { better: 1, worse: 1 },
    runs: records.length,
    looks: state.looks,
    pairs: { begun: state.begun, missing: state.begun - scored(pairs) },
    loaded,
    cost,
    net: effect && effect.points - (cost?.extra ?? 0) / rule.costPerPoint,
    more: outcome === "not enough evidence" ? moreOf(state, differences(pairs)) : null,
  };
}

/** A look that could not reject anything still has an interval, if a very wide one. */
const leastTail = 0.001;

function better(state: Standing): Verdict {
  const result = verdict(state, "better", "");
  const points = result.effect?.points ?? 0;
  const gain = `better by ${short(points)} points over ${count(result.effect?.tasks ?? 0, "task")} (p ${result.p.better.toPrecision(2)})`;
  const { cost, net } = result;
  if (cost === null || net === null || net > 0) return { ...result, reason: gain };
  const veto = `it costs more than it brings: ${percent(cost.extra)} more ${cost.unit} for ${short(points)} points`;
  return { ...result, kept: false, veto, reason: `${gain}, but ${veto}` };
}

function worse(state: Standing): Verdict {
  const result = verdict(state, "worse", "");
  return {
    ...result,
    reason: `worse by ${short(-(result.effect?.points ?? 0))} points over ${count(result.effect?.tasks ?? 0, "task")} (p ${result.p.worse.toPrecision(2)})`,
  };
}

function invalid(state: Standing, why: string): Verdict {
  return { ...verdict(state, "not enough evidence", why), invalid: why, more: null };
}

function undecided(state: Standing, why: string): Verdict {
  const result = verdict(state, "not enough evidence", why);
  if (result.more === null) return result;
  const { points, tasks, runs } = result.more;
  const where = tasks > state.suite ? ` with a suite of ${tasks} tasks` : "";
  return {
    ...result,
    reason: `${why}; some ${runs} more runs${where} would decide about ${short(points)} points`,
  };
}

/** Every pair scored the same in both arms: that is no small effect which might be chance; null: not every one did. */
function sameThroughout(records: readonly TrialRecord[], rule: AbRule): string | null {
  const all = [...differences(pairsOf(records, rule.control)).values()].flat();
  if (all.length === 0 || all.some((difference) => difference !== 0)) return null;
  const other = rule.control === "before" ? "with it as with the version before" : "with and without it";
  return `all ${all.length} pairs of runs scored the same ${other}`;
}

function atTheEnd(shown: { better: boolean; overPlacebo: boolean }, { records, rule }: Standing): string {
  const same = sameThroughout(records, rule);
  if (same !== null) return `${same}, so nothing was shown to help`;
  const points = estimate(pairsOf(records, rule.control))?.points ?? 0;
  const seen = `${said(points)} after ${count(records.length, "run")}`;
  if (shown.better && points < rule.minEffect)
    return `${seen}, less than the ${short(rule.minEffect)} that are worth having`;
  if (shown.better && !shown.overPlacebo) return `${seen}, but not shown to do more than a placebo`;
  return `${seen} may be chance`;
}

/** An estimate of what each loaded run gains; null where loading did not differ. */
function divided(effect: Estimate, by: number): Estimate | null {
  if (!(by > 0)) return null;
  const { points, interval } = effect;
  return { ...effect, points: points / by, interval: interval && [interval[0] / by, interval[1] / by] };
}

function shareOf(records: readonly TrialRecord[], arm: Arm): number {
  const runs = records.filter((record) => record.arm === arm);
  return runs.filter(({ trial }) => trial.loaded).length / Math.max(1, runs.length);
}

const said = (points: number) =>
  points === 0 ? "no difference on average" : `${points > 0 ? "+" : ""}${short(points)} points`;
const short = (points: number) => String(Number(points.toFixed(1)));
const percent = (share: number) => `${Math.round(100 * share)} %`;
const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
