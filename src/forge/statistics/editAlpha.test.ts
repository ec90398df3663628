import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { uniforms } from "../../decision/index.ts";
import { abTest } from "./ab.ts";
import { abRule } from "./abRule.ts";
import { alphaOfEdit, mostEdits } from "./editAlpha.ts";
import { leastTasks, signFlips } from "./signFlips.ts";

/** Whether an edit that does nothing is kept: both arms score by the same chance. */
function keptByLuck(seed: number, alpha: number): boolean {
  const suite = Array.from({ length: 10 }, (_, index) => ({ task: `t${index}`, family: "f" }));
  const test = abTest(suite, abRule({ control: "before", alpha, maxRuns: 60, seed, minEffect: 0 }));
  const luck = uniforms(seed);
  let step = test.next();
  while (!step.done)
    step = test.next({
      ...{ score: luck() < 0.5 ? 100 : 0, toolCalls: 1, usefulCalls: 1, errors: 0, recovered: 0 },
      ...{ wallMs: 1, tokens: 1, dollars: 0, loaded: step.value.arm === "with" },
    });
  return step.value.kept;
}

describe("edits that the same goals judge one after another", () => {
  it("share one alpha, however many there are", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-4, max: 0.4, noNaN: true }),
        fc.integer({ min: 1, max: 500 }),
        (alpha, edits) => {
          let sum = 0;
          for (let edit = 1; edit <= edits; edit++) sum += alphaOfEdit(alpha, edit);
          expect(sum).toBeLessThan(alpha);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("that do nothing are kept at most so often over all rounds; at the full alpha each, far more often", () => {
    const sequences = 150;
    const edits = 10;
    const share = (alphaOf: (edit: number) => number) => {
      let kept = 0;
      for (let sequence = 0; sequence < sequences; sequence++)
        for (let edit = 1; edit <= edits; edit++)
          if (keptByLuck(sequence * 100 + edit, alphaOf(edit))) {
            kept++;
            break;
          }
      return kept / sequences;
    };
    expect(share((edit) => alphaOfEdit(0.04, edit))).toBeLessThanOrEqual(0.06);
    expect(share(() => 0.04)).toBeGreaterThan(0.1);
  });

  it("are at most as many as the goals can tell from chance: a gain on every goal is shown to the last of them", () => {
    expect([6, 8, 12, 15].map((goals) => mostEdits(0.04, goals))).toEqual([1, 2, 9, 28]);
    expect(mostEdits(0.04, 5)).toBe(0);
    for (const goals of [6, 9, 12, 14]) {
      const last = mostEdits(0.04, goals);
      for (const edit of [last, last + 1]) {
        const alpha = alphaOfEdit(0.04, edit);
        expect(leastTasks(alpha) <= goals).toBe(edit === last);
        expect(signFlips(goals, alpha)(Array(goals).fill(10), alpha).better).toBe(edit === last);
      }
    }
  });
});
