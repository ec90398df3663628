export {
  type Briefing,
  type Hypothesis,
  type PastExperiment,
  type Proposal,
  proposalKey,
  type Researcher,
} from "./researcher.ts";
export { findKnobs } from "./search/knobs.ts";
export { search } from "./search/search.ts";
