export {
  type Briefing,
  type Hypothesis,
  type PastExperiment,
  type Proposal,
  proposalKey,
  type Researcher,
} from "./researcher.ts";
export { search } from "./search/search.ts";
