export { abTest, type More, type Outcome, type Verdict } from "./ab.ts";
export { type AbRule, abRule } from "./abRule.ts";
export { type Band, type Banding, band, type Evidence } from "./bands.ts";
export { type Calibration, calibrate, judgeNoise, type Visible } from "./calibrate.ts";
export type { Cost } from "./cost.ts";
export { type Estimate, estimate, type Pair, pairsOf, type TrialRecord } from "./effect.ts";
export { type Asked, answersOf, type Excluded, type Leak, leak, testGoals } from "./leak.ts";
export type { SuiteTask } from "./schedule.ts";
export {
  type Component,
  type ComponentName,
  equalSpeed,
  type Scored,
  type Ses,
  type SesOptions,
  ses,
} from "./ses.ts";
export { leastTasks } from "./signFlips.ts";
export { expired, type Setup, type TestedSkill, type TransferCell, transferMatrix } from "./transfer.ts";
export type { Arm, Trial, TrialAsk } from "./trial.ts";
