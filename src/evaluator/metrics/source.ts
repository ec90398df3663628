import type { Direction } from "../../contract/index.ts";
import { type MetricSource, usualFigure } from "../../metricSources/index.ts";
import { cleaned } from "./clean.ts";
import { readTable } from "./csv.ts";
import { type Found, nothing } from "./found.ts";
import { readJson } from "./json.ts";
import { readJunit } from "./junit.ts";
import { type Figure, presets } from "./presets/index.ts";
import { readRegex } from "./regex.ts";

/** What a source is read from: the output, a file, or the files of a folder. */
export interface Text {
  /** Path below the folder that the contract names; "" for a single file and for the output. */
  name: string;
  text: string;
}

/**
 * The value that a source gives, or why it gives none. Several occurrences: the last one.
 *
 * @param direction the metric's: of a known tool's figures the usual one of that direction is taken.
 */
export function readSource(source: MetricSource, texts: readonly Text[], direction: Direction): Found {
  const all = texts.map((each) => ({ ...each, text: cleaned(each.text) }));
  if (source.kind === "preset") {
    const figures = all.flatMap(({ text, name }) => presets[source.preset](text, name));
    return choose(source, figures, direction);
  }
  const text = all.map((each) => each.text).join("\n");
  switch (source.kind) {
    case "json":
      return readJson(text, source.at);
    case "csv":
      return readTable(text, ",", source.column, source.row);
    case "tsv":
      return readTable(text, "\t", source.column, source.row);
    case "regex":
      return readRegex(text, source.pattern);
    case "junit":
      return readJunit(text, source.at);
  }
}

/** A sum where parts make a whole; of times and rates the geometric mean, in which every benchmark weighs the same. */
const added: readonly string[] = ["size-limit"];

/**
 * One value from the figures of a known tool. `at` is a figure (`median`), what was measured (`sort`), or both
 * (`sort.median`). Repetitions of one benchmark count with their median; several benchmarks as one, see `added`.
 */
export function choose(
  { preset, at }: Pick<Extract<MetricSource, { kind: "preset" }>, "preset" | "at">,
  figures: readonly Figure[],
  direction: Direction | undefined,
): Found {
  if (figures.length === 0) return nothing(`there is nothing of ${preset} in it`);
  const usual = usualFigure(preset, direction).figure;
  const asked = at ?? usual;
  const named = figures.filter(
    ({ of, figure }) => `${of}.${figure}` === asked || (of === asked && figure === usual),
  );
  const chosen = named.length > 0 ? named : figures.filter(({ figure }) => figure === asked);
  if (chosen.length === 0) return nothing(`there is no \`${asked}\` in it; at: ${offered(figures)}`);
  const total = chosen.filter(({ of }) => of === "total");
  const byName = Map.groupBy(total.length > 0 ? total : chosen, ({ of }) => of);
  const values = [...byName.values()].map((same) => median(same.map(({ value }) => value)));
  return {
    value: added.includes(preset) ? sum(values) : geometricMean(values),
    unit: (chosen[0] as Figure).unit,
  };
}

/** What `at` may be, for a message. */
function offered(figures: readonly Figure[]): string {
  const names = [...new Set(figures.map(({ of }) => of))].filter((of) => of !== "" && of !== "total");
  const kinds = [...new Set(figures.map(({ figure }) => figure))];
  return [...kinds.slice(0, 8), ...names.slice(0, 4)].map((name) => `\`${name.slice(0, 60)}\``).join(", ");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function geometricMean(values: readonly number[]): number {
  if (values.length === 1) return values[0] as number;
  return Math.exp(sum(values.map(Math.log)) / values.length);
}
