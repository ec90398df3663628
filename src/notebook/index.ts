export { canariesFolder, ledgerPath, makeWhetstoneFolder, whetstoneFolder } from "./folder.ts";
export { isAlive, thisProcess } from "./holder.ts";
export { machineOf } from "./machine.ts";
export { type NotebookPart, notebookOf, rowOf, tableOf, withSession } from "./notebook.ts";
export { type Outlook, outlookOf } from "./outlook.ts";
export { outcomeOf, partsOf, removals, standingKeeps } from "./parts.ts";
export { peakOf } from "./peak.ts";
export { sessionLines } from "./sessions.ts";
export { soundRuns } from "./sound.ts";
export { fallen } from "./standing.ts";
export { tracesOf } from "./traces.ts";
export { valuedRuns } from "./valued.ts";
export {
  markWorkspace,
  outOfWorkspace,
  readTrying,
  type TryingNote,
  withoutFile,
  writeTrying,
} from "./workspace.ts";
