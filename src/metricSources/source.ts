/** Where the value of a metric is read. Paths are of the lab, of a `write` folder or of `$OUT`; absent: the output. */
export type MetricSource =
  /** `at`: a path of property names and indices, `results[0].mean`. */
  | { kind: "json"; path?: string; at: string }
  /** `row`: `first`, `last`, a number from 0, or `COLUMN=VALUE`. Default `last`. */
  | { kind: "csv" | "tsv"; path?: string; column: string; row: string }
  /** The first group of the last match; the whole match where there is no group. */
  | { kind: "regex"; path?: string; pattern: string }
  | { kind: "junit"; path?: string; at: "time" | "tests" | "failures" | "passed" }
  /** The output or the file of a known tool; `at` chooses among its figures. */
  | { kind: "preset"; preset: MetricPreset; path?: string; at?: string };

export type MetricPreset =
  | "hyperfine"
  | "pytest-benchmark"
  | "criterion"
  | "vitest-bench"
  | "benchmark.js"
  | "go-bench"
  | "google-benchmark"
  | "k6"
  | "wrk"
  | "istanbul"
  | "coverage.py"
  | "lighthouse"
  | "size-limit";
