export {
  markWorkspace,
  outOfWorkspace,
  readTrying,
  type TryingNote,
  withoutFile,
  writeTrying,
} from "./drivenNote.ts";
export { canariesFolder, ledgerPath, makeWhetstoneFolder, whetstoneFolder } from "./folder.ts";
export { isAlive, thisProcess, workingProcess } from "./holder.ts";
export { type LabFolder, labMissing, programHashAt, readLab, withPlace } from "./lab.ts";
export { uncommittedWork } from "./uncommitted.ts";
