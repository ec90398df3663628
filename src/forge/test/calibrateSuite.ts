import { type Ledger, type TrialRow, updateSkillEvaluation } from "../../ledger/index.ts";
import type { AbRule } from "../statistics/abRule.ts";
import { type Calibration, calibrate } from "../statistics/calibrate.ts";
import type { Suite } from "../suite/suite.ts";
import { driveTest } from "./drive.ts";
import type { CalibrationSetup } from "./knownNoise.ts";
import type { Meter } from "./limits.ts";
import { type Runner, ruleFor, suiteTasks, totals } from "./setup.ts";
import type { TestPaused } from "./testSkill.ts";

export interface CalibrateOptions {
  ledger: Ledger;
  suite: Suite;
  runner: Runner;
  meter: Meter;
  rule?: Partial<AbRule>;
  /** Pairs of equal runs of each goal. Default 3. */
  replicates?: number;
  stop?: { readonly requested: boolean };
  onTrial?: (row: Omit<TrialRow, "id">, recorded: boolean) => void;
  now?: () => number;
}

export interface Calibrated {
  kind: "ended";
  evaluation: number;
  calibration: Calibration;
  trials: TrialRow[];
}

/**
 * Runs the goals of a suite against themselves (A/A), to learn the noise of suite and judge and the smallest effect that a
 * test with this rule can see: with the library, the copies and the prompts of the control of a test. It goes on where it was
 * stopped.
 */
export async function calibrateSuite(options: CalibrateOptions): Promise<Calibrated | TestPaused> {
  const { ledger, suite, runner, meter, replicates = 3, stop, onTrial, now = Date.now } = options;
  const rule = ruleFor(options, suite.goals.length);
  const tasks = suiteTasks(suite.goals);
  const driven = await driveTest(ledger, () => calibrate(tasks, rule, replicates), {
    key: {
      ...{ skillVersionId: null, kind: "calibration", suiteHash: suite.hash, agent: runner.who.agent },
      setup: JSON.stringify({
        ...{ rule, replicates, who: runner.who, library: runner.library ?? true, tasks },
        ...(runner.whole ? { whole: true } : {}),
      } satisfies CalibrationSetup),
    },
    ...{ suite: suite.name, model: runner.who.model, judge: runner.who.judge },
    families: new Map(tasks.map(({ task, family }) => [task, family])),
    run: runner.trials({ goals: suite.goals, hide: suite.paths, skill: "", versions: {} }),
    ...{ meter, now, ...(stop ? { stop } : {}), ...(onTrial ? { onTrial } : {}) },
  });
  const { evaluation, trials } = driven;
  if (driven.kind === "paused") return { kind: "paused", why: driven.why, evaluation: evaluation.id, trials };
  const calibration = driven.verdict;
  await updateSkillEvaluation(ledger, evaluation.id, {
    components: JSON.stringify(calibration),
    reason: calibrationWords(calibration),
    ...{ pairs: calibration.pairs.begun, tasks: suite.goals.length, baselineCompletion: calibration.score },
    ...totals(trials),
    endedAt: now(),
  });
  return { kind: "ended", evaluation: evaluation.id, calibration, trials };
}

/** One sentence for a person. */
export function calibrationWords({ within, score, smallest, room }: Calibration): string {
  const points = (value: number | null) => (value === null ? "unknown" : value.toFixed(1));
  const seen =
    smallest === null
      ? room !== null && room <= 0
        ? "every run has full marks, so no skill can help here"
        : "no effect that fits below full marks can be seen: more goals are needed"
      : `the smallest effect that can be seen is +${smallest.points.toFixed(1)} points, in about ${Math.round(smallest.runs)} runs`;
  return `mean score ${points(score)}, noise of one run ${points(within)} points; ${seen}`;
}
