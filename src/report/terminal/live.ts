import type { LiveView } from "../../notebook/index.ts";
import { duration, oneLine, plural, quantity, type Scale, scaleOf } from "../words/format.ts";
import { clip, columns, type Paint, paints } from "./columns.ts";
import { bar, smallChart, tallyLine } from "./terminal.ts";

export const phases: Record<LiveView["phase"], string> = {
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
  const tally = { all, keeps: view.keeps, discards: view.discards, failures: view.failures, open: 0 };
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
