import stringWidth from "fast-string-width";
import picocolors from "picocolors";
import { oneLine } from "../words/format.ts";

export type Paint = ReturnType<typeof picocolors.createColors>;

/** The colours of a page, or none. */
export function paints(colour: boolean): Paint {
  return picocolors.createColors(colour);
}

const ascii = /^[ -~]*$/u;

/** Columns that a text takes in a terminal: wide letters and emoji take two, colours none. */
export function columns(text: string): number {
  return ascii.test(text) ? text.length : stringWidth(text);
}

/** One line of at most so many columns, cut between whole letters, with an ellipsis. Data must go through here. */
export function clip(text: string, width: number): string {
  return cut(oneLine(text), width);
}

/** The same for a line that is clean already and keeps its indentation. */
export function cut(clean: string, width: number): string {
  if (width <= 0) return "";
  if (columns(clean) <= width) return clean;
  let kept = "";
  let used = 1;
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  for (const { segment } of segmenter.segment(clean)) {
    used += columns(segment);
    if (used > width) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

// Made when first needed: most texts fit.
let segmenter: Intl.Segmenter | undefined;

/** Filled with spaces on the right. */
export function left(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - columns(text)));
}

/** Filled with spaces on the left. */
function right(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - columns(text))) + text;
}

/** Breaks at spaces into lines of at most so many columns; words that are longer are cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of oneLine(text).split(" ")) {
    const next = line === "" ? word : `${line} ${word}`;
    if (columns(next) <= width) {
      line = next;
      continue;
    }
    if (line !== "") lines.push(line);
    line = columns(word) <= width ? word : clip(word, width);
  }
  if (line !== "" || lines.length === 0) lines.push(line);
  return lines;
}

export interface Column<T> {
  title: string;
  cell: (row: T) => string;
  align?: "left" | "right";
  /** Colours a cell that already has its width. */
  paint?: (text: string, row: T) => string;
}

/**
 * A table whose last column takes what is left of the width.
 * @param width columns of the terminal
 */
export function table<T>(
  rows: readonly T[],
  shape: readonly Column<T>[],
  width: number,
  paint: Paint,
): string[] {
  const cells = rows.map((row) => shape.map((column) => oneLine(column.cell(row))));
  const widths = shape.map((column, i) =>
    cells.reduce((most, line) => Math.max(most, columns(line[i] as string)), columns(column.title)),
  );
  const fixed = widths.slice(0, -1).reduce((sum, w) => sum + w + 2, 0);
  widths[widths.length - 1] = Math.max(12, Math.min(widths.at(-1) as number, width - fixed));
  const place = (text: string, i: number) => {
    const cut = clip(text, widths[i] as number);
    return shape[i]?.align === "right" ? right(cut, widths[i] as number) : left(cut, widths[i] as number);
  };
  const head = paint.dim(
    shape
      .map((column, i) => place(column.title, i))
      .join("  ")
      .trimEnd(),
  );
  const lines = rows.map((row, r) =>
    shape
      .map((column, i) => {
        const text = place((cells[r] as string[])[i] as string, i);
        return column.paint ? column.paint(text, row) : text;
      })
      .join("  ")
      .trimEnd(),
  );
  return [head, ...lines];
}
