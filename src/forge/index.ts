export type { Asking } from "./analyze/askFor.ts";
export { type Counts, countTraces, type Worded } from "./analyze/index.ts";
export { type AfterGoal, afterGoal, day, type Forge, openForge } from "./evolve/afterGoal.ts";
export {
  analyze,
  type ForgeOutcome,
  forgeSkill,
  type Improved,
  improveSkill,
  leftOutWords,
} from "./evolve/evolve.ts";
export { type ForgeSettings, readSettings, settingsPath, writeSettings } from "./evolve/settings.ts";
export { liveRunner } from "./live/live.ts";
export { agentLoads, modelLoads } from "./live/loads.ts";
export { type TriggerResult, triggerQueries, triggerTest } from "./live/trigger.ts";
export { claimOf, over, pageOf, range, sureOf, testsWords, tookWords } from "./page.ts";
export { abTest, type More, type Outcome, type Verdict } from "./statistics/ab.ts";
export { type AbRule, abRule } from "./statistics/abRule.ts";
export { type Band, type Banding, band, type Evidence } from "./statistics/bands.ts";
export { type Calibration, calibrate, judgeNoise, type Visible } from "./statistics/calibrate.ts";
export type { Cost } from "./statistics/cost.ts";
export type { Estimate, Pair, TrialRecord } from "./statistics/effect.ts";
export type { SuiteTask } from "./statistics/schedule.ts";
export {
  type Component,
  type ComponentName,
  type Scored,
  type Ses,
  type SesOptions,
  ses,
} from "./statistics/ses.ts";
export {
  expired,
  type Setup,
  type TestedSkill,
  type TransferCell,
  transferMatrix,
} from "./statistics/transfer.ts";
export { type Asked, answersOf, type Excluded, type Leak, leak, testGoals } from "./suite/leak.ts";
export { openJudgesOf } from "./suite/openJudges.ts";
export { readSuite, type Suite, type SuiteGoal } from "./suite/suite.ts";
export { auditWords, type EditsAudit } from "./test/auditEdits.ts";
export { type Calibrated, calibrateSuite, calibrationWords } from "./test/calibrateSuite.ts";
export type { Ran, RunTrial } from "./test/drive.ts";
export { groundsWords } from "./test/grounds.ts";
export { type ForgeLimits, type Meter, openMeter, type Took, tookSince } from "./test/limits.ts";
export { type Expired, expireSkills, matrixOf } from "./test/matrix.ts";
export { type Replayed, replayEvaluation } from "./test/replay.ts";
export type { Arms, Runner, Who } from "./test/setup.ts";
export { type TestPaused, type TestReport, testSkill } from "./test/testSkill.ts";
