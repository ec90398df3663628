export { abTest, type More, type Outcome, type Verdict } from "./ab.ts";
export { type AbRule, abRule } from "./abRule.ts";
export { type AfterGoal, afterGoal, day, type Forge, openForge } from "./afterGoal.ts";
export { type Counts, countTraces, type Worded } from "./analyze/index.ts";
export type { Asking } from "./askFor.ts";
export { auditWords, type EditsAudit } from "./auditEdits.ts";
export { type Band, type Banding, band, type Evidence } from "./bands.ts";
export { type Calibration, calibrate, judgeNoise, type Visible } from "./calibrate.ts";
export { type Calibrated, calibrateSuite, calibrationWords } from "./calibrateSuite.ts";
export type { Cost } from "./cost.ts";
export type { Ran, RunTrial } from "./drive.ts";
export type { Estimate, Pair, TrialRecord } from "./effect.ts";
export {
  analyze,
  type ForgeOutcome,
  forgeSkill,
  type Improved,
  improveSkill,
  leftOutWords,
} from "./evolve.ts";
export { groundsWords } from "./grounds.ts";
export { type Asked, answersOf, type Excluded, type Leak, leak, testGoals } from "./leak.ts";
export { type ForgeLimits, type Meter, openMeter, type Took, tookSince } from "./limits.ts";
export { liveRunner } from "./live.ts";
export { agentLoads, modelLoads } from "./loads.ts";
export { type Expired, expireSkills, matrixOf } from "./matrix.ts";
export { openJudgesOf } from "./openJudges.ts";
export { claimOf, over, pageOf, range, sureOf, testsWords, tookWords } from "./page.ts";
export { type Replayed, replayEvaluation } from "./replay.ts";
export type { SuiteTask } from "./schedule.ts";
export {
  type Component,
  type ComponentName,
  type Scored,
  type Ses,
  type SesOptions,
  ses,
} from "./ses.ts";
export { type ForgeSettings, readSettings, settingsPath, writeSettings } from "./settings.ts";

export { readSuite, type Suite, type SuiteGoal } from "./suite.ts";
export {
  type Arms,
  type Runner,
  type TestPaused,
  type TestReport,
  testSkill,
  type Who,
} from "./testSkill.ts";
export { expired, type Setup, type TestedSkill, type TransferCell, transferMatrix } from "./transfer.ts";
export type { Arm, Trial, TrialAsk } from "./trial.ts";
export { type TriggerResult, triggerQueries, triggerTest } from "./trigger.ts";
