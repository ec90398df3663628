export {
  type Artefacts,
  artefactCanaries,
  artefactDoes,
  looksAtArtefacts,
  readArtefacts,
} from "./artefacts.ts";
export { betterValue, type Canary, canaries, forged, remedy } from "./canaries.ts";
export type * from "./evaluation.ts";
export { channelOf, type Evaluator, type Files, isTimed, openEvaluator, type Progress } from "./evaluator.ts";
export { copyTree, removeTree } from "./files.ts";
export { type Grant, grantsOf } from "./grants.ts";
export {
  brokenGuard,
  holdoutDifferences,
  holdoutPairs,
  passesHoldout,
  repeatsSelection,
  type Samples,
} from "./guards.ts";
export {
  type GrantHint,
  grantHints,
  type HintFacts,
  type HostView,
  hintLines,
  hostView,
  type Opening,
} from "./hints/index.ts";
export { type Guess, guessSource } from "./metrics/index.ts";
export { changedPins, differingPins, type PinnedInputs, pinHash, pinnedInputs } from "./pins.ts";
export { hostPath, type Place, preparePlace } from "./place.ts";
export { type Probed, type Trust, trust } from "./trust.ts";
export { requireGpus } from "./turn.ts";
export { SessionSpent } from "./waysOut.ts";
