import {
  evaluationOf,
  openSealed,
  sealedOpenings,
  type Trial,
  type TrialAsk,
  trialsOf,
  updateSkillEvaluation,
} from "../../ledger/index.ts";
import { skillOfVersion } from "../../skills/index.ts";
import { type Estimate, estimate, pairsOf, type TrialRecord } from "../statistics/effect.ts";
import { type SuiteTask, schedule } from "../statistics/schedule.ts";
import { driveTest, replayTest } from "./drive.ts";
import { suiteTasks, totals } from "./setup.ts";
import type { TestOptions, TestPaused } from "./testSkill.ts";

/** What an improvement is worth, measured afresh when it was over. */
export interface EditsAudit {
  kind: "ended";
  evaluation: number;
  /** Versions that were compared. */
  from: number;
  to: number;
  /** The final version minus the first; null: no pair was scored. */
  effect: Estimate | null;
  runs: number;
  goals: number;
  /** On sealed goals, which chose none of the edits; else with fresh runs of the goals that did. */
  sealed: boolean;
  /** For how many versions the sealed goals were opened so far. */
  openings: number;
}

/** Pairs of an audit at least, and of each goal. */
const leastPairs = 24;
const leastReplicates = 2;

/** Interleaved runs of both versions, as many as were fixed before the first: nothing ends it early, up or down. */
export function* auditTest(
  suite: readonly SuiteTask[],
  replicates: number,
  seed: number,
): Generator<TrialAsk, Estimate | null, Trial> {
  const records: TrialRecord[] = [];
  for (const round of schedule(suite, ["before", "with"], replicates, seed))
    for (const { family, ...ask } of round) records.push({ ...ask, family, trial: yield ask });
  return estimate(pairsOf(records, "before"));
}

/**
 * Measures the final version of an improvement against the first, on runs that decided nothing: on the sealed goals where
 * there are at least two, else on the goals that judged the edits. It is made once for two versions, and goes on where it
 * was stopped.
 *
 * @param options.suite the goals that judged the edits, with the suite's sealed ones.
 * @param options.before id of the first version.
 */
export async function auditEdits(
  options: Pick<
    TestOptions,
    "ledger" | "suite" | "runner" | "meter" | "sealed" | "stop" | "onTrial" | "now"
  > & {
    versionId: number;
    before: number;
    seed: number;
  },
): Promise<EditsAudit | TestPaused> {
  const { ledger, versionId, before, suite, runner, meter, stop, onTrial, now = Date.now } = options;
  const { skill, version } = await skillOfVersion(ledger, versionId);
  const first = (await skillOfVersion(ledger, before)).version;
  const onSealed = options.sealed !== false && suite.sealed.length >= 2;
  const goals = onSealed ? suite.sealed : suite.goals;
  const suiteHash = onSealed ? suite.sealedHash : suite.hash;
  const tasks = suiteTasks(goals);
  const replicates = Math.max(leastReplicates, Math.ceil(leastPairs / goals.length));
  const versions = { before, with: versionId };
  // Other seeds than those of the tests that chose the edits.
  const seed = (options.seed + 1) % 2 ** 31;
  const key = {
    ...{ skillVersionId: versionId, kind: "audit" as const, suiteHash, agent: runner.who.agent },
    setup: JSON.stringify({ replicates, seed, versions, who: runner.who, tasks }),
  };
  const openings = onSealed
    ? (await openSealed(ledger, suiteHash, versionId, now())).openings
    : await sealedOpenings(ledger, suite.sealedHash);
  const done = await evaluationOf(ledger, key, { ended: true });
  const report = (evaluation: number, effect: Estimate | null, runs: number): EditsAudit => ({
    ...{ kind: "ended", evaluation, effect, runs, from: first.version, to: version.version },
    ...{ goals: goals.length, sealed: onSealed, openings },
  });
  if (done) {
    const trials = await trialsOf(ledger, done.id);
    return report(done.id, replayTest(auditTest(tasks, replicates, seed), trials), trials.length);
  }
  const driven = await driveTest(ledger, () => auditTest(tasks, replicates, seed), {
    key,
    ...{ suite: suite.name, model: runner.who.model, judge: runner.who.judge },
    families: new Map(tasks.map(({ task, family }) => [task, family])),
    run: runner.trials({ goals, hide: suite.paths, skill: skill.name, versions }),
    ...{ meter, now, ...(stop ? { stop } : {}) },
    ...(onTrial ? { onTrial: (row, recorded) => onTrial(row, recorded, "audit") } : {}),
  });
  const { evaluation, trials } = driven;
  if (driven.kind === "paused") return { kind: "paused", why: driven.why, evaluation: evaluation.id, trials };
  const effect = driven.verdict;
  await updateSkillEvaluation(ledger, evaluation.id, {
    ...{ delta: effect?.points ?? null, low: effect?.interval?.[0] ?? null },
    ...{ high: effect?.interval?.[1] ?? null, pairs: effect?.pairs ?? 0, tasks: effect?.tasks ?? 0 },
    ...{ reason: auditWords(effect), ...totals(trials), endedAt: now() },
  });
  return report(evaluation.id, effect, trials.length);
}

/** Its finding in a few words. */
export function auditWords(effect: Estimate | null): string {
  if (effect === null) return "no pair of runs was scored";
  const { points, interval } = effect;
  const of = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
  return `${of(points)} points${interval === null ? "" : ` (95 % ${of(interval[0])} to ${of(interval[1])})`}`;
}
