export { alarm } from "./alarm.ts";
export { type Block, nextBlock } from "./block.ts";
export { apply, begin, type Course, type CourseEvent, judgeAgain, type Setting } from "./course.ts";
export { drive, fromNumbers } from "./drive.ts";
export { figuresOf } from "./figures.ts";
export { brokenGuard, holdoutDifferences, holdoutPairs, repeatsSelection } from "./guards.ts";
export { changedYardstick, type Judged, judging, measuredValue, rescorer } from "./judging.ts";
export { baselineRuns, decidingStage, idleStages } from "./ladder.ts";
export { type Limits, limitsOf, overdrawn, reached, type Spent } from "./limits.ts";
export { choose } from "./mix.ts";
export { moods, patience } from "./patience.ts";
export { peakOf } from "./peak.ts";
export { replayRuns } from "./replayRuns.ts";
export { soundRuns } from "./sound.ts";
export { fallen } from "./standing.ts";
export {
  applied,
  type Incumbent,
  past,
  remembered,
  type StandingGain,
} from "./state.ts";
export { valuedRuns } from "./valued.ts";
