import { describe, expect, it } from "vitest";
import { decide, tally } from "../../bench/forge/decide.ts";
import { wordingGain, wordingGate } from "../../bench/forge/wording.ts";
import { ordinary, skillWorld } from "../../bench/forge/world.ts";
import { abRule } from "../../src/forge/index.ts";

const rule = abRule();
const judged = (points: number, skills: number, tokens = 1) =>
  tally({ kind: "", points, tokens }, ordinary, rule, skills, 11);

/** The full measurement, with its tables: node bench/forge.ts. */
describe("500 simulated skills of known effect", () => {
  const useless = judged(0, 200);
  const small = judged(8, 50);
  const helpful = judged(20, 150, 1.2);
  const harmful = judged(-15, 100);

  it("keep few of the useless, most of the helpful and none of the harmful ones", () => {
    expect(useless.kept).toBeLessThan(0.05);
    expect(helpful.kept).toBeGreaterThan(0.74);
    expect(harmful.kept).toBe(0);
  });

  it("are kept the more often the more they help", () => {
    const kept = [harmful, useless, small, helpful].map((result) => result.kept);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
    expect(small.kept).toBeGreaterThan(useless.kept);
  });

  it("cost few runs where there is nothing to find, and never more than the limit", () => {
    expect(harmful.runs).toBeLessThan(45);
    expect(useless.runs).toBeLessThan(80);
    expect(helpful.mostRuns).toBeLessThanOrEqual(rule.maxRuns);
  });

  it("have intervals that cover the truth", () => {
    for (const result of [useless, helpful, harmful]) expect(result.covered).toBeGreaterThan(0.92);
  });

  it("are decided the same again", () => {
    const world = () => skillWorld({ kind: "", points: 20, tokens: 1 }, ordinary, 5);
    expect(decide(world(), rule)).toEqual(decide(world(), rule));
  });

  it("truly add what they are said to", () => {
    for (const points of [-15, 0, 20])
      expect(skillWorld({ kind: "", points, tokens: 1 }, ordinary, 9).truth).toBeCloseTo(points, 9);
  });
});

describe("the formula that reads the wording", () => {
  it("gives the two results that are known of the published one, and keeps them", () => {
    const none = { tools: 0, keywords: 0, patterns: 0, headings: false };
    const bland = wordingGain({ ...none, words: 25, confidence: 0.7 });
    const stuffed = wordingGain({
      words: 220,
      tools: 3,
      keywords: 5,
      patterns: 4,
      headings: false,
      confidence: 0.82,
    });
    expect([bland.toFixed(1), stuffed.toFixed(1)]).toEqual(["2.8", "18.0"]);
    expect(bland).toBeGreaterThan(wordingGate);
  });
});
