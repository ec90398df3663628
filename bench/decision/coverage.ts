import { audit, type Judged, normals } from "../../src/decision/index.ts";

const metric: Judged = { direction: "maximize", minEffect: 0 };

/** How the level of everything moves before each run: steps of `size` at random, or always the same way. */
export interface Drift {
  size: number;
  steady: boolean;
}

/** Share of audits, under noise of 1 and a true effect of 1, whose interval covers the truth. */
export function coverage(pairs: number, trials: number, drift: Drift, seed: number): number {
  const normal = normals(seed);
  let covered = 0;
  for (let trial = 0; trial < trials; trial++) {
    const auditing = audit(metric, pairs);
    let step = auditing.next();
    let wandered = 0;
    while (!step.done) {
      wandered += drift.size * (drift.steady ? 1 : normal());
      const value = wandered + normal() + (step.value.arm === "candidate" ? 1 : 0);
      step = auditing.next({ ok: true, value });
    }
    if ("failure" in step.value || !step.value.interval)
      throw new Error("an audit of healthy runs has no interval");
    const [low, high] = step.value.interval;
    if (low <= 1 && 1 <= high) covered++;
  }
  return covered / trials;
}
