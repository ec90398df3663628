export * from "./append.ts";
export { type Box, type BoxIsolation, type Drivers, driversOf } from "./boxes.ts";
export { type ChainReport, examineChain, noteHead } from "./chain.ts";
export * from "./events.ts";
export * from "./examine.ts";
export * from "./goalRecords.ts";
export * from "./heard.ts";
export * from "./ideas.ts";
export * from "./imports.ts";
export type { Ledger } from "./ledger.ts";
export * from "./memory.ts";
export * from "./modelCalls.ts";
export { openLedger } from "./open.ts";
export { countsRaces, storedProgram } from "./program.ts";
export * from "./queries.ts";
export * from "./skillLibrary.ts";
export * from "./traceRuns.ts";
export * from "./trial.ts";
export * from "./trials.ts";
export {
  addTurns,
  awaitsRepair,
  type NewTurn,
  rawOf,
  type Spending,
  spendingOf,
  type TurnRow,
  type TurnsCost,
  traceOf,
  turnCosts,
  turnStartedSince,
  turnsOf,
} from "./turns.ts";
export * from "./words.ts";
