import { describe, expect, it } from "vitest";
import { lookedAt } from "./probe.ts";

describe("one run of a canary", () => {
  // Standard deviation 0.79.
  const baseline = [10, 11, 9, 10.5, 9.5];

  it("speaks for a gain that the race would certainly keep, and against a clear loss only", () => {
    expect(lookedAt(2.5, baseline)).toBe("better");
    expect(lookedAt(2.3, baseline)).toBe("equal");
    expect(lookedAt(0, baseline)).toBe("equal");
    expect(lookedAt(-2.5, baseline)).toBe("equal");
    expect(lookedAt(-6.3, baseline)).toBe("worse");
  });

  it("without noise is no better and no worse only when it is the same", () => {
    expect(lookedAt(0, [5, 5, 5])).toBe("equal");
    expect(lookedAt(1e-12, [5, 5, 5])).toBe("better");
    expect(lookedAt(-1e-12, [5, 5, 5])).toBe("worse");
  });

  it("rarely is taken for a win three times in a row when it is worth the same, and nearly always when it is not", () => {
    let state = 1;
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state + 1) / 4294967297;
    };
    const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const share = (worth: number) => {
      let wins = 0;
      for (let lab = 0; lab < 4000; lab++) {
        const values = Array.from({ length: 5 }, normal);
        const centre = values.reduce((sum, value) => sum + value) / 5;
        if ([1, 2, 3].every(() => lookedAt(worth + normal() - centre, values) === "better")) wins++;
      }
      return wins / 4000;
    };
    expect(share(0)).toBeLessThan(0.003);
    expect(share(6)).toBeGreaterThan(0.9);
  });
});
