import type { Decision } from "../decision/index.ts";
import type { Evaluation } from "../evaluator/index.ts";
import type { TraceEvent } from "../trace.ts";

/** What a session tells while it runs; enough for a live display and for plain lines. */
export type SessionEvent =
  | {
      type: "session";
      tag: string;
      branch: string;
      resumed: boolean;
      /** Experiments with a decision so far, and how they ended. */
      experiments: number;
      keeps: number;
      discards: number;
      best: number;
      baseCommit: string;
    }
  | { type: "setup"; line?: string }
  | { type: "notice"; message: string }
  | { type: "phase"; phase: Phase; number: number | null; what: string }
  /** A run begins; `rounds` is the most there can be of its purpose. */
  | {
      type: "run";
      purpose: string;
      arm: string;
      round: number;
      rounds: number | null;
      /** The rung's own. */
      budgetMs: number;
      /** The experiment's number; absent: the run belongs to none. */
      experiment?: number;
      /** 0-based among the runs of its experiment, audit or baseline; a warm-up's is below 0. */
      position?: number;
    }
  | { type: "line"; line: string }
  /** What an agent or a model does while it is asked for a proposal. */
  | { type: "trace"; researcher: string; event: TraceEvent }
  /** A turn came to nothing. */
  | { type: "failed"; researcher: string; reason: string; inARow: number }
  /** It cannot go on yet: another run, a provider that refuses, a person's pause. */
  | { type: "waiting"; message: string }
  | {
      type: "evaluation";
      evaluation: Evaluation;
      value: number | null;
      purpose: string;
      arm: string;
      /** What a person should call the state; absent: its arm. */
      label?: string;
      /** The stage that was run; absent: in full. */
      stage?: string;
      recalled: boolean;
      /** As with `run`. */
      experiment?: number;
      position?: number;
    }
  | {
      type: "noise";
      values: number[];
      mean: number;
      sigma: number;
      deterministic: boolean;
    }
  | { type: "decision"; number: number; what: string; decision: Decision; value: number | null; best: number }
  | {
      type: "audit";
      effect: number;
      interval: [number, number];
      baselineMean: number;
      finalMean: number;
      pairs: number;
    }
  /** One of Whetstone's own cheats was tried on the evaluator. */
  | {
      type: "probe";
      canary: string;
      does: string;
      outcome: "refused" | "worse" | "equal" | "better";
      value: number | null;
      message: string;
    }
  /** Something that a person should know before trusting the result. */
  | { type: "alarm"; message: string }
  | { type: "stop"; reason: string; final: boolean };

export type Phase = "setup" | "baseline" | "probe" | "propose" | "screen" | "race" | "audit" | "finalize";

export type Listener = (event: SessionEvent) => void;
