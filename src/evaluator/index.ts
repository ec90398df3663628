export {
  type Artefacts,
  artefactCanaries,
  artefactDoes,
  looksAtArtefacts,
  readArtefacts,
} from "./artefacts.ts";
export { betterValue, type Canary, canaries, forged, remedy } from "./canaries.ts";
export { dataHash } from "./dataHash.ts";
export type * from "./evaluation.ts";
export { type Evaluator, type Files, openEvaluator, type Progress } from "./evaluator.ts";
export { copyTree, emptyTree, removeTree } from "./files.ts";
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
export { nearFile } from "./nearFile.ts";
export { changedPins, differingPins, type PinnedInputs, pinHash, pinnedInputs } from "./pins.ts";
export { type Place, preparePlace } from "./place.ts";
export { requireGpus } from "./turn.ts";
export { SessionSpent } from "./waysOut.ts";
