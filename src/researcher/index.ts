export { agentResearcher } from "./agent.ts";
export { modelResearcher } from "./model.ts";
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
