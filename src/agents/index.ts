export { acpAgent } from "./acp/acpAgent.ts";
export type { AcpChoice } from "./acp/choice.ts";
export type { Agent, Turn, TurnEnding, TurnResult } from "./agent.ts";
export { type BoxedAgent, openBox } from "./box.ts";
export { type Cassette, type CassetteOptions, openCassette } from "./cassette/cassette.ts";
export type { Launcher } from "./command/commandAgent.ts";
export { ask, type ModelTool, type ModelTurn, type Question, type ToolAnswer } from "./model/ask.ts";
export {
  configuredModels,
  type ModelChoice,
  type ProvidedModel,
  pricedAs,
  provideModel,
} from "./model/provider.ts";
export { type AgentChoice, openAgent, requireAgent } from "./openAgent.ts";
