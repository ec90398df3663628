export type { Agent, Turn, TurnEnding, TurnResult } from "./agent.ts";
export { added, type TraceEvent, type Usage, unknownUsage, usageOf } from "./trace.ts";
