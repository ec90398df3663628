import type { MetricPreset } from "../../../contract/index.ts";
import { benchmarkJs } from "./benchmarkJs.ts";
import { coveragePy } from "./coveragePy.ts";
import { criterion } from "./criterion.ts";
import type { Preset } from "./figure.ts";
import { goBench } from "./goBench.ts";
import { googleBenchmark } from "./googleBenchmark.ts";
import { hyperfine } from "./hyperfine.ts";
import { istanbul } from "./istanbul.ts";
import { k6 } from "./k6.ts";
import { lighthouse } from "./lighthouse.ts";
import { pytestBenchmark } from "./pytestBenchmark.ts";
import { sizeLimit } from "./sizeLimit.ts";
import { vitestBench } from "./vitestBench.ts";
import { wrk } from "./wrk.ts";

export type { Figure } from "./figure.ts";

/** What each known tool leaves, as figures. */
export const presets: Record<MetricPreset, Preset> = {
  hyperfine,
  "pytest-benchmark": pytestBenchmark,
  criterion,
  "vitest-bench": vitestBench,
  "benchmark.js": benchmarkJs,
  "go-bench": goBench,
  "google-benchmark": googleBenchmark,
  k6,
  wrk,
  istanbul,
  "coverage.py": coveragePy,
  lighthouse,
  "size-limit": sizeLimit,
};

/** Tools that leave many files: which of a folder's belong to it, by the end of their path. */
export const filesOf: Partial<Record<MetricPreset, string>> = {
  criterion: "new/estimates.json",
  "pytest-benchmark": ".json",
};
