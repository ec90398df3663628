/**
 * Whetstone as a library; the command line is a thin door over the same calls.
 *
 * @module
 */

export type { Contract, Problem, Program } from "./contract/index.ts";
export type { ReplayReport } from "./doctor/index.ts";
export { UserError } from "./errors.ts";
export { type AfterGoal, type Forge, openForge } from "./forge/index.ts";
export {
  type Goal,
  type GoalEvent,
  type GoalResult,
  openGoals,
  parseGoal,
  type RunGoalOptions,
  runGoal,
} from "./goals/index.ts";
export type { Check, RunResult, TryOptions } from "./loop/index.ts";
export type { Finalized, Notebook, Outcome, Row, SessionEvent, Standing, Tried } from "./notebook/index.ts";
export {
  type DriveLabOptions,
  type Driving,
  type FinalizeLabOptions,
  type Lab,
  type LabRunOptions,
  openLab,
} from "./openLab.ts";
export type {
  Answer,
  Briefing,
  Hypothesis,
  PastExperiment,
  Proposal,
  Researcher,
  Task,
} from "./researcher/index.ts";
export type { Entrant } from "./turns/index.ts";
