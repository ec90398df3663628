export type { Listener, SessionEvent } from "./events.ts";
export { type Grant, grantsOf } from "./grants.ts";
export type { LiveView } from "./live.ts";
export { machineOf } from "./machine.ts";
export {
  type ArmCost,
  type AuditResult,
  type Counts,
  type Estimate,
  type Finalized,
  failed,
  type Grade,
  isUndecided,
  type Lean,
  type ModelSpent,
  type Notebook,
  type Part,
  type Parts,
  type ReportDrivers,
  type ReportGrant,
  type ReportIsolation,
  type ReportMachine,
  type ReportMetric,
  type ReviewBranch,
  type Row,
  type RowStatus,
  type RowUse,
  type Sealed,
  type SessionLine,
  type ShownTurn,
  type Undecided,
} from "./model.ts";
export { type NotebookPart, notebookOf, rowOf, tableOf, withSession } from "./notebook.ts";
export { type Outlook, outlookOf } from "./outlook.ts";
export { outcomeOf, partsOf, removals, standingKeeps } from "./parts.ts";
export { sessionLines, sessionMeant } from "./sessions.ts";
export { tracesOf } from "./traces.ts";
export type { Outcome, Standing, Tried } from "./tried.ts";
export { type Trust, trust } from "./trust.ts";
