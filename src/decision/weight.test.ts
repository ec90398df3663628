import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { notWorse, removalOrder, weigh } from "./weight.ts";

describe("the weight of a kept change", () => {
  it("is shown only by an interval that lies above zero", () => {
    expect(weigh([0.1, 0.4], 0)).toBe("carries weight");
    expect(weigh([-0.1, 0.4], 0)).toBe("not shown");
    expect(weigh([0, 0.4], 0)).toBe("not shown");
    expect(weigh([-0.4, -0.1], 0)).toBe("worse");
  });

  it("must be worth keeping where the evaluator is deterministic", () => {
    expect(weigh([2, 2], 2)).toBe("not shown");
    expect(weigh([2.1, 2.1], 2)).toBe("carries weight");
    expect(weigh([-2, -2], 2)).toBe("not shown");
    expect(weigh([-3, -3], 2)).toBe("worse");
  });

  it("never lets a change carry weight that its removal is no worse without", () => {
    const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(finite, finite, fc.double({ min: 0, max: 10, noNaN: true }), (one, other, minEffect) => {
        const low = Math.min(one, other);
        const high = Math.max(one, other);
        const without = [0 - high, 0 - low] as const;
        expect(weigh([low, high], minEffect) === "carries weight").toBe(!notWorse(without, minEffect));
      }),
    );
  });
});

describe("what is not shown to carry weight", () => {
  const part = (number: number, effect: number, worse = false, added = 1, removed = 1) => ({
    ...{ number, effect, worse, added, removed },
  });

  it("goes in this order: what does harm, then what contributes least", () => {
    expect(removalOrder([part(18, -0.11, true), part(25, 0.18), part(30, -0.2), part(31, 0.02)])).toEqual([
      18, 30, 31, 25,
    ]);
  });

  it("is told apart, where nothing shows a difference, by adding lines only, then by its age", () => {
    expect(
      removalOrder([part(1, 0, false, 3, 0), part(2, 0), part(4, 0, false, 1, 0), part(7, 0, false, 0, 2)]),
    ).toEqual([4, 1, 7, 2]);
  });
});
