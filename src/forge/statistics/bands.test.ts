import { describe, expect, it } from "vitest";
import type { Trial } from "../../ledger/index.ts";
import { abRule, abTest, band, type Leak, type Ses, type Verdict } from "../index.ts";
import { laxness } from "./abRule.ts";

const suite = ["a", "b", "c", "d", "e", "f"].map((task) => ({ task, family: "f" }));

/** A real verdict on a skill that adds so many points and takes so many tokens. */
function tested(gain: number, tokens = 1000): Verdict {
  const test = abTest(suite, abRule());
  let step = test.next();
  while (!step.done) {
    const treated = step.value.arm === "with";
    const trial: Trial = {
      score: 50 + (treated ? gain : 0),
      toolCalls: 1,
      usefulCalls: 1,
      errors: 0,
      recovered: 0,
      wallMs: 1000,
      tokens: treated ? tokens : 1000,
      dollars: null,
      loaded: treated,
    };
    step = test.next(trial);
  }
  return step.value;
}

const scored = (low: number): Ses => ({
  overall: { value: low + 4, interval: [low, low + 8], tasks: 6, n: 24 },
  components: [],
  missing: [],
});
const helpful = tested(30);
const copied: Leak = {
  goal: "a",
  quote: "the answer",
  share: 1,
  reason: "its text gives away what a expects",
};
const nothingElse = { spent: null, laxness: [] };
const banded = (low: number, sealed: Verdict | null = null, leak: Leak | null = null, verdict = helpful) =>
  band({ ses: scored(low), verdict, sealed, leak, ...nothingElse });

describe("a skill's band", () => {
  it("follows from the lower bound of its score, not from the score", () => {
    expect([49.9, 50, 69.9, 70, 89.9].map((low) => banded(low).band)).toEqual([
      "discarded",
      "draft",
      "draft",
      "validated",
      "validated",
    ]);
  });

  it("is gold only when sealed goals agree", () => {
    expect(banded(90, helpful).band).toBe("gold");
    expect(banded(89.9, helpful).band).toBe("validated");
    expect(banded(95)).toEqual({
      band: "validated",
      reason: "the score is at least 95 of 100; for gold it must be shown to be better on sealed goals",
    });
    expect(banded(95, tested(0)).band).toBe("validated");
    expect(banded(95, tested(0)).reason).toMatch(/but on sealed goals: given up/);
  });

  it("is none, whatever the score, for a skill that helps little, does harm or costs more than it brings", () => {
    expect(banded(99, helpful, null, tested(3)).band).toBe("discarded");
    expect(banded(99, helpful, null, tested(-20)).band).toBe("discarded");
    const dear = tested(30, 10_000);
    expect(dear.outcome).toBe("better");
    expect(banded(99, helpful, null, dear)).toEqual({ band: "discarded", reason: dear.veto });
  });

  it("is never above draft by a test that asked for less than the default one", () => {
    const lax = laxness(abRule({ alpha: 0.2, minEffect: 1 }), 1);
    expect(lax).toEqual([
      "alpha 0.2 instead of 0.04",
      "minEffect 1 instead of 5",
      "each goal at most 1 times under each arm",
    ]);
    expect(laxness(abRule({ alpha: 0.01 }), 2)).toEqual([]);
    const evidence = { ses: scored(95), verdict: helpful, sealed: helpful, leak: null, spent: null };
    expect(band({ ...evidence, laxness: lax })).toMatchObject({
      band: "draft",
      reason: expect.stringContaining("settles nothing: alpha 0.2 instead of 0.04"),
    });
  });

  it("says why sealed goals are closed to it", () => {
    const evidence = { ses: scored(95), verdict: helpful, sealed: null, leak: null, laxness: [] };
    expect(band({ ...evidence, spent: "they were opened" })).toMatchObject({
      band: "validated",
      reason: expect.stringContaining("they were opened"),
    });
  });

  it("remains draft where the text gives answers away, or the score has no lower bound", () => {
    expect(banded(99, helpful, copied)).toEqual({ band: "draft", reason: copied.reason });
    expect(banded(10, helpful, copied).band).toBe("discarded");
    const single: Ses = {
      overall: { value: 100, interval: null, tasks: 1, n: 3 },
      components: [],
      missing: [],
    };
    expect(band({ ses: single, verdict: helpful, sealed: helpful, leak: null, ...nothingElse }).band).toBe(
      "draft",
    );
  });
});
