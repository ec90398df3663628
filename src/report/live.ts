import { clip, columns, left, type Paint, paints } from "./columns.ts";
import {
  duration,
  effect,
  effectInterval,
  oneLine,
  plural,
  quantity,
  type Scale,
  scaleOf,
  value,
} from "./format.ts";
import type { ReportMetric, RowStatus } from "./notebook.ts";
import { bar, smallChart, tallyLine } from "./terminal.ts";
import { onePair } from "./words.ts";

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

const phases: Record<LiveView["phase"], string> = {
  setup: "setting up",
  baseline: "measuring the baseline",
  probe: "trying cheats on the evaluator",
  propose: "looking for the next change",
  screen: "screening",
  race: "racing the incumbent",
  audit: "auditing baseline against final",
  finalize: "measuring the parts of the final state",
};

/** The lines of `whet run` in a terminal, each at most `width` columns, at most `height` lines. */
export function liveScreen(
  view: LiveView,
  options: { width: number; height: number; colour: boolean },
): string[] {
  const paint = paints(options.colour);
  const width = Math.max(20, options.width);
  const scale = viewScale(view);
  const title = clip(view.lab, Math.floor(width / 2));
  const lines = [
    `${paint.bold(title)}  ${paint.dim(clip(`${view.branch} · ${duration(view.sessionElapsedMs)}`, width - columns(title) - 2))}`,
    "",
    ...currentLines(view, width, paint),
    "",
  ];
  const room = options.height - lines.length - 3;
  if (view.baseline !== null && view.best !== null) {
    const points = view.history.map((point) => ({ value: point.value, status: point.status }));
    const chart = Math.min(6, room);
    const ends = Math.max(
      columns(quantity(view.best, scale)) + 5,
      columns(quantity(view.baseline, scale)) + 9,
    );
    if (chart >= 2 && width >= ends + 14)
      lines.push(
        ...smallChart(
          points,
          view.metric,
          view.baseline,
          view.best,
          scale,
          Math.min(80, width),
          chart,
          paint,
        ),
        "",
      );
    else
      lines.push(
        clip(`best ${quantity(view.best, scale)}, baseline ${quantity(view.baseline, scale)}`, width),
      );
  }
  const all = view.keeps + view.discards + view.failures;
  const tally = { all, keeps: view.keeps, discards: view.discards, failures: view.failures };
  const short = `${view.keeps} kept, ${view.discards} discarded, ${view.failures} failed`;
  lines.push(
    columns(tallyLine(tally, paints(false))) <= width ? tallyLine(tally, paint) : clip(short, width),
  );
  lines.push(paint.dim(clip(leftWords(view), width)));
  return lines.length <= options.height ? lines : fitted(lines, options.height);
}

function currentLines(view: LiveView, width: number, paint: Paint): string[] {
  const doing = phases[view.phase];
  const round =
    view.round === null ? "" : ` ${view.round}${view.rounds === null ? "" : ` of ${view.rounds}`}`;
  const arm = view.arm === null || view.phase === "baseline" ? "" : `, ${oneLine(view.arm)}`;
  const about = view.number === null ? "" : `Experiment ${view.number}  `;
  const what = view.what === null ? "" : clip(view.what, width);
  const activity = clip(`${doing}${round === "" ? "" : `: run${round}`}${arm}`, width - columns(about));
  const lines = [`${about === "" ? "" : paint.bold(about)}${paint.cyan(activity)}`, what];
  if (view.budgetMs !== null && view.budgetMs > 0) {
    const clock = `${duration(view.elapsedMs)} of ${duration(view.budgetMs)}`;
    const size = Math.max(4, Math.min(40, width - columns(clock) - 2));
    lines.push(`${bar(view.elapsedMs / view.budgetMs, size, paint)}  ${clip(clock, width - size - 2)}`);
  } else lines.push("");
  lines.push(
    view.lastLine === null || oneLine(view.lastLine) === ""
      ? ""
      : paint.dim(clip(`│ ${oneLine(view.lastLine)}`, width)),
  );
  return lines;
}

function leftWords(view: LiveView): string {
  const limits = [
    ...(view.experimentsLeft === null ? [] : [`${plural(view.experimentsLeft, "experiment")} left`]),
    ...(view.timeLeftMs === null ? [] : [`${duration(view.timeLeftMs)} left`]),
  ];
  return `${limits.length === 0 ? "no limit" : limits.join(", ")} · Ctrl-C stops after this run, \`whet run\` goes on`;
}

/** Empty lines go first, then what stands last. */
function fitted(lines: readonly string[], height: number): string[] {
  return lines.filter((line) => line !== "").slice(0, Math.max(1, height));
}

function viewScale(view: LiveView): Scale {
  const values = view.history.flatMap((point) => (point.value === null ? [] : [point.value]));
  return scaleOf(view.metric, view.sigma, [...(view.baseline === null ? [] : [view.baseline]), ...values]);
}

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
        kind: Exclude<RowStatus, "running">;
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
      return `stopped: ${oneLine(event.reason)}${event.final ? "" : "; `whet run` goes on"}`;
    default:
      return null;
  }
}
