import { RunFailed, UserError } from "../../errors.ts";
import { kinshipWarnings, needsJudge } from "../../goals/index.ts";
import {
  type Arm,
  type EvaluationKind,
  goalTexts,
  type Ledger,
  openSealed,
  type SkillEvaluationRow,
  sealedOpenings,
  type TrialRow,
  trialsOf,
  updateSkillEvaluation,
} from "../../ledger/index.ts";
import {
  addVersion,
  isProven,
  type SkillStatus,
  settleVersion,
  skillOf,
  skillOfVersion,
  sourcesOf,
  textsForAgents,
} from "../../skills/index.ts";
import { abTest, type Verdict } from "../statistics/ab.ts";
import { type AbRule, laxness, replicatesOf } from "../statistics/abRule.ts";
import { type Banding, band } from "../statistics/bands.ts";
import type { TrialRecord } from "../statistics/effect.ts";
import { type Meddling, meddling } from "../statistics/meddling.ts";
import { type Ses, ses } from "../statistics/ses.ts";
import { leastTasks } from "../statistics/signFlips.ts";
import { type Leak, leakIn, unseenLeaks } from "../suite/leak.ts";
import { placeboOf } from "../suite/placebo.ts";
import { type Suite, type SuiteGoal, withoutTaught } from "../suite/suite.ts";
import { driveTest, replayTest } from "./drive.ts";
import { type Grounds, groundsOf } from "./grounds.ts";
import { calibrationOf, type KnownNoise } from "./knownNoise.ts";
import type { Meter, Took } from "./limits.ts";
import { onRecord, taskHashes, testsOf } from "./onRecord.ts";
import {
  type Arms,
  type OnRecord,
  type Question,
  type Runner,
  ruleFor,
  suiteTasks,
  type TestSetup,
  totals,
  type Who,
} from "./setup.ts";

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
  /** Told what is worth knowing before runs are paid for. */
  onStep?: (words: string) => void;
  onTrial?: (row: Omit<TrialRow, "id">, recorded: boolean, kind: EvaluationKind) => void;
  now?: () => number;
}

export interface TestReport {
  kind: "ended";
  skill: string;
  version: number;
  versionId: number;
  evaluation: number;
  /** When its last run ended, milliseconds. */
  endedAt: number;
  who: Who;
  /** The rest of the library was in both arms. */
  library: boolean;
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
  /** Runs with it changed what judges them; null: no more than those without. */
  meddling: Meddling | null;
  grounds: Grounds;
  /** Null: not opened. `openings`: for how many versions these goals were opened so far. */
  sealed: { verdict: Verdict; openings: number } | null;
  /** Openings of the suite's sealed goals so far. */
  openings: number;
  /** The same was asked before: this is that test's verdict, derived from its runs, and none was made; null: it is new. */
  repeated: { endedAt: number } | null;
  /** The newest calibration of these goals with this agent; null: how noisy they are is not known. */
  calibration: KnownNoise | null;
  /** Tests of this text on goals in common with these, whoever ran them, and their alphas together. */
  tests: { number: number; alpha: number };
  banding: Banding;
  /** What the library made of it; null: its status was not to change. */
  status: SkillStatus | null;
  /** Agents are offered it; `why`: or why not. */
  inUse: boolean;
  why: string;
  /** What its runs took, those on sealed goals too. */
  took: Took;
  trials: TrialRow[];
}

export interface TestPaused {
  kind: "paused";
  why: string;
  evaluation: number;
  trials: TrialRow[];
}

/**
 * Tests one version of a skill from beginning to end: goals that taught it or its ancestors are left out, its text is checked for answers,
 * both arms run interleaved until the rule decides, what happened is scored, and the band follows. Killed at any moment,
 * it goes on where it was, by the rule that it began with, when it is called again with the same.
 *
 * One text, the same goals and the same setup have one verdict (onRecord.ts): asked again, it is derived from the runs on
 * record, and none is made. Sealed goals are opened only when gold depends on nothing else, once for each text, and
 * counted; opened with another setup before, they are closed to this one.
 *
 * @throws UserError when no goal is left to test with.
 */
export async function testSkill(options: TestOptions): Promise<TestReport | TestPaused> {
  const { ledger, versionId, runner, before, onStep, now = Date.now } = options;
  const { row, version, skill } = await skillOfVersion(ledger, versionId);
  const sources = await sourcesOf(ledger, versionId);
  const taught = await goalTexts(ledger, sources.goals);
  const suite = await withoutTaught(options.suite, taught);
  if (suite.goals.length === 0)
    throw new UserError(
      `no goal of ${suite.name} can test "${skill.name}": ${suite.excluded.length > 0 ? "all of them taught it" : "all are sealed"}`,
      "give goals that it did not come from",
    );
  const { alpha } = ruleFor(options, suite.goals.length);
  if (suite.goals.length < leastTasks(alpha))
    throw new UserError(
      `${suite.goals.length} goals can never show anything at alpha ${alpha}, however they come out: it takes at least ${leastTasks(alpha)}`,
      "add goals to the suite; with 12 or more even smaller help is seen",
    );
  const texts = textsForAgents(skill);
  const expected = [...suite.goals, ...suite.sealed].map(({ name, goal, answers }) => ({
    ...{ name, prompt: goal.text, answers },
  }));
  const found = leakIn(texts, expected);
  const judging = judgesOf(runner.who, [...suite.goals, ...suite.sealed]);
  const versions: Arms["versions"] = {
    with: versionId,
    ...(before === undefined ? {} : { before }),
    ...(options.rule?.placebo ? { placebo: await placeboVersion(options, skill.name, version.version) } : {}),
  };
  const asked = (kind: EvaluationKind, goals: readonly SuiteGoal[], suiteHash: string): Question => ({
    ...{ kind, suiteHash, versions, who: runner.who, library: runner.library ?? true },
    ...(runner.whole ? { whole: true } : {}),
    ...{ rule: ruleFor(options, goals.length), tasks: suiteTasks(goals) },
  });

  const question = asked(options.kind ?? "test", suite.goals, suite.hash);
  const known = await onRecord(ledger, question);
  const sealing =
    suite.sealed.length > 0 && options.sealed !== false
      ? asked("sealed", suite.sealed, suite.sealedHash)
      : null;
  const opened = sealing === null ? null : await onRecord(ledger, sealing);
  const spent = opened === null ? null : spentWith(opened);
  if (known.ended) onStep?.(`tested before: evaluation #${known.ended.row.id} is on record`);
  else if (spent !== null) onStep?.(`${spent}: at most validated this time`);

  const open = await ask(options, suite, suite.goals, question, known);
  if (open.kind === "paused") return { ...open, evaluation: open.evaluation.id };
  const { verdict, evaluation, trials, rule } = open;
  const records = recordsOf(trials);
  const scoreOf = (of: Arm) =>
    ses(records, {
      ...{ arm: of, control: rule.control },
      sourceFamilies: sources.families.length === 0 ? null : sources.families,
    });
  const [treatment, baseline] = [scoreOf("with"), scoreOf(rule.control)];

  const meddled = meddling(records, rule.control);
  const evidence = {
    ...{ ses: treatment, verdict, leak: found, meddling: meddled, spent },
    laxness: laxness(rule, replicatesOf(rule, suite.goals.length)),
  };
  let sealed: TestReport["sealed"] = null;
  const made = [...trials];
  let banding = band({ ...evidence, sealed });
  if (sealing !== null && opened !== null && spent === null && goldHangsOnSealed(banding, treatment)) {
    const { openings } = await openSealed(ledger, suite.sealedHash, versionId, now());
    const result = await ask(options, suite, suite.sealed, sealing, opened);
    if (result.kind === "paused") return { ...result, evaluation: result.evaluation.id };
    sealed = { verdict: result.verdict, openings };
    made.push(...result.trials);
    if (!result.repeated)
      await finish(options, result.evaluation, result.verdict, result.trials, rule.control);
    banding = band({ ...evidence, sealed: sealed.verdict });
  }
  if (!open.repeated)
    await finish(options, evaluation, verdict, trials, rule.control, { treatment, baseline });

  // That something is on record does not bring back what expired since.
  const expired = open.repeated && version.status === "unverified";
  // That nothing is shown this time takes back nothing that was shown before.
  const stays = isProven(version.status) && banding.band === "discarded" && verdict.outcome !== "worse";
  const settle = (options.settle ?? true) && !expired && !stays;
  const status = statusOf(banding, row.origin);
  const settled = settle
    ? await settleVersion(ledger, versionId, {
        ...{ status, decision: decisionText(banding), score: treatment.overall?.value ?? null },
        agreed: options.agreed ?? false,
      })
    : {
        inUse:
          row.currentVersion === version.version && isProven(version.status) && row.status !== "archived",
        why: stays
          ? `it stays ${version.status}: this test shows neither that it helps nor that it harms`
          : "its status was not to change",
      };
  const tests = await testsOf(ledger, versionId, suite.goals);
  return {
    ...{ kind: "ended", skill: skill.name, version: version.version, versionId, evaluation: evaluation.id },
    endedAt: open.repeated ? (evaluation.endedAt ?? now()) : now(),
    ...{ who: runner.who, library: runner.library ?? true },
    suite: {
      ...{ name: suite.name, goals: suite.goals.length, sealed: suite.sealed.length },
      ...{ excluded: suite.excluded, skipped: suite.skipped },
    },
    judges: judging.judges,
    warnings: [...judging.warnings, ...unseenLeaks(texts, expected)],
    took: tookOf(made),
    ...{
      rule,
      verdict,
      treatment,
      baseline,
      leak: found,
      meddling: meddled,
      sealed,
      banding,
      trials,
      grounds: groundsOf(trials),
    },
    openings: await sealedOpenings(ledger, suite.sealedHash),
    calibration: await calibrationOf(ledger, [suite.hash, options.suite.hash], runner),
    repeated: open.repeated ? { endedAt: evaluation.endedAt as number } : null,
    tests: { number: tests.length, alpha: tests.reduce((sum, { setup }) => sum + setup.rule.alpha, 0) },
    status: settle ? status : null,
    ...settled,
  };
}

/** Why sealed goals cannot tell anything new of a text; null: they can. */
function spentWith({ ended, open, otherwise }: OnRecord): string | null {
  if (ended !== null || open !== null || otherwise === null) return null;
  const { who, rule } = otherwise.setup;
  return `the sealed goals were opened for this text before, with ${who.agent}${rule.control === "before" ? " against an earlier version" : ""} and another setup than now`;
}

/** Whether gold depends on nothing but the sealed goals. */
const goldHangsOnSealed = ({ band: found }: Banding, { overall }: Ses) =>
  found === "validated" && (overall?.interval?.[0] ?? 0) >= 90;

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

/** One A/B test: what is on record of it, gone on with, or begun. */
async function ask(
  options: TestOptions,
  suite: Suite,
  goals: readonly SuiteGoal[],
  question: Question,
  { ended, open }: OnRecord,
) {
  const { ledger, versionId, runner, meter, stop, onTrial, now } = options;
  const { kind, suiteHash, ...asked } = question;
  if (ended !== null) {
    const { row, setup } = ended;
    const trials = await trialsOf(ledger, row.id);
    const verdict = derived(setup, trials);
    if (verdict !== null)
      return { kind: "ended" as const, repeated: true, verdict, evaluation: row, trials, rule: setup.rule };
    options.onStep?.(`evaluation #${row.id} was made by another version of whetstone: it is made anew`);
  }
  const setup: TestSetup = open?.setup ?? { ...asked, goals: taskHashes(goals) };
  const { rule, tasks, versions } = setup;
  const { skill } = await skillOfVersion(ledger, versionId);
  const driven = await driveTest(ledger, () => abTest(tasks, rule), {
    key: {
      ...{ skillVersionId: versionId, kind, suiteHash, agent: runner.who.agent },
      setup: open?.row.setup ?? JSON.stringify(setup),
    },
    ...{ suite: suite.name, model: runner.who.model, judge: runner.who.judge },
    families: new Map(tasks.map(({ task, family }) => [task, family])),
    run: runner.trials({ goals, hide: suite.paths, skill: skill.name, versions }),
    ...{ meter, ...(stop ? { stop } : {}), ...(now ? { now } : {}) },
    ...(onTrial ? { onTrial: (row, recorded) => onTrial(row, recorded, kind) } : {}),
  });
  return { ...driven, repeated: false, rule };
}

/** The verdict of recorded runs; null: this version of whetstone would have asked for others. */
function derived({ tasks, rule }: TestSetup, trials: readonly TrialRow[]): Verdict | null {
  try {
    return replayTest(abTest(tasks, rule), trials);
  } catch (error) {
    if (error instanceof RunFailed) return null;
    throw error;
  }
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

function tookOf(trials: readonly TrialRow[]): Took {
  const ms = trials.reduce((sum, { trial }) => sum + trial.wallMs, 0);
  return { runs: trials.length, ms, ...totals(trials) };
}

export function recordsOf(trials: readonly TrialRow[]): TrialRecord[] {
  return trials.map(({ arm, task, family, replicate, seed, trial }) => ({
    ...{ arm, task, family, replicate, seed, trial },
  }));
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
