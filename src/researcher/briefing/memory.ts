/** What is remembered of one experiment, in the researcher's own words and in numbers. */
export interface Entry {
  number: number;
  researcher: string;
  what: string;
  mechanism: string | null;
  verdict: "confirmed" | "refuted" | null;
  lesson: string | null;
  kind: "keep" | "discard" | "crash" | "timeout" | "invalid";
  /** Improvement in the metric's unit, positive is better; null when nothing was measured. */
  effect: number | null;
  /** The same in standard errors. */
  t: number | null;
  value: number | null;
  reason: string;
}

/** The state of the research, as plain data: chosen from the ledger, best first within each list. */
export interface Memory {
  /** Experiments with a decision. */
  experiments: number;
  baseline: number;
  /** `experiment` is null while the baseline is the best. */
  best: { value: number; experiment: number | null };
  /** Standard deviation of one run in the metric's unit; 0: deterministic. */
  sigma: number;
  /** Experiments since the last keep. */
  sinceKeep: number;
  worked: Entry[];
  nearMisses: Entry[];
  deadEnds: Entry[];
  /** Hypotheses that were never measured, since their run failed or their change was not allowed. */
  untested: Entry[];
  /** The newest experiment; null before the first. */
  last: Entry | null;
  ideas: { id: number; text: string; by: string }[];
  /** Words from a person, oldest first. */
  steering: string[];
  /** Earlier keeps with their diffs, newest first: what can be gone back to. Empty unless the research is stuck. */
  keeps: { number: number; what: string; diff: string }[];
}
