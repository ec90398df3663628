import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { delay, idle } from "./waiting.ts";

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("waiting for a provider", () => {
  it("is never shorter than the provider asks for, and finite after any number of refusals", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.option(fc.nat(10 ** 8)), unit, (refusals, afterMs, random) => {
        const ms = delay(refusals, afterMs, random);
        expect(ms).toBeGreaterThanOrEqual(afterMs ?? 0);
        expect(ms).toBeLessThanOrEqual(Math.max(10 * 60_000, (afterMs ?? 0) * 1.1));
      }),
    );
  });

  it("doubles with each refusal up to its bound", () => {
    const waits = [0, 1, 2, 3, 20].map((refusals) => delay(refusals, null, 0.999999));
    expect(waits.map((ms) => Math.round(ms / 1000))).toEqual([5, 10, 20, 40, 600]);
  });

  it("ends at once when a person wants an end", async () => {
    const stop = { requested: false };
    const began = performance.now();
    setTimeout(() => {
      stop.requested = true;
    }, 50);
    await expect(idle({ stop, abort: new AbortController() }, 60_000)).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(50_000);
  });
});
