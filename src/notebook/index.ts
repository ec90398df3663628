export { ledgerPath, whetstoneFolder } from "./folder.ts";
export { type NotebookPart, notebookOf, rowOf, withSession } from "./notebook.ts";
export { fallen } from "./standing.ts";
