import { type Figure, jsonObject, listOf, numbers, printed, textOf } from "./figure.ts";

const figures = {
  hz: "ops/s",
  mean: "ms",
  median: "ms",
  min: "ms",
  max: "ms",
  p75: "ms",
  p99: "ms",
  p995: "ms",
  p999: "ms",
};

/** `vitest bench --run --outputJson FILE`, or the table that it prints. Milliseconds, and operations per second. */
export function vitestBench(text: string): Figure[] {
  const files = listOf(jsonObject(text).files);
  if (files.length === 0) return printedTable(text);
  return files
    .flatMap((file) => listOf(file.groups))
    .flatMap((group) => listOf(group.benchmarks))
    .flatMap((each) => numbers(textOf(each.name), each, figures));
}

const heading = /^\s*name\s+(hz\s+min\s+max\s+mean\b.*)$/;
const row = /^\s*·\s+(.*?)\s{2,}([\d,.]+(?:\s+[\d,.]+)+)/;

function printedTable(text: string): Figure[] {
  let columns: string[] = [];
  return text.split("\n").flatMap((line) => {
    columns = heading.exec(line)?.[1]?.split(/\s+/) ?? columns;
    const [, of, cells] = columns.length > 0 ? (row.exec(line) ?? []) : [];
    if (of === undefined || cells === undefined) return [];
    return cells.split(/\s+/).flatMap((cell, index) => {
      const unit = figures[columns[index] as keyof typeof figures];
      return unit === undefined ? [] : printed(of, columns[index] as string, cell, unit);
    });
  });
}
