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

/** The name and the figures of a line that begins with a dot; columns stand at least two blanks apart. */
function rowOf(line: string): { of: string; cells: string[] } | null {
  const trimmed = line.trim();
  if (!/^·\s/.test(trimmed)) return null;
  const parts = trimmed
    .slice(1)
    .trim()
    .split(/\s{2,}/);
  const first = parts.findIndex((part, index) => index > 0 && /^[\d,.]/.test(part));
  if (first < 0) return null;
  const words = parts.slice(first).flatMap((part) => part.split(/\s/));
  const end = words.findIndex((word) => !/^[\d,.]+$/.test(word));
  return { of: parts.slice(0, first).join(" "), cells: end < 0 ? words : words.slice(0, end) };
}

function printedTable(text: string): Figure[] {
  let columns: string[] = [];
  return text.split("\n").flatMap((line) => {
    columns = heading.exec(line)?.[1]?.split(/\s+/) ?? columns;
    const row = columns.length > 0 ? rowOf(line) : null;
    if (row === null || row.cells.length < 2) return [];
    return row.cells.flatMap((cell, index) => {
      const unit = figures[columns[index] as keyof typeof figures];
      return unit === undefined ? [] : printed(row.of, columns[index] as string, cell, unit);
    });
  });
}
