import type { MetricSource } from "./source.ts";
import { usualFigure } from "./usual.ts";

type Direction = "minimize" | "maximize";

/**
 * Where a value is read, as a part of a sentence: `results[0].mean of the JSON in $OUT/bench.json`.
 *
 * @param output what it is read from where the source names no file: `the output`, `the scorer's output`.
 * @param direction the metric's, which chooses among a known tool's figures.
 */
export function sourceWords(source: MetricSource, output: string, direction: Direction): string {
  const place = source.path ?? output;
  switch (source.kind) {
    case "json":
      return `${source.at} of the JSON in ${place}`;
    case "csv":
    case "tsv":
      return `the column ${source.column} of ${place}`;
    case "regex":
      return `/${source.pattern}/ in ${place}`;
    case "junit":
      return `${source.at} of the JUnit report in ${place}`;
    case "preset":
      return `${source.preset}'s ${source.at ?? usualFigure(source.preset, direction).figure} in ${place}`;
  }
}

/** Where the metric of a contract is read, as a part of a sentence; undefined where the contract names no source. */
export function metricPlace({
  metric,
  score,
}: {
  metric: { direction: Direction; from?: MetricSource };
  score?: unknown;
}): string | undefined {
  return (
    metric.from && sourceWords(metric.from, score ? "the scorer's output" : "the output", metric.direction)
  );
}
