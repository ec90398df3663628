import type { LiveView, ReportMetric, RowStatus, Undecided } from "../../notebook/index.ts";
import {
  duration,
  effect,
  effectInterval,
  oneLine,
  plural,
  quantity,
  scaleOf,
  value,
} from "../words/format.ts";
import { onePair } from "../words/words.ts";
import { left } from "./columns.ts";
import { phases } from "./live.ts";

/** What happened, as far as a plain line tells it; the events of a session have this form. */
export type LiveEvent =
  | { type: "session"; tag: string; branch: string; resumed: boolean; experiments: number }
  | { type: "setup" | "line"; line?: string }
  | { type: "notice" | "alarm" | "waiting"; message: string }
  | { type: "trace"; researcher: string }
  | { type: "failed"; researcher: string; reason: string; inARow: number }
  | {
      type: "probe";
      canary: string;
      does: string;
      outcome: "refused" | "worse" | "equal" | "better";
      value: number | null;
      message: string;
    }
  | { type: "phase"; phase: LiveView["phase"]; number: number | null; what: string }
  | { type: "run"; purpose: string; arm: string; round: number }
  | {
      type: "evaluation";
      evaluation: { failure: { kind: string; message: string } | null; wallMs: number };
      value: number | null;
      purpose: string;
      arm: string;
      /** What a person should call the state; absent: its arm. */
      label?: string;
      /** The stage that was run; absent: in full. */
      stage?: string;
      recalled: boolean;
    }
  | { type: "noise"; values: number[]; mean: number; sigma: number; deterministic: boolean }
  | {
      type: "decision";
      number: number;
      what: string;
      decision: {
        kind: Exclude<RowStatus, Undecided>;
        effect: number | null;
        interval: [number, number] | null;
        doubt: string | null;
        reason: string;
      };
      value: number | null;
      best: number;
    }
  | {
      type: "audit";
      effect: number;
      interval: [number, number];
      baselineMean: number;
      finalMean: number;
      pairs: number;
    }
  | { type: "stop"; reason: string; final: boolean };

/** What a run was for and of what: `screen candidate on stage quick`. */
function runWords(run: { purpose: string; arm: string; label?: string; stage?: string }): string {
  const { purpose, arm, label, stage } = run;
  const what =
    label ?? (purpose === arm ? arm : purpose === "control" ? (controls[arm] ?? arm) : `${purpose} ${arm}`);
  return `${oneLine(what)}${stage === undefined ? "" : ` on stage ${oneLine(stage)}`}`;
}

/** Runs of what is compared with, so that it is not remembered from other times only. */
const controls: Record<string, string> = {
  incumbent: "incumbent again, to keep up with the noise",
  candidate: "new incumbent, for what comes next",
};

/**
 * One line for a log file or a pipe, without colour; null for events that would only fill it.
 * @param context `sigma` is null before the noise is known
 */
export function plainLine(
  event: LiveEvent,
  context: { metric: ReportMetric; sigma: number | null },
): string | null {
  const { metric } = context;
  const scaled = (...values: number[]) => scaleOf(metric, context.sigma === 0 ? null : context.sigma, values);
  switch (event.type) {
    case "session":
      return event.resumed
        ? `session ${oneLine(event.tag)} goes on after ${plural(event.experiments, "experiment")}, branch ${oneLine(event.branch)}`
        : `session ${oneLine(event.tag)} begins, branch ${oneLine(event.branch)}`;
    case "notice":
    case "waiting":
      return oneLine(event.message);
    case "alarm":
      return `! ${oneLine(event.message)}`;
    case "failed":
      return `  ${oneLine(event.researcher)} came with nothing${event.inARow === 1 ? "" : `, ${event.inARow} times in a row`}: ${oneLine(event.reason)}`;
    case "probe":
      if (event.outcome === "better")
        return `! probe, ${oneLine(event.canary)} (${oneLine(event.does)}): better, ${quantity(event.value, scaled(...(event.value === null ? [] : [event.value])))}`;
      return `  probe, ${oneLine(event.canary)}: ${event.outcome}`;
    case "phase":
      if (event.phase === "propose" || event.phase === "race") return null;
      if (event.phase === "finalize") return oneLine(event.what);
      return event.phase === "screen" ? `#${event.number ?? ""} ${oneLine(event.what)}` : phases[event.phase];
    case "evaluation": {
      const which = runWords(event);
      if (event.evaluation.failure !== null)
        return `  ${which}: ${event.evaluation.failure.kind}: ${oneLine(event.evaluation.failure.message)}`;
      if (event.value === null)
        return `  ${which}: done in ${duration(event.evaluation.wallMs)}, its value stays hidden`;
      // Another stage has another scale than the noise of the deciding one.
      const scale = event.stage === undefined ? scaled(event.value) : scaleOf(metric, null, [event.value]);
      const text = quantity(event.value, scale);
      return `  ${which}: ${text} in ${duration(event.evaluation.wallMs)}${event.recalled ? " (recalled)" : ""}`;
    }
    case "noise": {
      const scale = scaleOf(metric, event.deterministic ? null : event.sigma, event.values);
      const noise = event.deterministic ? "deterministic" : `σ ${value(event.sigma, scale)}`;
      return `baseline ${oneLine(metric.name)} ${quantity(event.mean, scale)}, ${noise}, ${plural(event.values.length, "run")}`;
    }
    case "decision": {
      const scale = scaled(event.best, ...(event.value === null ? [] : [event.value]));
      const { kind } = event.decision;
      const size =
        kind === "keep" && event.decision.effect !== null ? ` ${effect(event.decision.effect, scale)}` : "";
      return `#${event.number} ${left(kind, 7)}${size}  best ${quantity(event.best, scale)}  ${oneLine(event.what)}: ${oneLine(event.decision.reason)}${event.decision.doubt === null ? "" : ` (waits for review: ${oneLine(event.decision.doubt)})`}`;
    }
    case "audit": {
      const scale = scaled(event.baselineMean, event.finalMean);
      return `audit: ${value(event.baselineMean, scale)} → ${quantity(event.finalMean, scale)}, gain ${effect(event.effect, scale)} (${event.pairs === 1 ? onePair : `95 % interval ${effectInterval(event.interval, scale)}, ${plural(event.pairs, "pair")}`})`;
    }
    case "stop":
      return `${event.reason.startsWith("stopped") ? "" : "stopped: "}${oneLine(event.reason)}${event.final ? "" : "; `whet run` goes on"}`;
    default:
      return null;
  }
}
