import { isUndecided, type Row, type RowStatus, type Undecided } from "../../notebook/index.ts";
import { oneLine } from "../words/format.ts";

export interface TsvHead {
  /** The metric's name, the title of the second column. */
  metric: string;
  baseline: {
    /** Commit that the session started from. */
    commit: string;
    mean: number;
    /** Peak memory of its runs; null when unknown. */
    peakBytes: number | null;
  };
}

/**
 * The words that readers of autoresearch's `results.tsv` know. A timeout is a run without a result, so `crash`; an invalid
 * change has been thrown away, so `discard`.
 */
const words: Record<Exclude<RowStatus, Undecided>, "keep" | "discard" | "crash"> = {
  keep: "keep",
  discard: "discard",
  crash: "crash",
  timeout: "crash",
  invalid: "discard",
};

/**
 * `results.tsv` in autoresearch's five columns: commit (7 characters), metric (6 decimals), memory_gb (1 decimal, GiB),
 * status, description. First comes the baseline. An experiment without a value has 0.000000 and 0.0; one that is still
 * running is left out.
 */
export function resultsTsv(rows: readonly Row[], head: TsvHead): string {
  const { baseline } = head;
  const lines = [
    ["commit", cell(head.metric), "memory_gb", "status", "description"],
    [short(baseline.commit), metric(baseline.mean), memory(baseline.peakBytes), "keep", "baseline"],
  ];
  for (const row of rows) {
    if (isUndecided(row.status)) continue;
    const status = words[row.status];
    const measured = row.value !== null && status !== "crash";
    lines.push([
      short(row.commit ?? ""),
      measured ? metric(row.value as number) : "0.000000",
      measured ? memory(row.peakBytes) : "0.0",
      status,
      cell(row.what),
    ]);
  }
  return `${lines.map((line) => line.join("\t")).join("\n")}\n`;
}

/**
 * The rows of a `results.tsv` that was begun elsewhere, then those of a session, under one line of titles. Where the
 * earlier one has other columns or another metric, the session's rows stand alone.
 *
 * @param earlier text of the file that is continued.
 * @param own text that `resultsTsv` made.
 */
export function continuedTsv(earlier: string, own: string): string {
  const [titles = "", ...before] = earlier.split(/\r?\n/);
  const [ownTitles = "", ...rows] = own.split("\n");
  if (titles.trim().toLowerCase() !== ownTitles.toLowerCase()) return own;
  const kept = before.flatMap((line) => {
    const cells = line.split("\t");
    if (cells.length !== 5) return [];
    return [[...cells.slice(0, 4).map(oneLine), cell(cells[4] as string)].join("\t")];
  });
  return [ownTitles, ...kept, ...rows].join("\n");
}

/** Six decimals as autoresearch writes them; where those would lose digits, as many as the number needs. */
function metric(x: number): string {
  if (!Number.isFinite(x)) return "0.000000";
  return x !== 0 && (Math.abs(x) < 0.01 || Math.abs(x) >= 1e15) ? String(x) : x.toFixed(6);
}

function memory(bytes: number | null): string {
  return bytes === null || !Number.isFinite(bytes) ? "0.0" : (bytes / 1024 ** 3).toFixed(1);
}

function short(commit: string): string {
  return cell(commit).slice(0, 7) || "-".repeat(7);
}

/**
 * Text of others as one cell: tabs and line ends would be columns and rows, and a spreadsheet takes what begins like a
 * formula for one and calculates it. A quotation mark in front keeps it text, as spreadsheets themselves have it; marks
 * of other scripts (the full-width ones) are read as formulas by some of them too.
 */
function cell(text: string): string {
  const line = oneLine(text);
  return /^[\s'"]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]/u.test(line) ? `'${line}` : line;
}
