import { describe, expect, it } from "vitest";
import { expectedFalseKeeps, type Preset, parameterNames, presets, rule } from "./index.ts";

describe("a rule", () => {
  it("is its preset with single parameters replaced", () => {
    expect(rule("strict", { maxPairs: 4 })).toEqual({ ...presets.balanced, alpha: 0.005, maxPairs: 4 });
    expect(presets.strict.maxPairs).toBe(8);
  });

  it.each([
    [{ alhpa: 0.1 }, /unknown decision parameter alhpa; known: alpha, gate/],
    [{ constructor: 1 }, /unknown decision parameter constructor/],
    [{ alpha: 0.7 }, /alpha must be a number from 0.000001 to 0.5, not 0.7/],
    [{ alpha: Number.NaN }, /alpha must be a number/],
    [{ screenRuns: 1.5 }, /screenRuns must be a whole number from 1 to 100, not 1.5/],
    [{ minPairs: 9 }, /minPairs \(9\) is above maxPairs \(8\)/],
  ])("refuses %o with a message", (parameters, message) => {
    expect(() => rule("balanced", parameters)).toThrow(message);
  });

  it("refuses a preset that does not exist, and names those that do", () => {
    expect(() => rule("bold" as Preset)).toThrow(/unknown decision preset bold; known: balanced, strict/);
    expect(() => rule("toString" as Preset)).toThrow(/unknown decision preset/);
  });

  it("names every parameter of every preset", () => {
    for (const preset of Object.values(presets)) expect(Object.keys(preset)).toEqual(parameterNames);
  });
});

describe("expected false keeps", () => {
  it("are the stated shares of the races lost, and grow with alpha between them", () => {
    expect(expectedFalseKeeps(presets.balanced.alpha, 30, 10)).toBeCloseTo(20 * 0.142, 12);
    expect(expectedFalseKeeps(presets.strict.alpha, 30, 10)).toBeCloseTo(20 * 0.029, 12);
    expect(expectedFalseKeeps(presets.explore.alpha, 30, 10)).toBeCloseTo(20 * 0.434, 12);
    const between = expectedFalseKeeps(0.05, 30, 10);
    expect(between).toBeGreaterThan(20 * 0.142);
    expect(between).toBeLessThan(20 * 0.434);
  });
});
