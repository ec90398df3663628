export { type Check, checkLab } from "./check.ts";
export type { Listener, Phase, SessionEvent } from "./events.ts";
export { isAlive } from "./holder.ts";
export { type LabFolder, ledgerPath, programName, readLab, whetstoneFolder } from "./lab.ts";
export { replayLab, type ReplayReport } from "./replay.ts";
export { type RunOptions, type RunResult, runSession } from "./run.ts";
export type { Session, SessionOptions } from "./session.ts";
export { type NotebookPart, notebookOf, rowOf, withSession } from "./notebook.ts";
