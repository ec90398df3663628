export { type Call, callCollector, type Waste, wasteOf } from "./calls.ts";
export { type CountOptions, type Counts, countTraces } from "./count.ts";
export { type Dropped, evidenceOf } from "./evidence.ts";
export { type Refinement, type Rejected, refineSkill } from "./refine.ts";
export { type Worded, wordFindings } from "./word.ts";
