export { takeUpAsked } from "./inFlight.ts";
export type { Entrant } from "./propose.ts";
export { type Given, refuseHopeless, researchersOf } from "./researchers.ts";
export { type Turns, takeTurns } from "./turns.ts";
export { type Backoff, whilePaused } from "./waiting.ts";
export type { Copy } from "./workingCopy.ts";
export { asideFolder, exists, harvested, saveEdits, setAside, workspaceOf } from "./workspace.ts";
