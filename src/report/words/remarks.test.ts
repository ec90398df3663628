import { describe, expect, test } from "vitest";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import { reportHtml, statusText } from "../index.ts";

const pages = (over: Parameters<typeof sampleNotebook>[2]) => {
  const notebook = sampleNotebook(20, 1, over);
  return [statusText(notebook, { colour: false, width: 400 }), reportHtml(notebook)];
};

describe("beside the headline", () => {
  test("a keep that waits for a review is asked for", () => {
    for (const page of pages({ waiting: [3, 9] })) expect(page).toMatch(/2 keeps are in doubt .*#3, #9/);
  });

  test("an alarm is told", () => {
    for (const page of pages({ alarm: "the holdout shows 0" })) expect(page).toContain("the holdout shows 0");
  });

  test("rungs are told with their cost and how gains went over", () => {
    const ladder = [
      { stage: "small", runs: 30, ms: 60_000, transfer: { climbed: 8, better: 6, rank: 0.714 } },
      { stage: "full", runs: 10, ms: 180_000, transfer: null },
    ];
    for (const page of pages({ ladder })) {
      expect(page).toMatch(
        /stage small: 30 runs, 1.*25.*%.*of 8 candidates that climbed, 6 were better on full/,
      );
      expect(page).toContain("rank correlation 0.71");
    }
  });

  test("researchers are compared by gain for the same time", () => {
    const arm = { experiments: 10, keeps: 1, ms: 1_800_000, expectedGain: 0.01 };
    const arms = [
      { researcher: "search", ...arm },
      { researcher: "mine", ...arm, expectedGain: 0.03 },
    ];
    for (const page of pages({ arms })) expect(page).toMatch(/mine: 10 experiments, 1 keep.*\+0\.06/);
    for (const page of pages({ arms: arms.slice(0, 1) })) expect(page).not.toContain("an hour");
  });

  test("what a researcher cost is told, and what is not known is not zero", () => {
    const cost = {
      ...{ turns: 12, fruitless: 2, tokensIn: 12_345, tokensOut: 678, dollars: 1.5 },
      ...{ unknownTokens: 0, unknownDollars: 0, gainPerDollar: 0.02 },
    };
    const arm = { researcher: "claude", experiments: 10, keeps: 1, ms: 1_800_000, expectedGain: 0.03, cost };
    for (const page of pages({ arms: [arm] }))
      expect(page).toMatch(
        /12 turns \(2 came to nothing\), 12,345 tokens in, 678 out, \$1\.50, expected gain \+0\.02.* a dollar/,
      );
    const unknown = { ...cost, dollars: null, unknownDollars: 12, gainPerDollar: null };
    for (const page of pages({ arms: [{ ...arm, cost: unknown }] })) {
      expect(page).toMatch(/money not known, 12 turns not said in full/);
      expect(page).not.toMatch(/a dollar|\$0/);
    }
  });

  test("a pause is told", () => {
    for (const page of pages({ paused: true })) expect(page).toMatch(/no new experiment begins until/);
    for (const page of pages({})) expect(page).not.toMatch(/whet resume/);
  });

  test("earlier epochs keep their numbers", () => {
    const epochs = [
      { epoch: 2, tag: "nov21-e2", baseline: 2.1, audited: null },
      {
        epoch: 1,
        tag: "nov21",
        baseline: 2.3,
        audited: { effect: 0.2, interval: [0.1, 0.3] as [number, number] },
      },
    ];
    for (const page of pages({ epochs })) {
      expect(page).toMatch(/epoch 2, session nov21-e2: .*not audited/);
      expect(page).toMatch(/epoch 1, session nov21: .*audited gain \+0\.2/);
    }
  });
});
