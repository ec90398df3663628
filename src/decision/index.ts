export { type Audit, audit, interval } from "./audit.ts";
export { betaQuantile } from "./beta.ts";
export {
  type Ask,
  type Decision,
  type DecisionKind,
  IncumbentFails,
  type Judged,
  type Sample,
} from "./decision.ts";
export { divergence, type KeptGain } from "./divergence.ts";
export { type Drift, drift, type TimedValue } from "./drift.ts";
export { baseline, type Candidate, type Coroutine, type Judgement, judge } from "./judge.ts";
export { climb, type Ladder, ladderBaseline, type Rung } from "./ladder.ts";
export { type Lesson, learn } from "./learned.ts";
export { type Noise, sigma } from "./noise.ts";
export { standsOut, without } from "./outlier.ts";
export { patient, repeating } from "./patience.ts";
export { detectable, normals, runsPerCandidate, simulate, uniforms } from "./power.ts";
export { expectedFalseKeeps, pReal } from "./real.ts";
export { laterParameters, type Preset, parameterNames, presets, type Rule, rule } from "./rule.ts";
export { sampleVariance } from "./spread.ts";
export { tQuantile, tUpper } from "./student.ts";
export { type Transfer, transfer } from "./transfer.ts";
export { notWorse, removalOrder, type Weight, weigh } from "./weight.ts";
