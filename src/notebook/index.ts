export { ledgerPath, whetstoneFolder } from "./folder.ts";
export { machineOf } from "./machine.ts";
export { type NotebookPart, notebookOf, rowOf, withSession } from "./notebook.ts";
export { isUnproven, outcomeOf, partsOf, removals, standingKeeps } from "./parts.ts";
export { fallen } from "./standing.ts";
