import {
  baseline,
  type Decision,
  type Judged,
  judge,
  learn,
  type Noise,
  normals,
  type Rule,
} from "../../src/decision/index.ts";

const metric: Judged = { direction: "maximize", minEffect: 0 };

/** Judges `count` candidates that change nothing under noise of 1, then one of true effect `last`. */
export function noOps(
  rule: Rule,
  count: number,
  last: number,
  seed: number,
): { keeps: number; found: boolean } {
  const normal = normals(seed);
  const starting = baseline(rule, metric);
  let first = starting.next();
  while (!first.done) first = starting.next(normal());
  let noise: Noise = first.value;
  const decide = (effect: number): Decision => {
    const judging = judge(rule, metric, noise, { linesDelta: 0 });
    let step = judging.next();
    while (!step.done)
      step = judging.next({ ok: true, value: normal() + (step.value.arm === "candidate" ? effect : 0) });
    noise = learn(rule, noise, step.value.learned);
    return step.value.decision;
  };
  let keeps = 0;
  for (let i = 0; i < count; i++) if (decide(0).kind === "keep") keeps++;
  return { keeps, found: decide(last).kind === "keep" };
}

/** The same for the naive rule: does the last candidate's one run beat the luckiest run before it? */
export function naiveNoOps(count: number, last: number, seed: number): boolean {
  const normal = normals(seed);
  let record = normal();
  for (let i = 0; i < count; i++) record = Math.max(record, normal());
  return normal() + last > record;
}
