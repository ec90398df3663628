import { type Figure, jsonObject, listOf, numbers, textOf } from "./figure.ts";

const figures = { mean: "s", median: "s", min: "s", max: "s", stddev: "s", iqr: "s", ops: "ops/s" };

/** `--benchmark-json=FILE`: seconds; `of` is the test's name. */
export function pytestBenchmark(text: string): Figure[] {
  return listOf(jsonObject(text).benchmarks).flatMap((each) =>
    numbers(textOf(each.name), each.stats, figures),
  );
}
