import { createHash } from "node:crypto";
import { RunFailed, UserError } from "../../errors.ts";
import {
  goalTexts,
  type Ledger,
  type SkillRow,
  type SkillVersionRow,
  skillEvaluationRows,
  skillRows,
  skillVersionRows,
} from "../../ledger/index.ts";
import {
  addSkill,
  addVersion,
  catalogueOf,
  freeName,
  matchSkills,
  requireSkill,
  type Skill,
  settleVersion,
  skillOf,
  skillOfVersion,
  sourcesOf,
  substanceHash,
} from "../../skills/index.ts";
import type { Asking } from "../analyze/askFor.ts";
import {
  type CountOptions,
  type Counts,
  countTraces,
  type Dropped,
  evidenceOf,
  type Rejected,
  refineSkill,
  type Worded,
  wordFindings,
} from "../analyze/index.ts";
import { type AbRule, abRule } from "../statistics/abRule.ts";
import { alphaOfEdit, mostEdits } from "../statistics/editAlpha.ts";
import type { SuiteTask } from "../statistics/schedule.ts";
import { leastTasks } from "../statistics/signFlips.ts";
import { partOf, type Suite, type SuiteGoal, withoutTaught } from "../suite/suite.ts";
import { auditEdits, type EditsAudit } from "../test/auditEdits.ts";
import { type Took, tookSince } from "../test/limits.ts";
import type { Arms } from "../test/setup.ts";
import { type TestOptions, type TestPaused, type TestReport, testSkill } from "../test/testSkill.ts";

export interface AnalyzeOptions extends CountOptions {
  /** Takes secrets out of what a model is shown. */
  clean?: (text: string) => string;
}

/**
 * Counts, and lets a model word what was counted.
 *
 * @param before is asked before the model is: it may throw.
 */
export async function analyze(
  asking: Asking,
  options: AnalyzeOptions = {},
  before?: (counts: Counts) => Promise<void>,
): Promise<{ counts: Counts; worded: Worded | null; why: string }> {
  const counts = await countTraces(asking.ledger, options);
  const gate = recurrenceGate(counts, options.recurrence ?? 3);
  if (gate !== null) return { counts, worded: null, why: gate };
  await before?.(counts);
  const evidence = await evidenceOf(asking.ledger, counts, options.clean);
  const worded = await wordFindings(asking, evidence, counts.tools);
  return {
    ...{ counts, worded },
    why: worded.candidate === null ? "the findings carry no instruction that is worth a skill" : "",
  };
}

/** Why nothing is forged of this; null: enough recurs. */
export function recurrenceGate(counts: Counts, recurrence: number): string | null {
  if (counts.runs < recurrence)
    return `${counts.runs} runs are recorded${counts.leftOut > 0 ? `, beside ${leftOutWords(counts)}` : ""}, and a skill takes what recurs in at least ${recurrence}`;
  const found =
    counts.sequences.length + counts.recoveries.length + counts.contrasts.length + counts.missed.length;
  return found === 0 ? `nothing recurs in at least ${recurrence} runs` : null;
}

/** What is not counted, and why. */
export function leftOutWords({ leftOut }: Pick<Counts, "leftOut">): string {
  return `${leftOut} of goals that tests are made of, which must not teach`;
}

/** A draft that waits for its test. */
export interface Draft {
  versionId: number;
  skill: string;
  version: number;
  /** The version that it was made from by refining; null: it is new. */
  before: number | null;
}

/**
 * Takes a candidate into the library as a draft: as a new skill, or, where the library has one for the same purpose, as
 * an edited version of that, which waits for its test. Nobody's text is overwritten, and no text is drafted twice.
 *
 * @returns the draft, or why there is none.
 */
export async function draftCandidate(
  asking: Asking,
  counts: Counts,
  worded: Worded,
  clean?: (text: string) => string,
): Promise<Draft | string> {
  const { ledger } = asking;
  const { candidate } = worded;
  if (candidate === null) return "there is no candidate";
  const provenance = {
    sourceGoals: counts.goals,
    sourceFamilies: counts.families,
    claims: candidate.claims,
    traceAnalysisSummary: summary(counts, worded),
  };
  const similar = await similarSkill(ledger, candidate.skill);
  if (similar !== null) {
    const evidence = await evidenceOf(ledger, counts, clean);
    const refined = await refineSkill(asking, await skillOf(ledger, similar.name), evidence);
    if (refined.skill === null)
      return `${similar.name} is there for this already, and there is no edit of it: ${refined.why}`;
    const before = await currentVersion(ledger, similar);
    const added = await addVersion(ledger, similar.name, {
      ...{ skill: refined.skill, by: "forge", ...provenance, claims: refined.claims },
    });
    if (!added.fresh) return knownText(similar.name, added.version);
    return { ...added, skill: similar.name, before: before.id };
  }
  const same = await sameText(ledger, candidate.skill);
  if (same !== null) return same;
  const name = await freeName(ledger, candidate.skill.name);
  const added = await addSkill(ledger, {
    ...{ skill: { ...candidate.skill, name }, origin: "forge", ...provenance },
    ...(counts.families.length === 1 && counts.families[0] ? { category: counts.families[0] } : {}),
  });
  return { ...added, skill: name, before: null };
}

/** Where the library has a text already, under whatever name and status, in words; null: nowhere. */
async function sameText(ledger: Ledger, skill: Skill): Promise<string | null> {
  const wanted = substanceHash(skill);
  for (const row of await skillRows(ledger))
    for (const { id, version } of await skillVersionRows(ledger, row.id))
      if (substanceHash((await skillOfVersion(ledger, id)).skill) === wanted)
        return knownText(row.name, version);
  return null;
}

const knownText = (name: string, version: number) =>
  `the library has exactly this text already, as version ${version} of ${name} (\`whet skill show ${name}\` says what became of it)`;

/** A skill in use for so nearly the same purpose that another one would only compete with it. */
async function similarSkill(ledger: Ledger, skill: Skill): Promise<SkillRow | null> {
  const entries = await catalogueOf(ledger, ["validated", "gold", "unverified"]);
  const [best] = matchSkills(entries, {
    text: `${skill.name} ${skill.description}`,
    tools: skill.allowedTools,
  });
  return best !== undefined && best.score >= 0.7 ? requireSkill(ledger, best.entry.name) : null;
}

function summary(counts: Counts, { patterns, antipatterns, dropped }: Worded): string {
  return JSON.stringify({
    ...{ runs: counts.runs, succeeded: counts.succeeded, failed: counts.failed, calls: counts.calls },
    ...{ patterns, antipatterns, dropped: dropped.length },
  });
}

export interface ForgeOptions extends Omit<TestOptions, "ledger" | "versionId" | "before"> {
  asking: Asking;
  /** What to learn from. */
  from?: AnalyzeOptions;
  /** Learn from one occurrence too. */
  once?: boolean;
}

export type ForgeOutcome =
  | { kind: "nothing"; counts: Counts; worded: Worded | null; why: string }
  | { kind: "tested"; draft: Draft; report: TestReport; worded: Worded | null }
  | (TestPaused & { draft: Draft });

/**
 * The whole way from traces to a decision: a draft that still waits for its test comes first, then the traces are
 * analysed and what they give is drafted and tested.
 */
export async function forgeSkill(options: ForgeOptions): Promise<ForgeOutcome> {
  const { asking, from = {}, once = false, onStep } = options;
  const { ledger } = asking;
  const waiting = await waitingDraft(ledger);
  let draft = waiting;
  let worded: Worded | null = null;
  if (draft === null) {
    onStep?.("counting the traces");
    const analysis = await analyze(asking, { ...from, ...(once ? { recurrence: 1 } : {}) }, (counts) =>
      requireOthers(ledger, counts, options),
    );
    worded = analysis.worded;
    if (worded === null || analysis.why !== "")
      return { kind: "nothing", counts: analysis.counts, worded, why: analysis.why };
    const drafted = await draftCandidate(asking, analysis.counts, worded, from.clean);
    if (typeof drafted === "string")
      return { kind: "nothing", counts: analysis.counts, worded, why: drafted };
    draft = drafted;
  }
  onStep?.(`testing ${draft.skill}, version ${draft.version}${waiting ? ", which waited for it" : ""}`);
  const report = await testSkill({
    ...options,
    ...{ ledger, versionId: draft.versionId },
    ...(draft.before === null ? {} : { before: draft.before }),
  });
  return report.kind === "paused" ? { ...report, draft } : { kind: "tested", draft, report, worded };
}

/** What teaches never tests. @throws UserError when too few goals are left to test with. */
async function requireOthers(
  ledger: Ledger,
  { goals }: Counts,
  { suite, rule }: Pick<ForgeOptions, "suite" | "rule">,
): Promise<void> {
  const others = await withoutTaught(suite, await goalTexts(ledger, goals));
  const taught = suite.goals.length - others.goals.length;
  const least = leastTasks(abRule(rule).alpha);
  if (taught === 0 || others.goals.length >= least) return;
  throw new UserError(
    `${taught} of the ${suite.goals.length} goals of ${suite.name} were run before and would teach the skill, so they cannot test it: ${others.goals.length} are left, and it takes at least ${least}`,
    "give a suite of other goals than those that you run",
  );
}

/** The oldest version of the forge's own making that nobody has decided on. */
async function waitingDraft(ledger: Ledger, of?: { skill: string; before: number }): Promise<Draft | null> {
  for (const row of await skillRows(ledger)) {
    if (of === undefined ? row.status === "archived" : row.name !== of.skill) continue;
    const versions = await skillVersionRows(ledger, row.id);
    for (const version of versions) {
      if (version.decision !== null || version.status !== "draft" || !isForged(row, version)) continue;
      if (of !== undefined && version.parentVersionId !== of.before) continue;
      return {
        ...{ versionId: version.id, skill: row.name, version: version.version },
        before: version.parentVersionId,
      };
    }
  }
  return null;
}

/** Made by the forge: it says what it learned from. */
function isForged(row: SkillRow, version: SkillVersionRow): boolean {
  return version.traceAnalysisSummary !== null && (row.origin === "forge" || version.version > 1);
}

async function currentVersion(ledger: Ledger, row: SkillRow): Promise<SkillVersionRow> {
  const versions = await skillVersionRows(ledger, row.id);
  const version = versions.find((each) => each.version === row.currentVersion);
  if (!version) throw new UserError(`"${row.name}" has no version ${row.currentVersion}`);
  return version;
}

/** The version in use, or what was kept on top of it and only waits for a person to take it into use. */
async function bestVersion(ledger: Ledger, row: SkillRow): Promise<SkillVersionRow> {
  const versions = await skillVersionRows(ledger, row.id);
  let best = await currentVersion(ledger, row);
  for (const version of versions)
    if (version.parentVersionId === best.id && version.decision?.startsWith("keep")) best = version;
  return best;
}

export interface ImproveOptions extends Omit<TestOptions, "ledger" | "versionId" | "before"> {
  asking: Asking;
  /** Name of a skill in the library. */
  skill: string;
  /** Rounds without a keep after which it ends. Default 3. */
  patience?: number;
  /** Runs of each training goal per round. Default 1. */
  trainings?: number;
  clean?: (text: string) => string;
}

/** One round of an improvement. */
export interface Round {
  /** Null: there was no edit to test. */
  version: number | null;
  kept: boolean;
  reason: string;
  effect: string;
  /** What the model proposed and could not be used, and why. */
  dropped: Dropped[];
  /** What all of it took, questions to the model included. */
  took: Took;
}

export interface Improved {
  kind: "ended" | "paused";
  why: string;
  skill: string;
  /** Versions at the start and the best now. */
  from: number;
  to: number;
  rounds: Round[];
  reports: TestReport[];
  /** The goals that judge: how many edits of this skill they have judged so far, ever, and how many they can at most. */
  judges: { goals: number; edits: number; most: number };
  /** What all of it is worth, measured afresh; null: nothing was better, or it was stopped before. */
  audit: EditsAudit | null;
}

/** Share of a suite's goals that a skill is trained on; the others test it. */
const trainingShare = 0.4;

/**
 * Improves a skill over and over: it is run on the training goals, what recurs in these traces is turned into a few
 * edits, and the edited version must beat the best one so far on goals that it has never seen. Ends after several rounds
 * without a keep, or at a limit. Which goals train is decided by their hash, so that it is the same after a break; what a
 * round learned from is recorded with the version, and excluded from its tests in any case.
 *
 * The same goals judge every edit, so alpha is divided among all that they ever judge (editAlpha.ts); once an edit could
 * not be shown to be better any more, whatever it did, it ends. What each test says of its edit was selected for being
 * large; what the improvement is worth is therefore measured afresh at the end (auditEdits.ts).
 *
 * @throws UserError when the suite is too small to be divided, or to show anything.
 */
export async function improveSkill(options: ImproveOptions): Promise<Improved> {
  const { asking, suite, meter, stop, patience = 3, trainings = 1, onStep, clean } = options;
  const { ledger } = asking;
  const row = await requireSkill(ledger, options.skill);
  const start = await bestVersion(ledger, row);
  const { goals: sources } = await sourcesOf(ledger, start.id);
  const { training, testing } = await divide(suite, await goalTexts(ledger, sources));
  const { alpha, seed } = abRule(options.rule);
  const most = mostEdits(alpha, testing.goals.length);
  if (most === 0)
    throw new UserError(
      `${suite.name}: ${training.length} open goals train and ${testing.goals.length} test, and with so few not even an edit that helps on each of them could be told from chance (p is 1 in ${2 ** testing.goals.length} at least)`,
      `it takes ${leastTasks(alphaOfEdit(alpha, 1))} goals that test at alpha ${alpha}: give 10 open goals at least, better 20`,
    );
  onStep?.(
    `${training.length} goals train, ${testing.goals.length} judge: at alpha ${alpha} altogether they can judge ${most} edits at most`,
  );
  const result: Improved = {
    ...{ kind: "ended", why: "", skill: row.name, from: start.version, to: start.version },
    ...{ rounds: [], reports: [], audit: null },
    judges: { goals: testing.goals.length, edits: (await judgedBy(ledger, row, testing)).size, most },
  };
  let best = start;
  const rejected: Rejected[] = [];
  const paused = (why: string): Improved => ({ ...result, kind: "paused", why });
  const ended = async (why: string): Promise<Improved> => {
    const first = await firstVersion(ledger, row, best);
    if (first.id === best.id) return { ...result, why };
    onStep?.(`measuring version ${best.version} against version ${first.version} afresh`);
    const audit = await auditEdits({
      ...options,
      ...{ ledger, suite: testing, versionId: best.id, before: first.id, seed },
    });
    return audit.kind === "paused" ? paused(audit.why) : { ...result, why, audit };
  };
  for (let fruitless = 0; fruitless < patience; ) {
    const beyond = stop?.requested ? "it was stopped" : meter.beyond();
    if (beyond !== null) return paused(beyond);
    const before = { ...meter.spent };
    const dropped: Dropped[] = [];
    const round = (of: Pick<Round, "version" | "reason"> & Partial<Round>) =>
      result.rounds.push({ kept: false, effect: "", dropped, took: tookSince(meter, before), ...of });
    let draft = await waitingDraft(ledger, { skill: row.name, before: best.id });
    const judged = await judgedBy(ledger, row, testing);
    if (draft !== null) judged.delete(draft.versionId);
    if (judged.size >= most)
      return ended(
        `its ${testing.goals.length} goals have judged ${judged.size} edits, and no further one could be shown to be better: give more goals`,
      );
    if (draft === null) {
      onStep?.(`running version ${best.version} on ${training.length} training goals`);
      const goals = await train(
        options,
        { goals: training, hide: suite.paths },
        row.name,
        best.id,
        trainings,
      );
      if (typeof goals === "string") return paused(goals);
      const counts = await countTraces(ledger, { goals, recurrence: 2 });
      const evidence = await evidenceOf(ledger, counts, clean);
      const { skill } = await skillOfVersion(ledger, best.id);
      const refined =
        evidence.findings.size === 0
          ? { skill: null, why: "nothing recurs in the training runs", dropped: [] }
          : await refineSkill(asking, skill, evidence, rejected);
      dropped.push(...refined.dropped);
      if (refined.skill === null) {
        fruitless++;
        rejected.push(...dropped.map(({ text, why }) => ({ edits: text, reason: `not used: ${why}` })));
        round({ version: null, reason: refined.why });
        continue;
      }
      const added = await addVersion(ledger, row.name, {
        ...{ skill: refined.skill, by: "forge", parent: best.version, sourceGoals: goals },
        ...{ sourceFamilies: counts.families, claims: refined.claims, traceAnalysisSummary: refined.edits },
      });
      if (!added.fresh) {
        fruitless++;
        rejected.push({ edits: refined.edits, reason: "the library has exactly this text already" });
        round({ version: added.version, reason: "known already" });
        continue;
      }
      draft = { ...added, skill: row.name, before: best.id };
    }
    onStep?.(`testing version ${draft.version} against version ${best.version}`);
    const report = await testSkill({
      ...options,
      ...{ ledger, suite: testing, versionId: draft.versionId, before: best.id },
      rule: { ...options.rule, alpha: alphaOfEdit(alpha, judged.size + 1) },
    });
    result.judges.edits = judged.size + 1;
    if (report.kind === "paused") return paused(report.why);
    result.reports.push(report);
    const kept = report.verdict.kept && report.leak === null && report.meddling === null;
    const effect = report.verdict.effect;
    round({
      ...{ version: draft.version, kept },
      reason: report.leak?.reason ?? report.meddling?.reason ?? report.verdict.reason,
      effect: effect === null ? "" : `${effect.points >= 0 ? "+" : ""}${effect.points.toFixed(1)}`,
    });
    const { version } = await skillOfVersion(ledger, draft.versionId);
    if (kept) {
      // It beat the one before, even where neither scores well.
      if (report.banding.band === "discarded")
        await settleVersion(ledger, draft.versionId, {
          ...{ status: "draft", decision: `keep: ${report.verdict.reason}; ${report.banding.reason}` },
          score: report.treatment.overall?.value ?? null,
        });
      best = version;
      result.to = version.version;
      fruitless = 0;
    } else {
      fruitless++;
      rejected.push({ edits: version.traceAnalysisSummary ?? "", reason: report.verdict.reason });
      // A worse edit is out of use, whatever band its score would be in.
      await settleVersion(ledger, draft.versionId, {
        ...{ status: "archived", decision: `discard: ${report.verdict.reason}` },
        score: report.treatment.overall?.value ?? null,
      });
    }
  }
  return ended(`${patience} rounds in a row brought nothing`);
}

/** The versions of a skill that were tested against the one before on some of these goals: by any test, at any time. */
async function judgedBy(ledger: Ledger, row: SkillRow, { goals }: Suite): Promise<Set<number>> {
  const names = new Set(goals.map(({ name }) => name));
  const judged = new Set<number>();
  for (const { kind, setup, skillVersionId } of await skillEvaluationRows(ledger, row.id)) {
    if (kind !== "test" || skillVersionId === null) continue;
    const { rule, tasks } = JSON.parse(setup) as { rule: AbRule; tasks: SuiteTask[] };
    if (rule.control === "before" && tasks.some(({ task }) => names.has(task))) judged.add(skillVersionId);
  }
  return judged;
}

/** The version that an improvement began with, in this call or an earlier one that was stopped. */
async function firstVersion(ledger: Ledger, row: SkillRow, best: SkillVersionRow): Promise<SkillVersionRow> {
  const versions = await skillVersionRows(ledger, row.id);
  let first = best;
  for (;;) {
    const parent = versions.find(({ id }) => id === first.parentVersionId);
    if (!parent || !isForged(row, first) || !first.decision?.startsWith("keep")) return first;
    first = parent;
  }
}

/** Runs a version on goals, outside of any test. @returns ids of the goals as they were run, or why it had to stop. */
async function train(
  { runner, meter, stop }: Pick<ImproveOptions, "runner" | "meter" | "stop">,
  { goals, hide }: Pick<Arms, "goals" | "hide">,
  skill: string,
  versionId: number,
  times: number,
): Promise<number[] | string> {
  const run = runner.trials({ goals, hide, skill, versions: { with: versionId } });
  const ids: number[] = [];
  for (let replicate = 1; replicate <= times; replicate++)
    for (const { name } of goals) {
      const beyond = stop?.requested ? "it was stopped" : meter.beyond();
      if (beyond !== null) return beyond;
      const ran = await run({ arm: "with", task: name, replicate, seed: replicate }).catch(
        (error: unknown) => {
          if (error instanceof RunFailed) return error.message;
          throw error;
        },
      );
      if (typeof ran === "string") return ran;
      const { trial, goalId } = ran;
      meter.add({ runs: 1, tokens: trial.tokens, dollars: trial.dollars });
      if (goalId !== null) ids.push(goalId);
    }
  return ids;
}

async function divide(
  suite: Suite,
  sources: readonly { hash: string; title: string; text: string }[],
): Promise<{ training: SuiteGoal[]; testing: Suite }> {
  const order = [...suite.goals].sort((a, b) => (mixed(a.hash) < mixed(b.hash) ? -1 : 1));
  const count = Math.max(2, Math.round(order.length * trainingShare));
  const training = order.slice(0, count);
  if (order.length - count < 2)
    throw new UserError(
      `${suite.name} has ${order.length} open goals: too few to train on some and test on others`,
      "give at least 10, better 20",
    );
  const chosen = new Set(training);
  const rest = await partOf(suite, (goal) => !chosen.has(goal));
  // What taught the skill before, or tells a training goal once more, would be left out of each test: it is no judge from the beginning.
  const taught = training.map(({ hash, goal }) => ({ hash, title: goal.title, text: goal.text }));
  return { training, testing: await withoutTaught(rest, [...taught, ...sources]) };
}

const mixed = (hash: string) => createHash("sha256").update(`training ${hash}`).digest("hex");
