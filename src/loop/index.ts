export { boxSandbox } from "./boxSandbox.ts";
export { chainWords, isWhole } from "./chainWords.ts";
export { type Check, type CheckOptions, checkLab } from "./check.ts";
export { type Diagnosis, examineLab } from "./doctor/doctor.ts";
export { type Finding, ill, well } from "./doctor/finding.ts";
export type { Listener, Phase, SessionEvent } from "./events.ts";
export { type FinalizeOptions, finalizeSession } from "./finalize.ts";
export { type FirstRun, firstRun } from "./firstRun.ts";
export { type LabFolder, readLab } from "./lab.ts";
export { limitsOf, reached } from "./limits.ts";
export type { Probe } from "./probe.ts";
export type { Entrant } from "./propose.ts";
export { type ReplayReport, replayLab } from "./replay.ts";
export { rescore } from "./rescore.ts";
export { type Doubted, doubted, review } from "./review.ts";
export { type RunOptions, type RunResult, runSession } from "./run.ts";
export { Interrupted, type Session, type SessionOptions } from "./session.ts";
export {
  type Outcome,
  openTrying,
  type Standing,
  type Tried,
  type Trying,
  type TryingOptions,
  type TryOptions,
} from "./trying.ts";
export { uncommittedWork } from "./uncommitted.ts";
export { isAtWork, pause, resume, steer } from "./words.ts";
