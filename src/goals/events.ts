import type { TraceEvent } from "../trace.ts";
import type { CriterionResult } from "./goal.ts";

/** What happens while a goal is pursued, as it happens. */
export type GoalEvent =
  | { type: "goal"; id: number; title: string; branch: string; resumed: boolean }
  | { type: "planning"; iteration: number }
  | {
      type: "plan";
      iteration: number;
      tasks: { key: string; title: string; dependsOn: string[]; agent: string; why: string }[];
    }
  | {
      type: "task";
      iteration: number;
      key: string;
      title: string;
      agent: string;
      status: "running" | "done" | "failed" | "skipped";
      /** Why it failed; what it said, when done. */
      message: string;
    }
  | { type: "trace"; key: string; event: TraceEvent }
  | { type: "evaluating"; iteration: number }
  | {
      type: "iteration";
      iteration: number;
      score: number | null;
      best: number | null;
      results: CriterionResult[];
      unscored: { criterion: string; why: string }[];
    }
  | { type: "notice"; message: string }
  /** Somebody refuses for now, and is asked again. */
  | { type: "waiting"; message: string }
  | { type: "paused" }
  | { type: "end"; status: string; reason: string; score: number | null };
