export { ledgerPath, whetstoneFolder } from "./folder.ts";
export { machineOf } from "./machine.ts";
export { type NotebookPart, notebookOf, rowOf, withSession } from "./notebook.ts";
export { type Outlook, outlookOf } from "./outlook.ts";
export { isUnproven, outcomeOf, partsOf, standingKeeps } from "./parts.ts";
export { fallen } from "./standing.ts";
export { tracesOf } from "./traces.ts";
export { markWorkspace, outOfWorkspace, readTrying, type TryingNote, writeTrying } from "./workspace.ts";
