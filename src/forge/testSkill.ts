import { UserError } from "../errors.ts";
import { kinshipWarnings, needsJudge } from "../goals/index.ts";
import {
  type EvaluationKind,
  evaluationRows,
  goalTexts,
  type Ledger,
  openSealed,
  type SkillEvaluationRow,
  sealedOpenings,
  type TrialRow,
  trialsOf,
  updateSkillEvaluation,
} from "../ledger/index.ts";
import {
  addVersion,
  isProven,
  type SkillStatus,
  settleVersion,
  skillOf,
  skillOfVersion,
  skillText,
} from "../skills/index.ts";
import { abTest, type Verdict } from "./ab.ts";
import { type AbRule, abRule } from "./abRule.ts";
import { type Banding, band } from "./bands.ts";
import { driveTest, type RunTrial, replayTest } from "./drive.ts";
import type { TrialRecord } from "./effect.ts";
import { type Leak, leak } from "./leak.ts";
import type { Meter } from "./limits.ts";
import { placeboOf } from "./placebo.ts";
import { type Ses, ses } from "./ses.ts";
import { type Suite, type SuiteGoal, withoutTaught } from "./suite.ts";
import type { Arm } from "./trial.ts";

/** With whom goals are run. */
export interface Who {
  /** In the words of `researcher` in program.md, e.g. `claude` or `model: provider/name`. */
  agent: string;
  model: string | null;
  judge: string | null;
}

/** What each arm of a test is given. */
export interface Arms {
  goals: readonly SuiteGoal[];
  /** Paths that no run may see: what the suite was read from. */
  hide: readonly string[];
  /** The skill's name: offered under no other version than the arm's own. */
  skill: string;
  /** Versions by arm; `without` has none. */
  versions: Partial<Record<Arm, number>>;
}

/** Who runs goals: live, or a simulated world. */
export interface Runner {
  who: Who;
  /** False: the arms have no other skill. Default true. */
  library?: boolean;
  /** True: skills are given with their whole text in the prompt, whoever the agent is. */
  whole?: boolean;
  trials(arms: Arms): RunTrial;
}

export interface TestOptions {
  ledger: Ledger;
  versionId: number;
  suite: Suite;
  runner: Runner;
  meter: Meter;
  rule?: Partial<AbRule>;
  /** Id of the version that it is compared with, instead of with none. */
  before?: number;
  /** Sealed goals may be opened when nothing else is missing for gold. Default true. */
  sealed?: boolean;
  /** A person agreed that the version takes the place of their own text. */
  agreed?: boolean;
  /** What it is recorded as. Default `test`. */
  kind?: "test" | "interference";
  /** False: what comes of it changes no status. Default true. */
  settle?: boolean;
  stop?: { readonly requested: boolean };
  onTrial?: (row: Omit<TrialRow, "id">, recorded: boolean, kind: EvaluationKind) => void;
  now?: () => number;
}

export interface TestReport {
  kind: "ended";
  skill: string;
  version: number;
  versionId: number;
  evaluation: number;
  who: Who;
  suite: Pick<Suite, "name" | "excluded" | "skipped"> & { goals: number; sealed: number };
  /** Who judged rubric items; empty: checks only. */
  judges: string[];
  /** What the scores cannot be relied on for, a sentence each. */
  warnings: string[];
  rule: AbRule;
  verdict: Verdict;
  treatment: Ses;
  baseline: Ses;
  leak: Leak | null;
  /** Null: not opened. `openings`: for how many versions these goals were opened so far. */
  sealed: { verdict: Verdict; openings: number } | null;
  /** Openings of the suite's sealed goals so far. */
  openings: number;
  banding: Banding;
  /** What the library made of it; null: its status was not to change. */
  status: SkillStatus | null;
  /** Agents are offered it; `why`: or why not. */
  inUse: boolean;
  why: string;
  trials: TrialRow[];
}

export interface TestPaused {
  kind: "paused";
  why: string;
  evaluation: number;
  trials: TrialRow[];
}

/**
 * Tests one version of a skill from beginning to end: goals that taught it are left out, its text is checked for answers,
 * both arms run interleaved until the rule decides, what happened is scored, and the band follows. Sealed goals are opened
 * only when gold depends on nothing else, once for each version, and counted. Killed at any moment, it goes on where it
 * was when it is called again with the same.
 *
 * @throws UserError when no goal is left to test with.
 */
export async function testSkill(options: TestOptions): Promise<TestReport | TestPaused> {
  const { ledger, versionId, runner, before, settle = true } = options;
  const { row, version, skill } = await skillOfVersion(ledger, versionId);
  const taught = await goalTexts(ledger, JSON.parse(version.sourceGoals) as number[]);
  const suite = await withoutTaught(options.suite, taught);
  if (suite.goals.length === 0)
    throw new UserError(
      `no goal of ${suite.name} can test "${skill.name}": ${suite.excluded.length > 0 ? "all of them taught it" : "all are sealed"}`,
      "give goals that it did not come from",
    );
  const arms = options.rule?.placebo ? 3 : 2;
  const rule = abRule({
    // A large suite needs two rounds at least, so that something repeats.
    maxRuns: Math.max(abRule().maxRuns, 2 * arms * suite.goals.length),
    ...options.rule,
    control: before === undefined ? "without" : "before",
  });
  const found = leak(
    skillText(skill),
    [...suite.goals, ...suite.sealed].map(({ name, goal, answers }) => ({
      name,
      prompt: goal.text,
      answers,
    })),
  );
  const versions: Arms["versions"] = {
    with: versionId,
    ...(before === undefined ? {} : { before }),
    ...(rule.placebo ? { placebo: await placeboVersion(options, skill.name, version.version) } : {}),
  };

  const open = await arm(options, options.kind ?? "test", suite, suite.goals, suite.hash, rule, versions);
  if (open.kind === "paused") return { ...open, evaluation: open.evaluation.id };
  const { verdict, evaluation, trials } = open;
  const records = recordsOf(trials);
  const sourceFamilies = JSON.parse(version.sourceFamilies) as string[];
  const scoreOf = (of: Arm) =>
    ses(records, {
      ...{ arm: of, control: rule.control },
      sourceFamilies: sourceFamilies.length === 0 ? null : sourceFamilies,
    });
  const [treatment, baseline] = [scoreOf("with"), scoreOf(rule.control)];

  let sealed: TestReport["sealed"] = null;
  let banding = band({ ses: treatment, verdict, sealed: null, leak: found });
  const low = treatment.overall?.interval?.[0] ?? 0;
  if (banding.band === "validated" && low >= 90 && suite.sealed.length > 0 && options.sealed !== false) {
    const opened = await openSealed(ledger, suite.sealedHash, versionId, (options.now ?? Date.now)());
    const known = opened.first ? null : await endedSealed(ledger, versionId, suite.sealedHash, suite, rule);
    if (known !== null) sealed = { verdict: known, openings: opened.openings };
    else {
      const result = await arm(options, "sealed", suite, suite.sealed, suite.sealedHash, rule, versions);
      if (result.kind === "paused") return { ...result, evaluation: result.evaluation.id };
      sealed = { verdict: result.verdict, openings: opened.openings };
      await finish(options, result.evaluation, result.verdict, result.trials, rule.control);
    }
    banding = band({ ses: treatment, verdict, sealed: sealed.verdict, leak: found });
  }
  await finish(options, evaluation, verdict, trials, rule.control, { treatment, baseline });

  const status = statusOf(banding, row.origin);
  const settled = settle
    ? await settleVersion(ledger, versionId, {
        ...{ status, decision: decisionText(banding), score: treatment.overall?.value ?? null },
        agreed: options.agreed ?? false,
      })
    : {
        inUse: row.currentVersion === version.version && isProven(version.status),
        why: "its status was not to change",
      };
  return {
    ...{ kind: "ended", skill: skill.name, version: version.version, versionId, evaluation: evaluation.id },
    who: runner.who,
    suite: {
      ...{ name: suite.name, goals: suite.goals.length, sealed: suite.sealed.length },
      ...{ excluded: suite.excluded, skipped: suite.skipped },
    },
    ...judgesOf(runner.who, [...suite.goals, ...suite.sealed]),
    ...{ rule, verdict, treatment, baseline, leak: found, sealed, banding, trials },
    openings: await sealedOpenings(ledger, suite.sealedHash),
    status: settle ? status : null,
    ...settled,
  };
}

/** Who judges these goals, and whose kin they are. */
function judgesOf(
  { agent, model, judge }: Who,
  goals: readonly SuiteGoal[],
): Pick<TestReport, "judges" | "warnings"> {
  const judges = [
    ...new Set(goals.flatMap(({ goal }) => (needsJudge(goal) ? (judge ?? goal.judge ?? []) : []))),
  ];
  return { judges, warnings: judges.flatMap((each) => kinshipWarnings(each, [{ name: agent, model }])) };
}

/** One A/B test, driven. */
async function arm(
  options: TestOptions,
  kind: EvaluationKind,
  suite: Suite,
  goals: readonly SuiteGoal[],
  hash: string,
  rule: AbRule,
  versions: Arms["versions"],
) {
  const { ledger, versionId, runner, meter, stop, onTrial, now } = options;
  const { skill, version } = await skillOfVersion(ledger, versionId);
  const tasks = suiteTasks(goals);
  return driveTest(ledger, () => abTest(tasks, rule), {
    // A kill between the last run and the decision must not give it a second chance.
    unsettled: version.decision === null,
    key: {
      ...{ skillVersionId: versionId, kind, suiteHash: hash, agent: runner.who.agent },
      setup: JSON.stringify({
        ...{ rule, versions, who: runner.who, library: runner.library ?? true, tasks },
        ...(runner.whole ? { whole: true } : {}),
      }),
    },
    ...{ suite: suite.name, model: runner.who.model, judge: runner.who.judge },
    families: new Map(tasks.map(({ task, family }) => [task, family])),
    run: runner.trials({ goals, hide: suite.paths, skill: skill.name, versions }),
    ...{ meter, ...(stop ? { stop } : {}), ...(now ? { now } : {}) },
    ...(onTrial ? { onTrial: (row, recorded) => onTrial(row, recorded, kind) } : {}),
  });
}

export function suiteTasks(goals: readonly SuiteGoal[]): { task: string; family: string }[] {
  return goals.map(({ name, goal }) => ({ task: name, family: goal.family }));
}

/** What `skill_evaluations` has of a test once it is over. */
async function finish(
  { ledger, now = Date.now }: Pick<TestOptions, "ledger" | "now">,
  evaluation: SkillEvaluationRow,
  verdict: Verdict,
  trials: readonly TrialRow[],
  control: Arm,
  scores?: { treatment: Ses; baseline: Ses },
): Promise<void> {
  const columns = (of: Arm) => {
    const own = trials.filter((row) => row.arm === of).map(({ trial }) => trial);
    const mean = (value: (trial: (typeof own)[number]) => number | null) => {
      const known = own.map(value).filter((each) => each !== null);
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
    };
    return {
      completion: mean(({ score }) => score),
      calls: mean(({ toolCalls }) => toolCalls),
      errors: mean(({ errors }) => errors),
      ms: mean(({ wallMs }) => wallMs),
    };
  };
  const [before, after] = [columns(control), columns("with")];
  await updateSkillEvaluation(ledger, evaluation.id, {
    ...{ baselineSes: scores?.baseline.overall?.value ?? null, baselineCompletion: before.completion },
    ...{ baselineToolCalls: before.calls, baselineErrors: before.errors, baselineDurationMs: before.ms },
    ...{ treatmentSes: scores?.treatment.overall?.value ?? null, treatmentCompletion: after.completion },
    ...{ treatmentToolCalls: after.calls, treatmentErrors: after.errors, treatmentDurationMs: after.ms },
    components: scores ? JSON.stringify(scores) : null,
    delta: verdict.effect?.points ?? null,
    low: verdict.effect?.interval?.[0] ?? null,
    high: verdict.effect?.interval?.[1] ?? null,
    ...{ pairs: verdict.effect?.pairs ?? 0, tasks: verdict.effect?.tasks ?? 0 },
    ...{ decision: verdict.outcome, reason: verdict.reason },
    ...totals(trials),
    endedAt: now(),
  });
}

/** Tokens and dollars of runs; null as soon as one did not say. */
export function totals(trials: readonly TrialRow[]): { tokens: number | null; dollars: number | null } {
  const sum = (values: (number | null)[]) =>
    values.reduce<number | null>((a, b) => (a === null || b === null ? null : a + b), 0);
  return {
    tokens: sum(trials.map(({ trial }) => trial.tokens)),
    dollars: sum(trials.map(({ trial }) => trial.dollars)),
  };
}

export function recordsOf(trials: readonly TrialRow[]): TrialRecord[] {
  return trials.map(({ arm, task, family, replicate, seed, trial }) => ({
    ...{ arm, task, family, replicate, seed, trial },
  }));
}

/** Sealed goals that were opened for this version before: their verdict, derived again from its runs. */
async function endedSealed(
  ledger: Ledger,
  versionId: number,
  hash: string,
  suite: Suite,
  rule: AbRule,
): Promise<Verdict | null> {
  const rows = await evaluationRows(ledger, { kinds: ["sealed"], limit: 10_000 });
  const ended = rows.find(
    (row) => row.skillVersionId === versionId && row.suiteHash === hash && row.endedAt !== null,
  );
  if (!ended) return null;
  return replayTest(abTest(suiteTasks(suite.sealed), rule), await trialsOf(ledger, ended.id));
}

/** A discarded version is out of use; a person's own text stays what it was, with the finding beside it. */
function statusOf({ band: found }: Banding, origin: string): SkillStatus {
  if (found !== "discarded") return found;
  return origin === "person" ? "draft" : "archived";
}

function decisionText({ band: found, reason }: Banding): string {
  return `${found === "discarded" ? "discard" : `keep as ${found}`}: ${reason}`;
}

/** The text that says nothing, as a version that nobody is ever offered otherwise. */
async function placeboVersion({ ledger, now }: TestOptions, name: string, parent: number): Promise<number> {
  const placebo = placeboOf(await skillOf(ledger, name, parent));
  const { versionId } = await addVersion(
    ledger,
    name,
    { skill: placebo, by: "placebo", parent, status: "archived" },
    ...(now ? [now()] : []),
  );
  return versionId;
}
