import { mean } from "../base/index.ts";
import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import type { Files } from "../evaluator/index.ts";
import type { ChangeRow, DecisionRow, EvaluationRow, ExperimentRow, RunRow } from "../ledger/index.ts";
import type { PastExperiment } from "../researcher/index.ts";
import { differenceOf, figuresOf } from "./figures.ts";
import { changedYardstick, judging, measuredValue, samplesOf } from "./judging.ts";
import { decidingStage } from "./ladder.ts";
import { MissingRun, replayRuns } from "./replayRuns.ts";
import { applied, type Incumbent, past, remember, type StandingGain, standingGain } from "./state.ts";

/** What a session never changes while it runs. */
export interface Setting {
  rule: decision.Rule;
  contract: Contract;
}

/**
 * Where a session stands. All of it follows from the record: `apply` folds one recorded event after another, while the
 * session runs as well as when it goes on or is replayed.
 */
export interface Course {
  noise: decision.Noise;
  incumbent: Incumbent;
  /** The newest experiments, oldest first: what a researcher is reminded of. */
  history: readonly PastExperiment[];
  /** Experiments with a decision. */
  decided: number;
  /** What the keeps that stand gained, oldest first. */
  gains: readonly StandingGain[];
  /** Milliseconds of evaluation by researcher. */
  spent: Readonly<Record<string, number>>;
  /** Verdicts of a person that are reckoned with. */
  reviewed: number;
  /** Where the session stood before each keep that a person may still reject, oldest first. */
  doubtful: readonly Doubtful[];
}

interface Doubtful {
  /** The experiment that was kept. */
  number: number;
  before: Pick<Course, "incumbent" | "noise" | "gains">;
}

/** One event of the record that changes where the session stands. */
export type CourseEvent =
  | {
      type: "decided";
      /** With its decision. */
      experiment: ExperimentRow;
      /** Its runs, those on the holdout included. */
      runs: readonly RunRow[];
      /** What the runs taught; empty where nothing was learned. */
      learned: readonly decision.Lesson[];
      /** Needed for a keep; null: the experiment is not remembered in the history. */
      change: Pick<ChangeRow, "after" | "before"> | null;
      /** The keep's commit on the session branch; empty for everything else. */
      commit: string;
    }
  /** A person took a doubted keep back. Whatever was built on it goes with it. */
  | { type: "rejected"; number: number; commit: string };

/** Where a session stands once its untouched code has been measured. */
export function begin(of: {
  contract: Contract;
  base: { state: string; files: Files; commit: string };
  /** Runs of the untouched code on the rung that decides. */
  baseline: readonly EvaluationRow[];
  noise: decision.Noise;
  /** Verdicts of a person in the whole record. */
  reviewed: number;
}): Course {
  const { base, baseline } = of;
  const incumbent: Incumbent = {
    number: 0,
    ...base,
    value: mean(baseline.map((run) => run.value as number)),
    samples: samplesOf(baseline, "baseline", decidingStage(of.contract)),
  };
  const { noise, reviewed } = of;
  return { noise, incumbent, history: [], decided: 0, gains: [], spent: {}, reviewed, doubtful: [] };
}

/** Where the session stands after one more event. Pure: neither argument is changed. */
export function apply(setting: Setting, course: Course, event: CourseEvent): Course {
  return event.type === "decided" ? decided(setting, course, event) : rejected(course, event);
}

function decided(
  { rule, contract }: Setting,
  course: Course,
  event: Extract<CourseEvent, { type: "decided" }>,
): Course {
  const { experiment, runs, learned, change } = event;
  const made = experiment.decision as DecisionRow;
  const { noise, incumbent, gains, spent, history } = course;
  const isKeep = made.kind === "keep";
  const before = { incumbent, noise, gains };
  return {
    noise: decision.learn(rule, noise, learned),
    incumbent: isKeep ? kept(contract, incumbent, event) : incumbent,
    history: change === null ? history : remember(history, past(experiment, change)),
    decided: course.decided + 1,
    gains: isKeep ? [...gains, standingGain(contract, experiment.number, made, runs)] : gains,
    spent: { ...spent, [experiment.researcher]: (spent[experiment.researcher] ?? 0) + made.wallMs },
    reviewed: course.reviewed,
    doubtful:
      made.doubt === null ? course.doubtful : [...course.doubtful, { number: experiment.number, before }],
  };
}

function kept(
  contract: Contract,
  incumbent: Incumbent,
  { experiment, runs, change, commit }: Extract<CourseEvent, { type: "decided" }>,
): Incumbent {
  if (change === null) throw new TypeError(`the change of keep ${experiment.number} is missing`);
  return {
    number: experiment.number,
    state: experiment.state,
    files: applied(incumbent.files, change.after),
    commit,
    value: experiment.decision?.value as number,
    samples: samplesOf(runs, "candidate", decidingStage(contract)),
  };
}

function rejected(course: Course, { number, commit }: Extract<CourseEvent, { type: "rejected" }>): Course {
  const doubted = course.doubtful.find((each) => each.number === number);
  // It went with an earlier one that was rejected.
  if (doubted === undefined) return course;
  const { incumbent, gains, noise } = doubted.before;
  // What was learned of the noise stays; the record to beat is the old one again, and is soon run anew.
  const { ref, record, rungs } = noise;
  return {
    ...course,
    incumbent: { ...incumbent, commit },
    gains,
    noise: { ...course.noise, ref, record, rungs, sinceIncumbent: Number.MAX_SAFE_INTEGER },
    doubtful: course.doubtful.filter((each) => each.number < number),
  };
}

/** What the recorded runs of a decided experiment lead to. */
export interface JudgedAgain {
  learned: readonly decision.Lesson[];
  /** Kind and figures that the runs do not give, of both sides; null: every one is the same, bit by bit. */
  difference: { recorded: string; replayed: string } | null;
}

/**
 * Judges a recorded experiment again, from its runs alone.
 *
 * @param counted see `differenceOf`.
 */
export function judgeAgain(
  { rule, contract }: Setting,
  course: Course,
  experiment: ExperimentRow,
  runs: readonly RunRow[],
  counted: boolean,
): JudgedAgain {
  const { noise, incumbent, gains } = course;
  const recorded = experiment.decision as DecisionRow;
  // A forbidden change was refused before any run; and where what judges changed, nothing was learned.
  if (runs.length === 0 || recorded.reason === changedYardstick || endedByHoldout(recorded, runs))
    return { learned: [], difference: null };
  const asked = judging({
    rule,
    contract,
    noise,
    row: experiment,
    evaluations: () => runs,
    incumbent: incumbent.samples,
    gains,
    looked: true,
  });
  try {
    const judged = replayRuns(
      asked,
      runs.filter((run) => run.purpose !== "holdout"),
    );
    const after = decision.learn(rule, noise, judged.learned);
    const value = measuredValue(runs, decidingStage(contract));
    const figures = figuresOf({ ...judged, before: noise, after, value });
    return { learned: judged.learned, difference: differenceOf(recorded, figures, counted) };
  } catch (error) {
    // Recorded as a discard that blames nobody; the noise is as it was.
    if (error instanceof decision.IncumbentFails) return { learned: [], difference: null };
    if (!(error instanceof MissingRun)) throw error;
    return { learned: [], difference: { recorded: recorded.kind, replayed: error.message } };
  }
}

/** Whether nothing was decided because the incumbent itself failed on the holdout; the noise is as it was then. */
function endedByHoldout(recorded: Pick<DecisionRow, "effect">, runs: readonly RunRow[]): boolean {
  return (
    recorded.effect === null &&
    runs.some((run) => run.purpose === "holdout" && run.arm === "incumbent" && run.value === null)
  );
}
