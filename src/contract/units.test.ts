import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCpuList, parseDuration, parseSize, parseTolerance } from "./units.ts";

test.each([
  ["30s", 30_000],
  ["5m", 300_000],
  ["8h", 28_800_000],
  ["1h30m", 5_400_000],
  ["1h 30m", 5_400_000],
  ["500ms", 500],
  ["1.5m", 90_000],
  ["2d", 172_800_000],
  ["45", 45_000],
  [12, 12_000],
  ["30", 30_000],
])("the duration %s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  ["512MB", 512 * 2 ** 20],
  ["2GB", 2 ** 31],
  ["1GiB", 2 ** 30],
  ["1.5k", 1536],
  ["100", 100],
  ["7 b", 7],
  [42, 42],
])("the size %s is %d bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test("a tolerance is a fraction or an amount", () => {
  expect(parseTolerance("5%")).toEqual({ absolute: 0, relative: 0.05 });
  expect(parseTolerance(0.1)).toEqual({ absolute: 0.1, relative: 0 });
  expect(parseTolerance("0.1")).toEqual({ absolute: 0.1, relative: 0 });
});

test.each([
  "",
  "s",
  "30 seconds",
  "1h30",
  "-3s",
  "1e3s",
  "NaN",
  null,
  {},
  Number.NaN,
  Number.POSITIVE_INFINITY,
])("%j is neither duration, size nor tolerance", (value) => {
  expect(parseDuration(value)).toBeNull();
  expect(parseSize(value)).toBeNull();
  expect(parseTolerance(value)).toBeNull();
});

test("half a byte, more bytes than a number can count, and a tolerance below 0 are refused", () => {
  expect(parseSize(0.5)).toBeNull();
  expect(parseSize("999999999999999TB")).toBeNull();
  expect(parseTolerance(-1)).toBeNull();
  expect(parseTolerance("-5%")).toBeNull();
});

test("any text is read quickly and gives a finite number or null", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(\d+(\.\d+)?(ms|s|min|m|h|d)? ?)+$/)), (text) => {
      for (const parse of [parseDuration, parseSize]) {
        const value = parse(text);
        expect(value === null || (Number.isFinite(value) && value >= 0)).toBe(true);
      }
    }),
  );
});

test("processors are numbers and ranges in ascending order", () => {
  expect(parseCpuList("2,3")).toEqual([2, 3]);
  expect(parseCpuList("0-2, 8")).toEqual([0, 1, 2, 8]);
  expect(parseCpuList("5")).toEqual([5]);
  for (const wrong of ["", "a", "3-2", "2,2", "3,1", "0-2,2", "1,,2", "-1", "1-", "0-99999", "2.5"])
    expect(parseCpuList(wrong), wrong).toBeNull();
});

test("any set of processors survives being written as a list", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(9999), { minLength: 1 }), (numbers) => {
      const sorted = numbers.sort((a, b) => a - b);
      expect(parseCpuList(sorted.join(","))).toEqual(sorted);
    }),
  );
});
