import type * as decision from "../decision/index.ts";

/** How one experiment came out: everything is Whetstone's own, nothing the agent's. */
export interface Outcome {
  number: number;
  what: string;
  decision: decision.Decision["kind"];
  /** In the metric's unit, positive is better; null when nothing was measured. */
  effect: number | null;
  /** 95 % interval of the effect. */
  interval: [number, number] | null;
  value: number | null;
  reason: string;
  /** Why a keep waits for a person's review. */
  doubt: string | null;
  runs: number;
  wallMs: number;
  /** The end of what the failing run printed; null when no run failed. */
  logTail: string | null;
  violations: { path: string; detail: string }[];
  /** Folder with the files that were not allowed, as the agent left them; null when there are none. */
  setAside: string | null;
}

/** Where the session stands. */
export interface Standing {
  session: string;
  branch: string;
  metric: { name: string; direction: "minimize" | "maximize"; unit?: string };
  baseline: number;
  /** Noise of one run, in the metric's unit; null: it is deterministic. */
  sigma: number | null;
  /** `experiment` is 0 while the baseline is still the best. */
  best: { value: number; experiment: number };
  experiments: number;
  keeps: number;
  /** What may still be spent; null: no limit. Time counts while a try runs, not while the agent thinks. */
  left: { experiments: number | null; ms: number | null; holdoutLooks: number | null };
  /** The limit that has been reached, in words: nothing more is tried. */
  limit: string | null;
  /** What a person has said since the last answer. */
  words: string[];
  /** The lab's folder in the workspace: edit there. */
  workspace: string;
}

export type Tried = { standing: Standing } & (
  | {
      kind: "decided";
      outcome: Outcome;
      /** The experiment that an interruption had left open, finished before this one. */
      finished: Outcome | null;
    }
  /** These files were looked at before: not measured again; the workspace is left as it is. */
  | { kind: "known"; tag: string; outcome: Outcome | null; finished: Outcome | null }
  /** Nothing differs from the incumbent. */
  | { kind: "unchanged"; finished: Outcome | null }
  /** The session may not go on: see `standing.limit`. */
  | { kind: "limit"; finished: Outcome | null }
);
