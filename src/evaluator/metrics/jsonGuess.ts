import { type MetricSource, parsePath } from "../../metricSources/index.ts";
import { at, jsonValues, numberPaths } from "./json.ts";

/** A number in the JSON that a run prints. */
export interface JsonNumber {
  /** The name of the property, or of the nearest one above a list's item. */
  name: string;
  /** The path in words of a contract: `results[0].mean`. */
  path: string;
  value: number;
}

/** More numbers than this are looked through in no output. */
const mostNumbers = 500;

/** What figures are called that stand for a whole run; how often and how far apart are no metrics. */
const preferred =
  /^(mean|median|avg|average|score|loss|value|time|total|elapsed|duration|seconds|ms|latency|throughput|ops|accuracy)$|_(mean|median|avg|score|loss|time|seconds|ms)$|^(mean|median|avg|val|total)_/i;
const incidental =
  /^(std(dev|ev)?|variance|var|min|max|p\d+|rme|moe|sem|iterations?|runs?|rounds?|count|samples?|seed|epochs?|steps?|n|id|index|version|timestamp|date|exit_?codes?|user|system)$/i;

/**
 * The numbers of the last JSON value in an output, what is called like a figure of a whole run first. The items of plain
 * lists of numbers are left out: they are single samples.
 */
export function jsonNumbers(output: string): JsonNumber[] {
  for (const value of jsonValues(output)) {
    const found = numberPaths(value, mostNumbers).flatMap((path) => named(value, path));
    if (found.length > 0) return found.sort((a, b) => rank(a.name) - rank(b.name));
  }
  return [];
}

/** The contract's source of such a number; null where `name: value` in the JSON is read without one. */
export function jsonSource({ name, path }: JsonNumber): MetricSource | null {
  return path === name || path === `metrics.${name}` ? null : { kind: "json", at: path };
}

function named(value: unknown, path: string): JsonNumber[] {
  const steps = parsePath(path) ?? [];
  const name = steps.at(-1);
  const number = at(value, steps);
  if (typeof name !== "string" || !/^[A-Za-z_][\w./-]{0,63}$/.test(name) || typeof number !== "number")
    return [];
  return [{ name, path, value: number }];
}

function rank(name: string): number {
  return preferred.test(name) ? 0 : incidental.test(name) ? 2 : 1;
}
