/**
 * How a score came about. `scored`: by whetstone, or by a command that rests on nothing of the work's own.
 * `self-reported`: by a command that rests on files which the work made or changed. `judged`: by a model.
 */
export type CriterionChannel = "scored" | "self-reported" | "judged";

/**
 * One run of one goal under one arm of an A/B test. `without`: the library as it is; `with`: the same and the skill;
 * `placebo`: a text of equal length that says nothing; `before`: the version that is to be refined.
 */
export type Arm = "without" | "with" | "placebo" | "before";

/** What a run is asked for. Runs of one task, seed and replicate make a pair. */
export interface TrialAsk {
  arm: Arm;
  /** The goal's name in its suite. */
  task: string;
  replicate: number;
  seed: number;
}

/** What came of it. Null is not known or not met, never zero or a hundred. */
export interface Trial {
  /** 0 to 100: weighted criteria met. Null: it could not be scored (no judge answer, agent not started). */
  score: number | null;
  toolCalls: number;
  /** Calls that were not repeated, not unused and did not fail. */
  usefulCalls: number;
  /** Tool errors, and those after which the task still came right. */
  errors: number;
  recovered: number;
  wallMs: number;
  tokens: number | null;
  dollars: number | null;
  /** Files of the project that its goal's checks judge by and that the run changed; absent: none. */
  rewrote?: readonly string[];
  /** Level at which its commands and checks ran: `L2`; absent: it was simulated, or recorded before this was. */
  isolation?: string;
  /** How many of its criteria were measured how. */
  channels?: Partial<Record<CriterionChannel, number>>;
  /** The treatment loaded the skill (or had it in its prompt); the control must be false. */
  loaded: boolean;
}
