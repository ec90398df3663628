export type { Agent, Turn, TurnEnding, TurnResult } from "./agent.ts";
export type { Launcher } from "./command/commandAgent.ts";
export { commandLauncher } from "./command/commandLauncher.ts";
export { type AgentChoice, openAgent } from "./openAgent.ts";
export { added, type TraceEvent, type Usage, unknownUsage, usageOf } from "./trace.ts";
