import { describe, expect, it } from "vitest";
import { divergence } from "./divergence.ts";
import { normals } from "./power.ts";

/** Sessions of ten keeps with a true gain of 1 each, of which a share shows on the holdout. */
function alarms(share: number, sigma: number): number {
  const normal = normals(7);
  let count = 0;
  for (let session = 0; session < 400; session++) {
    const keeps = Array.from({ length: 10 }, () => ({
      expected: 1 + 0.3 * normal(),
      holdout: [1, 2, 3].map(() => share + sigma * Math.SQRT2 * normal()),
    }));
    if (keeps.some((_, end) => divergence(keeps.slice(0, end + 1)) !== null)) count++;
  }
  return count / 400;
}

describe("kept gains against the holdout", () => {
  it("are left alone while they show there", () => {
    expect(alarms(1, 1)).toBeLessThan(0.02);
    expect(alarms(1, 0.1)).toBe(0);
  });

  it("raise the alarm when nothing of them shows there", () => {
    expect(alarms(0, 0.3)).toBeGreaterThan(0.95);
    expect(alarms(-0.5, 0.5)).toBeGreaterThan(0.95);
    const fitted = { expected: 1, holdout: [0, 0, 0] };
    expect(divergence([fitted, fitted, fitted])).toMatch(/should have gained 3, the holdout shows 0/);
  });

  it("are not judged by one or two keeps, nor by keeps that never saw the holdout", () => {
    const fitted = { expected: 1, holdout: [0, 0, 0] };
    expect(divergence([fitted, fitted])).toBeNull();
    expect(divergence([fitted, fitted, { expected: 5, holdout: [] }])).toBeNull();
  });
});
