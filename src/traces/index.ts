export { discover, type Search, type Transcript, transcriptsAt } from "./discover.ts";
export { type ImportOptions, type ImportReport, importTraces } from "./importTraces.ts";
export { type ExportedTurn, otelLine } from "./otel.ts";
export { type Source, sources } from "./turn.ts";
