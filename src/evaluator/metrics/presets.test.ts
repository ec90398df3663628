import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Direction, MetricPreset } from "../../contract/index.ts";
import { presets } from "./presets/index.ts";
import { choose, readSource } from "./source.ts";

/** fixtures/README.md says which tool wrote each file, and which files follow its documentation instead. */
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

type Row = [MetricPreset, string, Direction, at: string | undefined, value: number, unit: string];

/** Several values are those that the file states for each benchmark. */
const geometricMean = (...values: number[]) =>
  values.reduce((product, value) => product * value, 1) ** (1 / values.length);

const rows: Row[] = [
  ["hyperfine", "hyperfine.json", "minimize", undefined, geometricMean(0.0269181036, 0.0230119624), "s"],
  ["hyperfine", "hyperfine.json", "minimize", "sleep 0.01", 0.026918103600000003, "s"],
  ["hyperfine", "hyperfine.json", "minimize", "sleep 0.01.median", 0.021573786, "s"],
  ["hyperfine", "hyperfine.txt", "minimize", "sleep 0.02", 0.023, "s"],
  ["hyperfine", "hyperfine.txt", "minimize", "sleep 0.02.max", 0.03, "s"],
  ["pytest-benchmark", "pytest-benchmark.json", "minimize", "test_sum", 0.00011439538650276689, "s"],
  ["pytest-benchmark", "pytest-benchmark.json", "maximize", "test_sum", 8741.611270973877, "ops/s"],
  ["pytest-benchmark", "pytest-benchmark.json", "minimize", "test_sort.min", 5.4670001645718e-6, "s"],
  ["vitest-bench", "vitest-bench.json", "maximize", "native", 817411.3352654787, "ops/s"],
  ["vitest-bench", "vitest-bench.json", "minimize", "reverse", 0.00014009188616710352, "ms"],
  ["vitest-bench", "vitest-bench.json", "minimize", "native.median", 0.00022799999999278953, "ms"],
  [
    "vitest-bench",
    "vitest-bench.txt",
    "maximize",
    undefined,
    geometricMean(817_411.34, 7_138_172.15),
    "ops/s",
  ],
  ["vitest-bench", "vitest-bench.txt", "minimize", "native.p999", 0.0026, "ms"],
  ["benchmark.js", "benchmark-js.txt", "maximize", "RegExp#test", 27_242_787, "ops/s"],
  ["benchmark.js", "benchmark-js.txt", "minimize", "RegExp#test.rme", 21.27, "%"],
  ["go-bench", "go-bench.txt", "minimize", undefined, geometricMean(675.05, 80.16, 601.7), "ns"],
  ["go-bench", "go-bench.txt", "minimize", "BenchmarkSub/size=10", 80.16, "ns"],
  ["go-bench", "go-bench.txt", "maximize", undefined, 446.865, "MB/s"],
  ["go-bench", "go-bench.txt", "minimize", "BenchmarkJoin.B/op", 320, "B"],
  ["google-benchmark", "google-benchmark.json", "minimize", "BM_Create/8", 12.04554170533845, "ns"],
  ["google-benchmark", "google-benchmark.json", "minimize", "BM_Create/8.cpu_time", 5.319813953153555, "ns"],
  ["google-benchmark", "google-benchmark.txt", "minimize", undefined, geometricMean(12, 160), "ns"],
  ["google-benchmark", "google-benchmark.txt", "maximize", "BM_Create/8", 187_976_000, "items/s"],
  [
    "google-benchmark",
    "google-benchmark-repetitions.json",
    "minimize",
    "BM_Create/8",
    10.656591569514402,
    "ns",
  ],
  [
    "google-benchmark",
    "google-benchmark-repetitions.txt",
    "minimize",
    undefined,
    geometricMean(10.7, 151),
    "ns",
  ],
  ["wrk", "wrk.txt", "maximize", undefined, 14233.24, "req/s"],
  ["wrk", "wrk.txt", "minimize", undefined, 1.14, "ms"],
  ["wrk", "wrk.txt", "minimize", "latency.p50", 0.119, "ms"],
  ["wrk", "wrk.txt", "maximize", "transfer", 1.72 * 2 ** 20, "B"],
  ["istanbul", "nyc.json", "maximize", undefined, 100, "%"],
  ["istanbul", "nyc.json", "maximize", "statements", 75, "%"],
  ["istanbul", "nyc.json", "maximize", "/lab/lib.js.statements", 66.66, "%"],
  ["istanbul", "nyc.txt", "maximize", "branches", 50, "%"],
  ["istanbul", "nyc.txt", "maximize", "lib.js.statements", 66.66, "%"],
  ["istanbul", "c8.txt", "maximize", "branches", 75, "%"],
  ["coverage.py", "coverage-py.json", "maximize", undefined, 9.58904109589041, "%"],
  ["coverage.py", "coverage-py.json", "minimize", "missing", 96, ""],
  ["coverage.py", "coverage-py.txt", "maximize", undefined, 10, "%"],
  ["coverage.py", "coverage-py.txt", "maximize", "cv.py", 67, "%"],
  ["size-limit", "size-limit.json", "minimize", undefined, 41 + 23, "B"],
  ["size-limit", "size-limit.json", "minimize", "main", 41, "B"],
  ["criterion", "criterion.txt", "minimize", "sum", 1240, "ns"],
  ["criterion", "criterion.txt", "minimize", undefined, geometricMean(1240, 2_500_000), "ns"],
  ["criterion", "criterion.txt", "maximize", undefined, 400_000, "elem/s"],
  ["criterion", "criterion-estimates.json", "minimize", undefined, 1240, "ns"],
  ["criterion", "criterion-estimates.json", "minimize", "median", 1235, "ns"],
  ["k6", "k6.txt", "minimize", undefined, 126.2, "ms"],
  ["k6", "k6.txt", "minimize", "http_req_duration.max", 62_500, "ms"],
  ["k6", "k6.txt", "minimize", "iteration_duration.avg", 1110, "ms"],
  ["k6", "k6.txt", "maximize", undefined, 16.2, ""],
  ["k6", "k6.txt", "minimize", "data_received.count", 1_300_000, "B"],
  ["k6", "k6-legacy.txt", "minimize", undefined, 215.9, "ms"],
  ["k6", "k6-legacy.txt", "minimize", "http_req_waiting.avg", 0.8805, "ms"],
  ["k6", "k6-legacy.txt", "maximize", undefined, 4.5, ""],
  ["k6", "k6-summary-export.json", "minimize", undefined, 126.2, "ms"],
  ["k6", "k6-summary-export.json", "maximize", undefined, 16.2, ""],
  ["k6", "k6-handle-summary.json", "minimize", undefined, 126.2, "ms"],
  ["k6", "k6-handle-summary.json", "maximize", "checks.rate", 0.9, ""],
  ["lighthouse", "lighthouse.json", "maximize", undefined, 0.42, ""],
  ["lighthouse", "lighthouse.json", "minimize", "largest-contentful-paint", 1234.5, "ms"],
  ["lighthouse", "lighthouse.json", "minimize", "total-byte-weight", 81920, "B"],
  // The score of a category whose audits failed is null.
  ["lighthouse", "lighthouse.json", "maximize", "seo", Number.NaN, ""],
];

test.each(rows)("%s reads %s to %s at %s as %d %s", (preset, file, direction, at, value, unit) => {
  const source = { kind: "preset" as const, preset, ...(at === undefined ? {} : { at }) };
  const found = readSource(source, [{ name: "", text: fixture(file) }], direction);
  expect(found).toEqual({
    value: Number.isNaN(value) ? Number.NaN : expect.closeTo(value, 9 - Math.ceil(Math.log10(value))),
    unit,
  });
});

test("every preset has a fixture", () => {
  expect(new Set(rows.map(([preset]) => preset))).toEqual(new Set(Object.keys(presets)));
});

test("the benchmarks of a folder of Criterion's files have the names of their folders", () => {
  const text = fixture("criterion-estimates.json");
  const texts = [
    { name: "/sum/new/estimates.json", text },
    { name: "/parse/long/new/estimates.json", text: text.replaceAll("1240", "2480") },
  ];
  const read = (at?: string) =>
    readSource(
      { kind: "preset", preset: "criterion", ...(at === undefined ? {} : { at }) },
      texts,
      "minimize",
    );
  expect(read("sum")).toEqual({ value: 1240, unit: "ns" });
  expect(read("parse/long")).toEqual({ value: 2480, unit: "ns" });
  expect(read()).toEqual({ value: expect.closeTo(1240 * Math.SQRT2, 6), unit: "ns" });
});

test("what is another tool's is no figure, and a figure that is missing is answered with those that are there", () => {
  const wrong = [{ name: "", text: fixture("wrk.txt") }];
  expect(readSource({ kind: "preset", preset: "hyperfine" }, wrong, "minimize")).toEqual({
    missing: "there is nothing of hyperfine in it",
  });
  expect(readSource({ kind: "preset", preset: "wrk", at: "latency.p42" }, wrong, "minimize")).toEqual({
    missing: expect.stringMatching(/^there is no `latency\.p42` in it; at: `requests`, .*`latency\.avg`/),
  });
});

test("no preset finds a figure in another tool's JSON or in none", () => {
  for (const preset of Object.keys(presets) as MetricPreset[])
    for (const text of [
      "",
      "loss: 0.5\n",
      "{}",
      "[]",
      "null",
      '{"results":null,"benchmarks":[1],"files":[{}]}',
    ])
      expect(choose({ preset }, presets[preset](text, ""), "minimize")).toEqual({
        missing: `there is nothing of ${preset} in it`,
      });
});
