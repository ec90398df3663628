import type { ReportMetric, RowStatus } from "./model.ts";

/** A running session at one instant. Times are milliseconds that have passed or are left, so drawing needs no clock. */
export interface LiveView {
  lab: string;
  tag: string;
  branch: string;
  metric: ReportMetric;
  /** The current experiment's number; null before the first. */
  number: number | null;
  phase: "setup" | "baseline" | "probe" | "propose" | "screen" | "race" | "audit" | "finalize";
  /** The current hypothesis. */
  what: string | null;
  arm: string | null;
  round: number | null;
  /** The most rounds there can be; null when unknown. */
  rounds: number | null;
  /** Of the current evaluation. */
  elapsedMs: number;
  budgetMs: number | null;
  /** The last line of its output. */
  lastLine: string | null;
  best: number | null;
  baseline: number | null;
  history: { n: number; value: number | null; status: RowStatus }[];
  keeps: number;
  discards: number;
  failures: number;
  sessionElapsedMs: number;
  timeLeftMs: number | null;
  experimentsLeft: number | null;
  sigma: number | null;
}
