import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { printable } from "../../printable.ts";
import {
  bytes,
  duration,
  effect,
  oneLine,
  percent,
  probability,
  quantity,
  scaleOf,
  shorten,
  value,
} from "./format.ts";

const metric = { name: "m", direction: "minimize" as const };

describe("metric values", () => {
  test("show two digits of the noise", () => {
    expect(value(2.31041, scaleOf(metric, 0.0038, []))).toBe("2.3104");
    expect(value(12345.6, scaleOf(metric, 12, []))).toBe("12,346");
  });

  test("show five significant digits where there is no noise, and whole numbers as they are", () => {
    expect(value(0.0123456, scaleOf(metric, 0, [0.0123456]))).toBe("0.012346");
    expect(value(41, scaleOf(metric, null, [41, 44]))).toBe("41");
  });

  test("carry their unit", () => {
    expect(quantity(1.5, scaleOf({ ...metric, unit: "s" }, 0.1, []))).toBe("1.50 s");
  });

  test("are a dash when there is none", () => {
    const scale = scaleOf(metric, 0.1, []);
    for (const none of [null, Number.NaN, Number.POSITIVE_INFINITY]) expect(quantity(none, scale)).toBe("–");
  });

  test("never lose their sign or more than half of the last digit", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        (x, sigma) => {
          const scale = scaleOf(metric, sigma, [x]);
          const read = Number(value(x, scale).replaceAll(",", "").replace("−", "-"));
          expect(Math.abs(read - x)).toBeLessThanOrEqual(0.5 * 10 ** -scale.decimals + 1e-6);
        },
      ),
    );
  });
});

describe("effects and percentages", () => {
  test("say by their sign whether it is better", () => {
    const scale = scaleOf(metric, 0.0038, []);
    expect(effect(0.0129, scale)).toBe("+0.0129");
    expect(effect(-0.0129, scale)).toBe("−0.0129");
    expect(effect(-0.000001, scale)).toBe("+0.0000");
  });

  test("never round a probability to certainty", () => {
    expect([probability(0.9999), probability(0.0001), probability(0.5)]).toEqual(["> 99 %", "< 1 %", "50 %"]);
    expect(percent(0.0561)).toBe("5.6 %");
  });
});

test("durations take the two units that matter", () => {
  expect([0, 850, 12_340, 59_999, 245_000, 25_320_000, 183_600_000].map(duration)).toEqual([
    "0 ms",
    "850 ms",
    "12.3 s",
    "1 min 00 s",
    "4 min 05 s",
    "7 h 02 min",
    "2 d 03 h",
  ]);
});

test("bytes count in powers of 1024", () => {
  expect([812, 1536, 1024 ** 2, 1.4 * 1024 ** 3].map(bytes)).toEqual([
    "812 B",
    "1.5 KiB",
    "1.0 MiB",
    "1.4 GiB",
  ]);
});

test("no terminal escape, control character or change of direction survives", () => {
  expect(printable("a\u001b[31mred\u001b[0m\u001b]0;title\u0007b\u202ec")).toBe("aredb c");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(/[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/u);
      expect(oneLine(text)).not.toMatch(/[\n\t\r]/u);
      expect(shorten(text, 10).length).toBeLessThanOrEqual(10);
    }),
  );
});
