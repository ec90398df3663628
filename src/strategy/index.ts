export { alarm } from "./alarm.ts";
export { drive, fromNumbers, MissingRun, replayRuns } from "./drive.ts";
export { differenceOf, figuresOf } from "./figures.ts";
export { brokenGuard, holdoutDifferences, holdoutPairs, repeatsSelection } from "./guards.ts";
export { changedYardstick, type Judged, judging, measuredValue, rescorer, samplesOf } from "./judging.ts";
export { baselineRuns, decidingStage, idleStages } from "./ladder.ts";
export { type Limits, limitsOf, overdrawn, reached, type Spent } from "./limits.ts";
export { choose } from "./mix.ts";
export { moods, patience } from "./patience.ts";
export { peakOf } from "./peak.ts";
export { soundRuns } from "./sound.ts";
export { fallen } from "./standing.ts";
export {
  applied,
  type Incumbent,
  type LoopState,
  past,
  remember,
  remembered,
  type StandingGain,
  standingGain,
} from "./state.ts";
export { valuedRuns } from "./valued.ts";
