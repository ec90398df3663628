import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastTasks, signFlips } from "./signFlips.ts";

/** Points as judges give them: coarse, so that ties are common. */
const grade = fc.integer({ min: -4, max: 4 }).map((step) => 25 * step);

describe("a look by sign flips", () => {
  it("has p = 1 in 2^tasks when all tasks gain, and knows from how many tasks on that suffices", () => {
    for (const tasks of [4, 5, 12]) {
      const look = signFlips(tasks)(Array(tasks).fill(10), 0.04);
      expect(look.p.better).toBeCloseTo(2 ** -tasks, 12);
      expect(look.p.worse).toBe(1);
      expect(look.better).toBe(tasks >= leastTasks(0.04));
    }
    expect([leastTasks(0.05), leastTasks(0.04), leastTasks(1 / 32), leastTasks(0.025)]).toEqual([5, 5, 5, 6]);
  });

  it("counts the patterns that reach the observed sum: 3, 2, 1 and -1 give 5 or more in 3 of 16", () => {
    expect(signFlips(4)([3, 2, 1, -1], 0.2).p.better).toBeCloseTo(3 / 16, 12);
    expect(signFlips(4)([3, 2, 1, -1], 0.2).better).toBe(true);
    expect(signFlips(4)([3, 2, 1, -1], 0.18).better).toBe(false);
  });

  it("shows nothing when nothing differs", () => {
    const look = signFlips(8)(Array(8).fill(0), 0.3);
    expect(look).toMatchObject({ better: false, worse: false, p: { better: 1, worse: 1 } });
  });

  it("takes the differences' negatives for the opposite", () => {
    fc.assert(
      fc.property(fc.array(grade, { minLength: 5, maxLength: 9 }), (means) => {
        const one = signFlips(means.length)(means, 0.1);
        const other = signFlips(means.length)(
          means.map((value) => -value),
          0.1,
        );
        expect([other.worse, other.better]).toEqual([one.better, one.worse]);
        expect(other.p.worse).toBeCloseTo(one.p.better, 12);
      }),
    );
  });

  it("never finds more when every task gains less", () => {
    fc.assert(
      fc.property(
        fc.array(grade, { minLength: 5, maxLength: 9 }),
        fc.double({ min: 0, max: 50, noNaN: true }),
        (means, more) => {
          const least = signFlips(means.length)(means, 0.05);
          const most = signFlips(means.length)(
            means.map((value) => value + more),
            0.05,
          );
          expect(most.p.better).toBeLessThanOrEqual(least.p.better);
          expect(Number(most.better)).toBeGreaterThanOrEqual(Number(least.better));
        },
      ),
    );
  });

  it("rejects, over all looks together, no more of the equally probable data than alpha allows", () => {
    const tasks = 7;
    const looks = fc.array(fc.array(grade, { minLength: tasks, maxLength: tasks }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(looks, fc.double({ min: 0.02, max: 0.3, noNaN: true }), (paths, alpha) => {
        let better = 0;
        let worse = 0;
        for (let pattern = 0; pattern < 2 ** tasks; pattern++) {
          const look = signFlips(tasks);
          const seen = paths.map((means, index) =>
            look(
              means.map((value, task) => ((pattern >> task) & 1 ? -value : value)),
              alpha * ((index + 1) / paths.length) ** 2,
            ),
          );
          if (seen.some((one) => one.better)) better++;
          if (seen.some((one) => one.worse)) worse++;
        }
        expect(better / 2 ** tasks).toBeLessThanOrEqual(alpha + 1e-9);
        expect(worse).toBe(better);
      }),
      { numRuns: 30 },
    );
  });

  it("spends what was allowed where there are no ties", () => {
    const tasks = 8;
    const path = [
      [1, 2.1, 4.3, 8.7, 16.1, 33.3, 65.2, 129],
      [3.1, 9.7, 2.2, 27.9, 1.3, 81.7, 250, 5.9],
    ];
    let better = 0;
    for (let pattern = 0; pattern < 2 ** tasks; pattern++) {
      const look = signFlips(tasks);
      if (
        path.some(
          (means, index) =>
            look(
              means.map((value, task) => ((pattern >> task) & 1 ? -value : value)),
              [0.02, 0.05][index] as number,
            ).better,
        )
      )
        better++;
    }
    expect(better).toBe(Math.floor(0.05 * 2 ** tasks));
  });

  it("draws patterns for many tasks and comes near the normal approximation", () => {
    // 30 equal sizes, 20 up and 10 down: z = 10 / sqrt(30) with continuity correction 9 / sqrt(30) = 1.64.
    const means = Array.from({ length: 30 }, (_, index) => (index < 20 ? 1 : -1));
    const { p } = signFlips(30)(means, 0.04);
    expect(p.better).toBeGreaterThan(0.035);
    expect(p.better).toBeLessThan(0.065);
    expect(signFlips(30)(Array(30).fill(1), 0.04).better).toBe(true);
  });
});
