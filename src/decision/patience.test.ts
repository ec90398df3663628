import { describe, expect, it } from "vitest";
import type { Ask, Sample } from "./decision.ts";
import { type Lesson, learn } from "./learned.ts";
import { firstNoise } from "./noise.ts";
import { standsOut } from "./outlier.ts";
import { patient, repeating } from "./patience.ts";
import { normals } from "./power.ts";
import { rule } from "./rule.ts";

const noise = firstNoise([10, 11, 9, 10.5, 9.5]);
const ok: Sample = { ok: true, value: 1 };
const crash: Sample = { ok: false, kind: "crash", message: "address in use" };

/** Asks for so many runs of each arm and returns what came. */
function* asking(arms: readonly Ask["arm"][]) {
  const samples: Sample[] = [];
  for (const arm of arms) samples.push(yield { arm, seed: "fresh", purpose: "screen", round: 1 } as Ask);
  return { decision: null as never, learned: [] as Lesson[], samples };
}

/** What a judgement is sent for these answers, in order; the answers not used are left over. */
function answered(arms: readonly Ask["arm"][], answers: readonly Sample[], before = 0, retries = 3) {
  const own = rule("balanced", { retries });
  const known = { ...noise, failures: before };
  const judging = patient(own, known, asking(arms));
  const left = [...answers];
  let step = judging.next();
  while (!step.done) step = judging.next(left.shift() as Sample);
  const { failures } = learn(own, known, step.value.learned);
  return { samples: step.value.samples, failures, left: left.length };
}

describe("a crash of a candidate", () => {
  it("is repeated once: code that does not work crashes again", () => {
    expect(answered(["candidate"], [crash, crash])).toEqual({ samples: [crash], failures: 0, left: 0 });
    expect(answered(["candidate"], [crash, ok])).toEqual({ samples: [ok], failures: 1, left: 0 });
  });

  it("is repeated where runs of the incumbent have failed too, once each and not without end", () => {
    expect(answered(["candidate"], [crash, ok], 1)).toEqual({ samples: [ok], failures: 2, left: 0 });
    expect(answered(["candidate"], [crash, crash], 1).samples).toEqual([crash]);
    const four = ["candidate", "candidate", "candidate", "candidate"] as const;
    expect(answered(four, [crash, ok, crash, ok, crash, ok, crash], 1).samples).toEqual([ok, ok, ok, crash]);
    expect(answered(["incumbent", "candidate"], [crash, crash, ok]).samples).toEqual([crash, ok]);
  });

  it("counts in a session that began before crashes were repeated", () => {
    expect(answered(["candidate", "candidate"], [ok, crash], 5, 0).samples).toEqual([ok, crash]);
  });

  it("counts at once where it would come again: a limit, or a check that fails", () => {
    const timeout: Sample = { ok: false, kind: "timeout", message: "" };
    const memory: Sample = { ok: false, kind: "crash", message: "", limit: true };
    expect(answered(["candidate"], [timeout], 3).samples).toEqual([timeout]);
    expect(answered(["candidate"], [memory], 3).samples).toEqual([memory]);
  });
});

describe("a comparison of two states", () => {
  it("repeats what fails, so often in a row and so often together", () => {
    const run = (answers: Sample[], most: { inARow: number; together: number }) => {
      const asked = repeating(asking(["baseline", "candidate", "baseline"]), most);
      let step = asked.next();
      while (!step.done) step = asked.next(answers.shift() as Sample);
      return step.value.samples;
    };
    expect(run([ok, crash, crash, ok, ok], { inARow: 2, together: 8 })).toEqual([ok, ok, ok]);
    expect(run([ok, crash, crash, crash, ok], { inARow: 2, together: 8 })).toEqual([ok, crash, ok]);
    expect(run([crash, ok, crash, ok], { inARow: 2, together: 1 })).toEqual([ok, crash, ok]);
  });
});

describe("a run that stands out", () => {
  it("is found where noise does not explain it, whichever it is", () => {
    expect(standsOut([70, 10.1, 9.9, 10, 10.05], 0.01)).toBe(0);
    expect(standsOut([10.1, 9.9, 35, 10, 10.05], 0.01)).toBe(2);
    expect(standsOut([10, 11, 9, 10.5, 9.5], 0.01)).toBeNull();
    expect(standsOut([70, 10.1, 9.9, 10, 10.05], 0)).toBeNull();
  });

  it("is only the first one where the others are all equal: a single other value is what noise looks like", () => {
    expect(standsOut([70, 10, 10, 10, 10], 0.01)).toBe(0);
    expect(standsOut([10, 10, 10, 10, 9], 0.01)).toBeNull();
    expect(standsOut([10.001, 10, 10, 10, 10], 0.01)).toBeNull();
    expect(standsOut([5, 5, 5, 5, 5], 0.01)).toBeNull();
  });

  it("is found in an undisturbed baseline as rarely as was asked for", () => {
    const normal = normals(7);
    let found = 0;
    const trials = 20_000;
    for (let trial = 0; trial < trials; trial++)
      if (standsOut(Array.from({ length: 5 }, normal), 0.01) !== null) found++;
    expect(found / trials).toBeGreaterThan(0.004);
    expect(found / trials).toBeLessThan(0.016);
  });

  it("leaves the mean and the noise to the others, and is classic noise in sessions that began before", () => {
    const ys = [70, 10.1, 9.9, 10, 10.05];
    const robust = firstNoise(ys, { outlier: 0.01, winsor: 9 });
    expect(robust.ref).toEqual([10.1, 9.9, 10, 10.05]);
    expect(Math.sqrt(robust.one.v)).toBeLessThan(0.2);
    expect(robust.one.df).toBe(4);
    const classic = firstNoise(ys);
    expect(classic.ref).toEqual(ys);
    expect(Math.sqrt(classic.one.v)).toBeGreaterThan(25);
    expect(firstNoise([70, 10, 10, 10, 10], { outlier: 0.01, winsor: 9 })).toMatchObject({
      ...{ deterministic: true, record: 10, ref: [10, 10, 10, 10] },
    });
  });
});
