export { type Check, type CheckOptions, checkLab } from "./check.ts";
export type { Listener, Phase, SessionEvent } from "./events.ts";
export { type LabFolder, readLab } from "./lab.ts";
export type { Probe } from "./probe.ts";
export { type ReplayReport, replayLab } from "./replay.ts";
export { rescore } from "./rescore.ts";
export { type Doubted, doubted, review } from "./review.ts";
export { type RunOptions, type RunResult, runSession } from "./run.ts";
export type { Session, SessionOptions } from "./session.ts";
