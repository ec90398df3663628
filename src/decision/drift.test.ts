import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drift, normals, type TimedValue, uniforms } from "./index.ts";

const minute = 60_000;

/** A run each minute. */
function runs(values: readonly number[], from = 0): TimedValue[] {
  return values.map((value, index) => ({ at: from + index * minute, value }));
}

/** The share of sessions of unchanging quality in which a drift is seen. */
function falseAlarms(noise: () => number, stretches: readonly number[], sessions = 2000): number {
  let alarms = 0;
  for (let session = 0; session < sessions; session++) {
    const found = drift(
      stretches.map((length, index) => runs(Array.from({ length }, () => 100 * index + noise()))),
    );
    if (found) alarms++;
  }
  return alarms / sessions;
}

function power(length: number, added: (part: number) => number, sessions = 300): number {
  const normal = normals(length);
  let seen = 0;
  for (let session = 0; session < sessions; session++)
    if (drift([runs(Array.from({ length }, (_, index) => normal() + added(index / (length - 1))))])) seen++;
  return seen / sessions;
}

describe("runs without drift", () => {
  const heavy = uniforms(5);
  it.each([
    ["the baseline alone", normals(1), [5]],
    ["one stretch", normals(2), [30]],
    ["many short stretches", normals(3), [5, 3, 6, 2, 8, 1, 4]],
    ["noise with heavy tails", () => Math.tan(Math.PI * (heavy() - 0.5)), [12, 20]],
    ["values with many ties", () => Math.round(heavy() * 3), [25]],
  ])("are accused in at most 2 %% of sessions: %s", (_, noise, stretches) => {
    expect(falseAlarms(noise, stretches)).toBeLessThanOrEqual(0.02);
  });

  it("are not accused when they are all equal, or too few", () => {
    expect(drift([])).toBeNull();
    expect(drift([[]])).toBeNull();
    expect(drift([runs([1])])).toBeNull();
    expect(drift([runs([7, 7, 7, 7, 7, 7, 7, 7, 7, 7])])).toBeNull();
    expect(drift([runs([1, 2, 3, 4, 5])])).toBeNull();
  });

  it("are not accused of what the keeps between them did", () => {
    const normal = normals(4);
    const level = (value: number, from: number) =>
      runs(
        Array.from({ length: 6 }, () => value + normal()),
        from,
      );
    expect(drift([level(100, 0), level(50, 3_600_000), level(10, 7_200_000)])).toBeNull();
  });
});

describe("runs with drift", () => {
  it("are seen in most sessions when the drift is 3 standard deviations over 30 runs", () => {
    expect(power(30, (part) => 3 * part)).toBeGreaterThan(0.8);
  });

  it("are seen in most sessions when the level changes by 2 standard deviations at once", () => {
    expect(power(30, (part) => (part > 0.5 ? 2 : 0))).toBeGreaterThan(0.8);
  });

  it("show the size of the drift in an hour", () => {
    const normal = normals(6);
    const values = Array.from({ length: 60 }, (_, index) => 10 + (6 * index) / 60 + 0.3 * normal());
    const found = drift([runs(values)]);
    expect(found?.perHour).toBeGreaterThan(5.4);
    expect(found?.perHour).toBeLessThan(6.6);
    expect(found?.p).toBeLessThan(1e-6);
  });

  it("add up over stretches that alone are too short", () => {
    const stretch = runs([1, 2, 3, 4]);
    expect(drift([stretch])).toBeNull();
    expect(drift([stretch, stretch, stretch, stretch])?.perHour).toBeCloseTo(60);
  });

  it("agree with Kendall's test worked out by hand: score 28, variance 65.33", () => {
    const found = drift([runs([1, 2, 3, 4, 5, 6, 7, 8])]);
    expect(found?.p).toBeCloseTo(0.000837, 5);
    expect(found?.perHour).toBeCloseTo(60);
  });
});

const someRuns = fc.array(
  fc.record({ at: fc.integer({ min: 0, max: 1e8 }), value: fc.double({ min: -1e6, max: 1e6, noNaN: true }) }),
  { maxLength: 40 },
);

describe("for any runs", () => {
  it("the order in which they are told does not matter", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 1e8 }), { maxLength: 30 }),
        fc.nat(),
        (times, seed) => {
          const normal = normals(seed);
          const told = times.map((at) => ({ at, value: at / 1e7 + normal() }));
          expect(drift([told.toReversed()])).toEqual(drift([told]));
        },
      ),
    );
  });

  it("values upside down drift the other way, as surely", () => {
    fc.assert(
      fc.property(fc.array(someRuns, { maxLength: 4 }), (stretches) => {
        const found = drift(stretches);
        const turned = drift(stretches.map((runs) => runs.map(({ at, value }) => ({ at, value: -value }))));
        expect(turned === null).toBe(found === null);
        if (found && turned) {
          expect(turned.p).toBeCloseTo(found.p, 12);
          expect(turned.perHour).toBeCloseTo(-found.perHour, 6);
        }
      }),
    );
  });

  it("p is a probability and a drift has a direction", () => {
    fc.assert(
      fc.property(fc.array(someRuns, { maxLength: 4 }), (stretches) => {
        const found = drift(stretches);
        if (!found) return;
        expect(found.p).toBeGreaterThanOrEqual(0);
        expect(found.p).toBeLessThanOrEqual(0.01);
        expect(Math.abs(found.perHour)).toBeGreaterThan(0);
      }),
    );
  });

  it("ten thousand take seconds at most, and still show their drift", () => {
    const normal = normals(8);
    const many = runs(Array.from({ length: 10_000 }, (_, index) => index / 10_000 + normal()));
    const began = performance.now();
    const found = drift([many]);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(found?.perHour).toBeGreaterThan(0);
  });
});
