import { killedWaves } from "./goals/killed.ts";

/**
 * A goal of 200 tasks whose agents take 20 ms each: what the engine itself takes, and what a kill -9 costs.
 *
 * Run: node bench/goals.ts
 */
const rows: Record<string, string | number>[] = [];
const faults: string[] = [];
for (const [parallel, kills] of [
  [1, 0],
  [4, 0],
  [8, 0],
  [8, 10],
] as const) {
  const counts = await killedWaves(200, parallel, kills, 42);
  rows.push({
    ...{ tasks: counts.tasks, parallel, "at once": counts.most, kills: counts.kills },
    "run twice": counts.runTwice,
    "begun anew": counts.begunAnew,
    files: counts.files,
    "wall s": Number((counts.wallMs / 1000).toFixed(1)),
    "ms a task": Number((counts.wallMs / counts.tasks).toFixed(0)),
  });
  faults.push(...counts.faults);
}
console.table(rows);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
