import { describe, expect, it } from "vitest";
import { normals } from "../../decision/index.ts";
import type { TrialAsk } from "../../ledger/index.ts";
import { type AbRule, abRule, type Calibration, calibrate, judgeNoise } from "../index.ts";

const suite = Array.from({ length: 10 }, (_, index) => ({ task: `t${index + 1}`, family: "f" }));

function told(
  score: (ask: TrialAsk) => number | null,
  rule: Partial<AbRule> = {},
  replicates = 3,
): Calibration {
  const calibrating = calibrate(suite, abRule(rule), replicates, 100);
  let step = calibrating.next();
  while (!step.done) {
    expect(step.value.arm).toBe(rule.control ?? "without");
    step = calibrating.next({
      score: score(step.value),
      toolCalls: 1,
      usefulCalls: 1,
      errors: 0,
      recovered: 0,
      wallMs: 1,
      tokens: null,
      dollars: null,
      loaded: false,
    });
  }
  return step.value;
}

const level = (task: string) => 20 + 6 * Number(task.slice(1));

describe("an A/A run", () => {
  const normal = normals(11);
  const noise = told(({ task }) => level(task) + 5 * normal(), {}, 20);

  it("tells the noise of a run from the differences between tasks", () => {
    expect(noise.within).toBeGreaterThan(4.5);
    expect(noise.within).toBeLessThan(5.5);
    // The standard deviation of 26, 32, ... 80.
    expect(noise.between).toBeGreaterThan(16.5);
    expect(noise.between).toBeLessThan(20);
    expect((noise.pair as number) / (noise.within as number)).toBeCloseTo(Math.SQRT2, 0);
    expect(noise.score).toBeCloseTo(53, 0);
    expect(noise.pairs).toEqual({ begun: 200, missing: 0 });
  });

  it("sees smaller effects where runs are quieter, and finds nothing in nothing", () => {
    const loud = told(({ task }) => Math.min(100, Math.max(0, level(task) + 35 * normal())));
    expect(noise.falsePositives).toBeLessThan(0.1);
    expect(loud.falsePositives).toBeLessThan(0.1);
    expect(noise.smallest?.points).toBeLessThan(loud.smallest?.points as number);
    expect(noise.smallest?.points).toBeGreaterThan(3);
    expect(loud.smallest?.points).toBeLessThan(45);
    expect(noise.smallest?.runs).toBeLessThan(192);
  });

  it("knows a pair that shares its seed's luck to be quieter than two runs", () => {
    const lucky = told(({ seed }) => 30 + (seed % 40));
    expect(lucky.pair).toBe(0);
    expect(lucky.within).toBeGreaterThan(5);
  });

  it("names tasks that show nothing, and has nothing to find in a suite that is always solved", () => {
    const easy = told(() => 100);
    expect(easy).toMatchObject({ room: 0, smallest: null, within: 0, between: 0, falsePositives: 0 });
    expect(easy.always).toHaveLength(10);
    expect(told(({ task }) => (task === "t3" ? 0 : 60)).never).toEqual(["t3"]);
  });

  it("counts runs without a score as missing, and measures the rest", () => {
    const holes = told(({ task, replicate }) => (task === "t1" && replicate === 1 ? null : 50 + replicate));
    expect(holes.pairs).toEqual({ begun: 30, missing: 1 });
    expect(told(() => null)).toMatchObject({ score: null, within: null, smallest: null, falsePositives: 0 });
  });
});

describe("a judge's noise", () => {
  it("is the spread of scores of one outcome, whatever the outcomes' own scores", () => {
    expect(judgeNoise([[10, 20], [80, 90], [50]])).toBeCloseTo(Math.sqrt(50), 9);
    expect(judgeNoise([[10], [90]])).toBeNull();
  });
});
