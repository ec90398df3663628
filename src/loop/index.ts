export { type Check, type CheckOptions, checkLab } from "./check.ts";
export { openTrying, type Trying, type TryingOptions, type TryOptions } from "./driving.ts";
export { type FirstRun, firstRun } from "./firstRun.ts";
export { rescore } from "./rescore.ts";
export { type RunOptions, type RunResult, runSession } from "./run.ts";
