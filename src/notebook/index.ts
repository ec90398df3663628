export { canariesFolder, ledgerPath, makeWhetstoneFolder, whetstoneFolder } from "./folder.ts";
export { isAlive, thisProcess } from "./holder.ts";
export { machineOf } from "./machine.ts";
export { type NotebookPart, notebookOf, rowOf, withSession } from "./notebook.ts";
export { outcomeOf, partsOf, removals, standingKeeps } from "./parts.ts";
export { sessionLines } from "./sessions.ts";
export { fallen } from "./standing.ts";
export { valuedRuns } from "./valued.ts";
