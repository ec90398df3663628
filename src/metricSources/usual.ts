import type { MetricPreset } from "./source.ts";

type Direction = "minimize" | "maximize";

/** One figure of a tool: its name in `at`, its unit, and which way it is better. */
export interface UsualFigure {
  figure: string;
  unit: string;
  direction: Direction;
}

/** What is read of each tool where the contract does not choose: the first figure whose direction is the metric's. */
export const usualFigures: Record<MetricPreset, readonly UsualFigure[]> = {
  hyperfine: [{ figure: "mean", unit: "s", direction: "minimize" }],
  "pytest-benchmark": [
    { figure: "mean", unit: "s", direction: "minimize" },
    { figure: "ops", unit: "ops/s", direction: "maximize" },
  ],
  criterion: [
    { figure: "mean", unit: "ns", direction: "minimize" },
    { figure: "throughput", unit: "elem/s", direction: "maximize" },
  ],
  "vitest-bench": [
    { figure: "hz", unit: "ops/s", direction: "maximize" },
    { figure: "mean", unit: "ms", direction: "minimize" },
  ],
  "benchmark.js": [{ figure: "hz", unit: "ops/s", direction: "maximize" }],
  "go-bench": [
    { figure: "ns/op", unit: "ns", direction: "minimize" },
    { figure: "MB/s", unit: "MB/s", direction: "maximize" },
  ],
  "google-benchmark": [
    { figure: "real_time", unit: "ns", direction: "minimize" },
    { figure: "items_per_second", unit: "items/s", direction: "maximize" },
  ],
  k6: [
    { figure: "http_req_duration.p(95)", unit: "ms", direction: "minimize" },
    { figure: "http_reqs.rate", unit: "req/s", direction: "maximize" },
  ],
  wrk: [
    { figure: "requests", unit: "req/s", direction: "maximize" },
    { figure: "latency.avg", unit: "ms", direction: "minimize" },
  ],
  istanbul: [{ figure: "lines", unit: "%", direction: "maximize" }],
  "coverage.py": [{ figure: "percent", unit: "%", direction: "maximize" }],
  lighthouse: [{ figure: "performance", unit: "", direction: "maximize" }],
  "size-limit": [{ figure: "size", unit: "B", direction: "minimize" }],
};

/** The figure that is read of a tool where `at` does not say. */
export function usualFigure(preset: MetricPreset, direction: Direction | undefined): UsualFigure {
  const usual = usualFigures[preset];
  return usual.find((each) => each.direction === direction) ?? (usual[0] as UsualFigure);
}
