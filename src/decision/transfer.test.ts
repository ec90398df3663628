import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { transfer } from "./transfer.ts";

describe("transfer between rungs", () => {
  it("is 1 for the same order, -1 for the opposite, and says how many were better above too", () => {
    expect(
      transfer([
        [1, 10],
        [2, 20],
        [3, -1],
      ]),
    ).toMatchObject({ climbed: 3, better: 2 });
    expect(
      transfer([
        [1, 1],
        [2, 4],
        [3, 9],
      ])?.rank,
    ).toBe(1);
    expect(
      transfer([
        [1, 3],
        [2, 2],
        [3, 1],
      ])?.rank,
    ).toBe(-1);
    expect(
      transfer([
        [1, 1],
        [2, 2],
      ]),
    ).toBeNull();
  });

  it("depends on the order alone", () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 3,
      maxLength: 20,
    });
    fc.assert(
      fc.property(pairs, (given) => {
        const one = transfer(given)?.rank as number;
        const other = transfer(given.map(([low, high]) => [low ** 3, 2 * high + 7]))?.rank as number;
        expect(other).toBeCloseTo(one, 9);
        expect(Math.abs(one)).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
});
