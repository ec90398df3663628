import { describe, expect, it } from "vitest";
import {
  type Ask,
  baseline,
  climb,
  type Judged,
  type Ladder,
  ladderBaseline,
  learn,
  type Noise,
  rule,
  type Sample,
} from "./index.ts";

const balanced = rule("balanced");
const up: Judged = { direction: "maximize", minEffect: 0 };
const two: Ladder = { below: ["small"] };

function start(ladder: Ladder, values: readonly number[]): Noise {
  const run = ladderBaseline(balanced, up, ladder, baseline);
  let step = run.next();
  for (const value of values) step = run.next(value);
  if (!step.done) throw new Error("the baseline asks for more runs");
  return step.value;
}

/** Answers each rung and arm from its own list. */
function tell(noise: Noise, ladder: Ladder, answers: Record<string, (number | "crash")[]>) {
  const asks: string[] = [];
  const climbing = climb(balanced, up, noise, { linesDelta: 0 }, ladder);
  let step = climbing.next();
  while (!step.done) {
    const ask: Ask = step.value;
    const name = `${ask.stage ?? "full"} ${ask.arm[0]}`;
    asks.push(`${name} ${ask.purpose} ${ask.round}`);
    const next = answers[name]?.shift();
    if (next === undefined) throw new Error(`no answer for ${name} ${ask.purpose}`);
    const sample: Sample =
      next === "crash" ? { ok: false, kind: "crash", message: "boom" } : { ok: true, value: next };
    step = climbing.next(sample);
  }
  return { ...step.value, noise: learn(balanced, noise, step.value.learned), asks };
}

const full = [10, 11, 9, 10.5, 9.5];
const small = [100, 101, 99, 100.5, 99.5];

describe("a ladder", () => {
  it("measures the untouched code on the rung that decides first, then on those below", () => {
    const noise = start(two, [...full, ...small]);
    expect(noise.ref).toEqual(full);
    expect(noise.rungs[0]?.ref).toEqual(small);
  });

  it("drops on a low rung what looks bad there, at the cost of that rung alone", () => {
    const { decision, rungs, asks } = tell(start(two, [...full, ...small]), two, { "small c": [99] });
    expect(decision.kind).toBe("discard");
    expect(decision.reason).toMatch(/dropped on the rung small: after 1 run/);
    expect(rungs).toMatchObject([{ stage: "small", effect: -1, climbed: false }]);
    expect(asks).toEqual(["small c screen 1"]);
  });

  it("lets climb what looks good, decides on the last rung, and measures a keep anew on the rungs below", () => {
    const { decision, rungs, asks, noise } = tell(start(two, [...full, ...small]), two, {
      "small c": [104, 104, 103, 103.5, 102.5, 103, 103],
      "full c": [14, 14, 14],
      "full i": [10],
    });
    expect(decision).toMatchObject({ kind: "keep", provisional: false });
    expect(rungs).toMatchObject([{ stage: "small", effect: 4, climbed: true }]);
    expect(asks).toEqual([
      "small c screen 1",
      "small c screen 2",
      "full c screen 1",
      "full c screen 2",
      "full i race 1",
      "full c race 1",
      ...[1, 2, 3, 4, 5].map((round) => `small c control ${round}`),
    ]);
    // The lucky screen runs are not what the next candidate has to beat.
    expect(noise.rungs[0]?.ref).toEqual([103, 103.5, 102.5, 103, 103]);
    expect(noise.ref).toEqual([14]);
  });

  it("keeps nothing that fails on a rung below afterwards", () => {
    const before = start(two, [...full, ...small]);
    const { decision, noise } = tell(before, two, {
      "small c": [104, 104, "crash"],
      "full c": [14, 14, 14],
      "full i": [10],
    });
    expect(decision.kind).toBe("discard");
    expect(decision.reason).toMatch(/it fails on the rung small: boom/);
    expect(noise.ref).toEqual(before.ref);
  });

  it("may decide on a named rung: the keep is provisional and the full rung is never run", () => {
    const cheap: Ladder = { below: [], decides: "small" };
    const { decision, asks } = tell(start(cheap, small), cheap, {
      "small c": [104, 104, 104],
      "small i": [100],
    });
    expect(decision).toMatchObject({ kind: "keep", provisional: true });
    expect(asks.every((ask) => ask.startsWith("small "))).toBe(true);
  });

  it("without noise climbs only what is better", () => {
    const noise = start(two, [10, 10, 10, 10, 10, 5, 5, 5, 5, 5]);
    const equal = tell(noise, two, { "small c": [5] });
    expect(equal.decision.reason).toMatch(/dropped on the rung small: no better there/);
    const kept = tell(noise, two, { "small c": [6, 6], "full c": [11, 11] });
    expect(kept.decision.kind).toBe("keep");
    expect(kept.noise.rungs[0]?.record).toBe(6);
  });
});
