export { agentResearcher } from "./agent.ts";
export { type BriefingParts, briefingText, type Refused, type Repair } from "./briefing/briefing.ts";
export type { Entry, Memory } from "./briefing/memory.ts";
export { tokensOf } from "./briefing/tokens.ts";
export { applyEdits } from "./edits.ts";
export { type Foreseen, foresee, openResearcher, type Surroundings } from "./open.ts";
export { generator } from "./random.ts";
export {
  type Answer,
  type Briefing,
  type Hypothesis,
  type PastExperiment,
  type Proposal,
  proposalKey,
  type Researcher,
  type Task,
  type TurnRecord,
  type WorkingCopy,
} from "./researcher.ts";
export { search } from "./search/search.ts";
