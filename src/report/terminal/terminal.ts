import {
  type Counts,
  failed,
  isUndecided,
  type Notebook,
  type Parts,
  type ReportMetric,
  type Row,
  type RowStatus,
  type SessionLine,
} from "../../notebook/index.ts";
import { printable } from "../../printable.ts";
import {
  bytes,
  duration,
  effect,
  effectInterval,
  expectedFalse,
  oneLine,
  plural,
  probability,
  pValue,
  quantity,
  type Scale,
  scaleOf,
  value,
} from "../words/format.ts";
import { remarks } from "../words/remarks.ts";
import { costWords } from "../words/turn.ts";
import { spentWords, usedShort, usedWords } from "../words/used.ts";
import {
  channelName,
  driverWords,
  headline,
  isolationName,
  machineWords,
  notebookScale,
} from "../words/words.ts";
import { brailleChart, type SmallPoint } from "./braille.ts";
import { clip, columns, cut, left, type Paint, paints, table, wrap } from "./columns.ts";

export interface PageOptions {
  colour: boolean;
  /** Columns of the terminal. */
  width: number;
  /** Nothing of what the data says is cut: it goes into a file or a pipe, which have no width. */
  whole?: boolean;
}

/** The width of a line that must not be broken: the terminal's, or none. */
export function lineWidth({ whole, width }: PageOptions): number {
  return whole ? Number.POSITIVE_INFINITY : Math.max(40, width);
}

/** `whet status`: the result, the best so far, the last experiments, and what to do next. */
export function statusText(
  notebook: Notebook,
  options: PageOptions & { /** The lab's other sessions, newest first. */ others?: readonly SessionLine[] },
): string {
  const paint = paints(options.colour);
  const full = lineWidth(options);
  const width = Math.max(40, options.width);
  const scale = notebookScale(notebook);
  const head = headline(notebook);
  const tally = notebook.tally;
  const out: string[] = [];
  const lab = clip(notebook.lab, Math.floor(full / 2));
  const about = clip(`${notebook.goal} · ${notebook.branch}`, full - columns(lab) - 2);
  out.push(`${paint.bold(lab)}  ${paint.dim(about)}`);
  out.push("");
  out.push(
    (head.kind === "gain" ? (text: string) => paint.bold(paint.green(text)) : paint.bold)(
      clip(head.claim, width),
    ),
  );
  out.push(...wrap(head.evidence, width));
  out.push("");
  const points: SmallPoint[] = notebook.experiments.map((row) => ({ value: row.value, status: row.status }));
  out.push(
    ...smallChart(
      points,
      notebook.metric,
      notebook.baseline.mean,
      notebook.best.value,
      scale,
      Math.min(72, width),
      5,
      paint,
    ),
  );
  out.push("");
  out.push(tallyLine(tally, paint));
  // How it was isolated and how far it can be trusted stand last, and are never cut off.
  out.push(
    ...wrap(
      `${plural(notebook.evaluations, "run")}, ${duration(notebook.evaluationMs)} of evaluation · ${channelName(notebook.channel, notebook.metric)} metric · isolation ${notebook.isolation.level} · trust grade ${notebook.grade.letter}`,
      width,
    ).map(paint.dim),
  );
  if (notebook.isolation.container)
    out.push(...wrap(`isolation ${isolationName(notebook.isolation)}`, width).map(paint.dim));
  if (notebook.grants.length > 0)
    out.push(
      ...wrap(`granted: ${notebook.grants.map(({ grant }) => oneLine(grant)).join("; ")}`, width).map(
        paint.dim,
      ),
    );
  for (const each of notebook.models)
    out.push(...wrap(`model: ${oneLine(spentWords(each))}`, width).map(paint.dim));
  for (const words of driverWords(notebook.drivers))
    out.push(...wrap(`driven: ${words}`, width).map(paint.dim));
  if (notebook.expectedFalseKeeps !== null && tally.keeps > 0)
    out.push(
      paint.dim(
        clip(
          `of ${plural(tally.keeps, "keep")}, ${expectedFalse(notebook.expectedFalseKeeps)} expected to be chance`,
          width,
        ),
      ),
    );
  for (const { kind, text } of remarks(notebook, scale))
    out.push(
      ...wrap(text, width - 2).map((line, index) =>
        kind === "warning"
          ? `${index === 0 ? paint.yellow("!") : " "} ${line}`
          : paint.dim(`${index === 0 ? "·" : " "} ${line}`),
      ),
    );
  const machine = machineWords(notebook.machine, notebook.metric);
  if (machine !== null)
    out.push(
      ...wrap(`machine: ${machine.fact}`, width).map(paint.dim),
      ...(machine.advice === "" ? [] : wrap(machine.advice, width).map(paint.yellow)),
    );
  if (notebook.finalized) out.push(...wrap(finalizedLine(notebook.finalized), width).map(paint.dim));
  const recent = recentRows(notebook.experiments);
  if (recent.length > 0) out.push("", ...table(recent, shape(scale, paint, recent), full, paint));
  const others = (options.others ?? []).filter((other) => other.experiments > 0);
  if (others.length > 0)
    out.push(
      "",
      ...wrap(
        `${tally.all === 0 ? "Nothing has been tried in this session. " : ""}Earlier: ${others
          .slice(0, 3)
          .map((other) => `${other.tag} (${plural(other.experiments, "experiment")}, ${other.keeps} kept)`)
          .join(", ")}${others.length > 3 ? " ..." : ""}; \`whet sessions\` lists them, --tag shows one.`,
        width,
      ).map(paint.dim),
    );
  out.push("", `${paint.cyan("Next:")} ${next(notebook)}`);
  return `${out.join("\n")}\n`;
}

/** The newest keeps, however long ago, and the newest experiments, by number. */
function recentRows(rows: readonly Row[]): Row[] {
  const keeps = rows.filter((row) => row.status === "keep").slice(-10);
  const newest = rows.slice(-5);
  return [...keeps.filter((row) => !newest.includes(row)), ...newest];
}

/** `whet log`: one line for each experiment. */
export function logText(
  rows: readonly Row[],
  options: PageOptions & { metric: ReportMetric; sigma: number | null },
): string {
  if (rows.length === 0) return "No experiments yet. `whet run` makes some.\n";
  const paint = paints(options.colour);
  return `${table(rows, shape(rowsScale(rows, options), paint, rows), lineWidth(options), paint).join("\n")}\n`;
}

/** `whet show`: everything about one experiment except its diff's colours. */
export function showText(
  row: Row,
  options: PageOptions & { metric: ReportMetric; sigma: number | null },
): string {
  const paint = paints(options.colour);
  const width = Math.max(40, options.width);
  const scale = rowsScale([row], options);
  const out: string[] = [];
  out.push(
    `${paint.bold(`Experiment ${row.id}`)}  ${statusWord(row, paint)}${row.provisional ? paint.yellow("  provisional") : ""}`,
  );
  out.push(...wrap(row.what, width), "");
  const fact = (name: string, text: string | undefined | null) => {
    if (text === undefined || text === null || text === "") return;
    const [first = "", ...more] = wrap(text, width - 14);
    out.push(`${paint.dim(left(name, 12))}  ${first}`, ...more.map((line) => `${" ".repeat(14)}${line}`));
  };
  fact("because", row.mechanism);
  fact("prediction", row.prediction);
  fact("decision", row.reason);
  fact("in doubt", row.doubt);
  fact("lesson", row.lesson);
  fact(
    clip(options.metric.name, 12),
    row.value === null
      ? null
      : `${quantity(row.value, scale)}${row.valueRuns === null ? "" : ` (${row.valueRuns === 1 ? "one run" : `mean of ${row.valueRuns} runs`})`}`,
  );
  fact(
    "effect",
    row.effect === null
      ? null
      : `${effect(row.effect, scale)}${row.interval === null ? "" : `, 95 % interval ${effectInterval(row.interval, scale)}`}`,
  );
  fact(
    "evidence",
    row.p === null && row.pReal === null && row.t === null
      ? null
      : [
          ...(row.p === null ? [] : [`p ${pValue(row.p)}`]),
          ...(row.pReal === null ? [] : [`${probability(row.pReal)} likely to be real`]),
          ...(row.t === null ? [] : [`${row.t.toFixed(2)} standard errors`]),
          ...(row.pairs === 0 ? [] : [plural(row.pairs, "head-to-head pair")]),
        ].join(", "),
  );
  fact("failure", row.failureKind);
  fact(
    "cost",
    `${plural(row.runs, "run")}, ${duration(row.wallMs)}${row.peakBytes === null ? "" : `, peak memory ${bytes(row.peakBytes)}`}`,
  );
  fact(
    "asked",
    row.cost && `${plural(row.cost.turns, "turn")}, ${costWords(row.cost)} (\`whet trace ${row.id}\`)`,
  );
  for (const words of row.used ? usedWords(row.used) : []) fact("used", words);
  fact("change", `+${row.added} −${row.removed} lines by ${row.researcher}`);
  fact("commit", row.commit);
  if (row.diff !== "") out.push("", ...diffLines(row.diff, paint));
  if (row.logTail)
    out.push("", paint.dim("last output"), ...tail(row.logTail, 20, width).map((line) => `  ${line}`));
  return `${out.join("\n")}\n`;
}

/** A unified diff for the terminal. */
export function diffLines(diff: string, paint: Paint): string[] {
  return printable(diff)
    .replace(/\n$/u, "")
    .split("\n")
    .map((line) => {
      if (/^(?:\+\+\+|---|diff |index )/u.test(line)) return paint.bold(line);
      if (line.startsWith("@@")) return paint.cyan(line);
      if (line.startsWith("+")) return paint.green(line);
      if (line.startsWith("-")) return paint.red(line);
      return line;
    });
}

/** `whet failures`: by kind, most frequent first, equal reasons told once. */
export function failuresText(rows: readonly Row[], options: PageOptions): string {
  const paint = paints(options.colour);
  const width = Math.max(40, options.width);
  const broken = rows.filter(failed);
  if (broken.length === 0) return "No failures.\n";
  const kinds = [...Map.groupBy(broken, (row) => row.failureKind ?? row.status)].sort(
    (a, b) => b[1].length - a[1].length,
  );
  const out: string[] = [];
  for (const [kind, members] of kinds) {
    if (out.length > 0) out.push("");
    out.push(`${paint.bold(paint.red(clip(kind, 40)))}  ${plural(members.length, "experiment")}`);
    const reasons = [...Map.groupBy(members, (row) => oneLine(row.reason))].sort(
      (a, b) => b[1].length - a[1].length,
    );
    for (const [reason, same] of reasons.slice(0, 8)) {
      const last = same.at(-1) as Row;
      out.push(...wrap(reason, width - 2).map((line) => `  ${line}`));
      const ids =
        same.length > 12
          ? [...same.slice(0, 11).map((row) => `#${row.id}`), `and ${same.length - 11} more`]
          : same.map((row) => `#${row.id}`);
      out.push(...wrap(`${ids.join(" ")}: ${last.what}`, width - 4).map((line) => paint.dim(`    ${line}`)));
      if (last.logTail)
        out.push(...tail(last.logTail, 4, width - 6).map((line) => paint.dim(`    │ ${line}`)));
    }
    if (reasons.length > 8) out.push(paint.dim(`  and ${plural(reasons.length - 8, "further reason")}`));
  }
  return `${out.join("\n")}\n`;
}

/** A braille chart of the best so far, with the values at its two ends. */
export function smallChart(
  points: readonly SmallPoint[],
  metric: ReportMetric,
  baseline: number,
  best: number,
  scale: Scale,
  width: number,
  height: number,
  paint: Paint,
): string[] {
  const ends = [`best ${quantity(best, scale)}`, `baseline ${quantity(baseline, scale)}`] as const;
  const margin = Math.max(columns(ends[0]), columns(ends[1])) + 2;
  const chartWidth = Math.max(10, width - margin);
  const cells = brailleChart(points, { width: chartWidth, height, direction: metric.direction, baseline });
  return cells.map((line, index) => {
    const drawn = line
      .map((cell) =>
        cell.kind === "line"
          ? paint.green(cell.text)
          : cell.kind === "dot"
            ? paint.dim(cell.text)
            : cell.text,
      )
      .join("");
    if (index === 0) return `${drawn}  ${paint.green(ends[0])}`;
    if (index === height - 1) return `${drawn}  ${paint.dim(ends[1])}`;
    return drawn.trimEnd();
  });
}

/** `finalized: 3 of 5 kept changes carry weight; lean without #4, #7`. */
function finalizedLine({ changes, lean }: Parts): string {
  const carrying = changes.filter((part) => part.verdict === "carries weight" || part.verdict === "needed");
  const without = lean ? `; as good without ${lean.removed.map((number) => `#${number}`).join(", ")}` : "";
  return `finalized: ${carrying.length} of ${plural(changes.length, "kept change")} shown to carry weight${without}`;
}

/** `12 experiments   3 kept   8 discarded   1 failed`. */
export function tallyLine(tally: Counts, paint: Paint): string {
  return [
    plural(tally.all, "experiment"),
    paint.green(`${tally.keeps} kept`),
    `${tally.discards} discarded`,
    tally.failures > 0 ? paint.red(`${tally.failures} failed`) : "0 failed",
    ...(tally.open > 0 ? [paint.cyan(`${tally.open} open`)] : []),
  ].join("   ");
}

/** The word for a status, coloured. */
function statusWord(row: { status: RowStatus }, paint: Paint): string {
  return statusPaint(row.status, paint)(row.status);
}

function statusPaint(status: RowStatus, paint: Paint): (text: string) => string {
  if (status === "keep") return (text) => paint.bold(paint.green(text));
  if (status === "discard") return paint.dim;
  return isUndecided(status) ? paint.cyan : paint.red;
}

function shape(scale: Scale, paint: Paint, rows: readonly Row[]) {
  return [
    { title: "#", cell: (row: Row) => String(row.id), align: "right" as const },
    {
      title: "status",
      cell: (row: Row) => row.status,
      paint: (text: string, row: Row) => statusPaint(row.status, paint)(text),
    },
    { title: "value", cell: (row: Row) => value(row.value, scale), align: "right" as const },
    { title: "effect", cell: (row: Row) => effect(row.effect, scale), align: "right" as const },
    { title: "real", cell: (row: Row) => probability(row.pReal), align: "right" as const },
    {
      title: "time",
      cell: (row: Row) => (isUndecided(row.status) ? "" : duration(row.wallMs)),
      align: "right" as const,
    },
    ...(rows.some((row) => usedShort(row.used) !== "")
      ? [{ title: "model", cell: (row: Row) => usedShort(row.used), align: "right" as const }]
      : []),
    { title: "hypothesis", cell: (row: Row) => row.what },
  ];
}

function rowsScale(rows: readonly Row[], options: { metric: ReportMetric; sigma: number | null }): Scale {
  return scaleOf(
    options.metric,
    options.sigma,
    rows.flatMap((row) => (row.value === null ? [] : [row.value])),
  );
}

function next(notebook: Notebook): string {
  const keeps = notebook.tally.keeps;
  if (notebook.process !== null)
    return `process ${notebook.process} is at work on it; \`whet status\` again shows how far it is, Ctrl-C there stops it.`;
  if (notebook.experiments.some((row) => isUndecided(row.status)))
    return "it was ended in the middle of an experiment; `whet run` goes on where it stopped.";
  if (notebook.experiments.length === 0) return "`whet run` starts proposing and measuring.";
  if (notebook.waiting.length > 0) return "`whet review` lists the keeps that are in doubt.";
  if (keeps === 0 && notebook.ended !== null)
    return "`whet log` shows what was tried, `whet context` what was learned; `whet run` with a higher limit goes on.";
  if (notebook.audit === null) return "`whet run` goes on and audits the result at its end.";
  if (notebook.audit.interval[0] <= 0)
    return "no gain is proven: `whet run` with a higher limit goes on looking, `whet log` shows what was tried.";
  if (keeps === 0) return "`whet log` shows what was tried, `whet context` what was learned.";
  return `\`git merge ${oneLine(notebook.branch)}\` takes the improvements, \`whet report\` makes the page${notebook.finalized ? "" : ", `whet finalize` measures each part"}.`;
}

/** The last lines of a log, each cut to the width, empty ones left out. */
function tail(log: string, lines: number, width: number): string[] {
  return printable(log)
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-lines)
    .map((line) => cut(line.replaceAll("\t", "  ").trimEnd(), width));
}

/** A bar of a given share between 0 and 1. */
export function bar(share: number, width: number, paint: Paint): string {
  const full = Math.round(Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * width);
  return `${paint.cyan("━".repeat(full))}${paint.dim("─".repeat(Math.max(0, width - full)))}`;
}
