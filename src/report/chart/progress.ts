import { failed, isUndecided, type Notebook, type Row } from "../../notebook/index.ts";
import { escaped } from "../words/escaped.ts";
import {
  duration,
  effect,
  oneLine,
  plural,
  probability,
  type Scale,
  shorten,
  value,
} from "../words/format.ts";
import { type Headline, headline, notebookScale } from "../words/words.ts";
import { type Box, leaderBox, placeLabels } from "./labels.ts";
import { fitted, textWidth } from "./lettering.ts";

export interface ChartOptions {
  /** Pixels, at least 480 by 320. */
  width: number;
  height: number;
  /** `page`: without title and colours, which the page around it brings (`chartColours`). */
  theme: "light" | "dark" | "page";
}

interface Palette {
  paper: string;
  ink: string;
  muted: string;
  faint: string;
  grid: string;
  keep: string;
  keepInk: string;
  discard: string;
  fail: string;
  audit: string;
  band: string;
}

const light: Palette = {
  paper: "#ffffff",
  ink: "#14181d",
  muted: "#59636e",
  faint: "#8a949e",
  grid: "#e9ecef",
  keep: "#0b8457",
  keepInk: "#0a5f40",
  discard: "#a3acb5",
  fail: "#c2410c",
  audit: "#4338ca",
  band: "#64748b",
};

const dark: Palette = {
  paper: "#11151a",
  ink: "#eef1f4",
  muted: "#a2acb7",
  faint: "#7a8591",
  grid: "#262d35",
  keep: "#34d399",
  keepInk: "#8ce8c3",
  discard: "#66717d",
  fail: "#fb923c",
  audit: "#a5a8fb",
  band: "#94a3b8",
};

/** The rules that colour a chart drawn with theme `page`. */
export function chartColours(theme: "light" | "dark"): string {
  const p = theme === "light" ? light : dark;
  return `.wc-paper{fill:${p.paper}}.wc-ink{fill:${p.ink}}.wc-muted{fill:${p.muted}}.wc-faint{fill:${p.faint}}.wc-grid{stroke:${p.grid}}.wc-axis{stroke:${p.faint}}.wc-stair{stroke:${p.keep};fill:none}.wc-area{fill:${p.keep};fill-opacity:${theme === "light" ? 0.07 : 0.1}}.wc-keep{fill:${p.keep};stroke:${p.paper}}.wc-hollow{fill:${p.paper};stroke:${p.keep}}.wc-label{fill:${p.keepInk}}.wc-halo{stroke:${p.paper}}.wc-leader{stroke:${p.keep};stroke-opacity:.45}.wc-discard{fill:${p.discard};fill-opacity:.8}.wc-unseen{fill:none;stroke:${p.discard}}.wc-fail{stroke:${p.fail}}.wc-fail-ink{fill:${p.fail}}.wc-audit{stroke:${p.audit}}.wc-audit-fill{fill:${p.audit};stroke:${p.paper}}.wc-audit-ink{fill:${p.audit}}.wc-band{fill:${p.band};fill-opacity:${theme === "light" ? 0.13 : 0.17}}.wc-base{stroke:${p.band}}.wc-base-dot{fill:${p.band};stroke:${p.paper}}`;
}

// Condensed first, so that the picture made from this drawing and the drawing in a browser have the same proportions.
const family = "Inter,'Helvetica Neue',Arial,'DejaVu Sans Condensed','DejaVu Sans',sans-serif";

/**
 * The progress of a session: every experiment, the kept staircase, the noise of the baseline, and the audited gain.
 * The headline is the audit's; a sum of kept effects is nowhere.
 */
export function progressSvg(notebook: Notebook, options: ChartOptions): string {
  const { width, height } = options;
  const scale = notebookScale(notebook);
  const head = headline(notebook);
  const rows = notebook.experiments.filter((row) => !isUndecided(row.status));
  const titled = options.theme !== "page";
  const plot: Box = { left: 78, top: titled ? 152 : 62, right: width - 36, bottom: height - 98 };
  const audited = notebook.audit !== null;
  const last = Math.max(1, rows.at(-1)?.id ?? 1);
  const right = plot.right - (audited ? 74 : 14);
  const x = (id: number) => plot.left + 22 + ((right - plot.left - 22) * id) / last;
  const range = verticalRange(notebook, rows);
  const up = notebook.metric.direction === "maximize";
  const y = (v: number) =>
    plot.bottom - ((v - range.low) / (range.high - range.low)) * (plot.bottom - plot.top);
  const parts: string[] = [];
  const add = (text: string) => parts.push(text);

  add(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(`${notebook.lab}: ${head.claim}. ${head.evidence}`)}" font-family="${family}">`,
  );
  if (options.theme !== "page") add(`<style>${chartColours(options.theme)}</style>`);
  add(`<rect class="wc-paper" width="${width}" height="${height}"/>`);
  if (titled) drawTitle(add, notebook, head, width);

  const decimals = tickDecimals(range);
  for (const tick of ticks(range.low, range.high, Math.max(3, Math.round((plot.bottom - plot.top) / 74)))) {
    add(line("wc-grid", plot.left, y(tick), plot.right, y(tick), 1));
    add(text("wc-muted", plot.left - 12, y(tick) + 4.5, value(tick, { decimals, unit: "" }), 13, "end"));
  }
  for (const tick of ticks(0, last, Math.max(3, Math.round((right - plot.left) / 90))).filter(
    Number.isInteger,
  )) {
    add(line("wc-axis", x(tick), plot.bottom + 30, x(tick), plot.bottom + 35, 1));
    add(text("wc-muted", x(tick), plot.bottom + 50, String(tick), 13, "middle"));
  }
  add(line("wc-axis", plot.left, plot.bottom + 30, plot.right, plot.bottom + 30, 1));
  const unit = notebook.metric.unit ? `, ${oneLine(notebook.metric.unit)}` : "";
  const axis = `${fitted(oneLine(notebook.metric.name) + unit, 260, 13, true)}  ${up ? "↑ higher is better" : "↓ lower is better"}`;
  add(text("wc-muted", 36, plot.top - 17, axis, 13, "start", "600"));

  drawBaseline(add, notebook, scale, plot, y);
  const keeps = rows.filter(isKept);
  const stair = staircase(notebook, keeps, x, right);
  add(`<path class="wc-area" d="${pathOf(stair, y)}V${n(y(notebook.baseline.mean))}H${n(x(0))}Z"/>`);

  const crowded = rows.length > 220;
  const dot = crowded ? 2.3 : rows.length > 90 ? 3 : 3.8;
  const faint: Box[] = [];
  let clipped = false;
  // Thousands of discards lie on top of each other: those that nobody could tell apart are drawn once.
  const vast = rows.length > 3000;
  const taken = new Set<string>();
  for (const row of rows) {
    if (isKept(row)) continue;
    const at = x(row.id);
    const tip = tooltip(row, scale);
    const data = `data-id="${row.id}"`;
    const centre = plot.bottom + 15;
    if (isUnseen(row))
      add(
        `<circle class="wc-unseen" ${data} stroke-width="1.4" cx="${n(at)}" cy="${n(centre)}" r="${crowded ? 2 : 3}">${tip}</circle>`,
      );
    else if (row.value === null || !Number.isFinite(row.value) || failed(row)) {
      const arm = crowded ? 2.5 : 3.8;
      add(
        `<path class="wc-fail" ${data} stroke-width="${crowded ? 1.4 : 1.9}" stroke-linecap="round" d="M${n(at - arm)} ${n(centre - arm)}l${2 * arm} ${2 * arm}m0 ${-2 * arm}l${-2 * arm} ${2 * arm}">${tip}</path>`,
      );
    } else if (row.value > range.high || row.value < range.low) {
      clipped = true;
      const above = row.value > range.high;
      const edge = above ? plot.top + 3 : plot.bottom - 3;
      const point = above ? -1 : 1;
      add(
        `<path class="wc-discard" ${data} d="M${n(at - dot - 0.6)} ${n(edge)}h${n(2 * dot + 1.2)}l${n(-dot - 0.6)} ${n(point * (dot + 2.6))}z">${tip}</path>`,
      );
    } else {
      const cy = y(row.value);
      const spot = `${Math.round(at * 2)} ${Math.round(cy)}`;
      if (vast && taken.has(spot)) continue;
      taken.add(spot);
      faint.push({ left: at - dot, right: at + dot, top: cy - dot, bottom: cy + dot });
      add(`<circle class="wc-discard" ${data} cx="${n(at)}" cy="${n(cy)}" r="${dot}">${tip}</circle>`);
    }
  }
  add(`<path class="wc-stair" stroke-width="2.5" stroke-linejoin="round" d="${pathOf(stair, y)}"/>`);
  drawAudit(add, notebook, scale, plot, y, stair);
  drawLabels(add, keeps, notebook, { x, y, plot, right, faint, stair, crowded });
  for (const row of keeps) {
    const radius = crowded && keeps.length > 40 ? 3.6 : 5.6;
    add(
      `<circle class="${row.provisional ? "wc-hollow" : "wc-keep"}" data-id="${row.id}" stroke-width="${row.provisional ? 2.2 : 1.6}" cx="${n(x(row.id))}" cy="${n(y(row.value as number))}" r="${radius}">${tooltip(row, scale)}</circle>`,
    );
  }
  add(
    `<circle class="wc-base-dot" stroke-width="1.6" cx="${n(x(0))}" cy="${n(y(notebook.baseline.mean))}" r="5.6"><title>Baseline ${escaped(value(notebook.baseline.mean, scale))}</title></circle>`,
  );
  drawLegend(add, notebook, rows, plot, height, clipped);
  add("</svg>");
  return parts.join("");
}

type Add = (text: string) => void;

function drawTitle(add: Add, notebook: Notebook, head: Headline, width: number): void {
  const left = 36;
  const room = width - 2 * left;
  const name = fitted(oneLine(notebook.lab), room * 0.4, 15, true);
  add(text("wc-ink", left, 38, name, 15, "start", "600"));
  const after = left + textWidth(name, 15, true) + 12;
  const goal = fitted(oneLine(notebook.goal), room - (after - left), 15);
  add(text("wc-muted", after, 38, goal, 15, "start"));
  const size = 27;
  const claim = fitted(oneLine(head.claim), room, size, true);
  add(text(head.kind === "gain" ? "wc-ink" : "wc-muted", left, 73, claim, size, "start", "700"));
  const beside = left + textWidth(claim, size, true) + 18;
  const evidence = oneLine(head.evidence);
  if (width - left - beside >= textWidth(evidence, 15) * 0.75)
    add(text("wc-muted", beside, 73, fitted(evidence, width - left - beside, 15), 15, "start"));
  const { all, keeps, discards, failures, open } = notebook.tally;
  const facts = [
    plural(all, "experiment"),
    `${keeps} kept`,
    `${discards} discarded`,
    `${failures} failed`,
    ...(open > 0 ? [`${open} open`] : []),
    `${notebook.channel} metric`,
    `isolation ${notebook.isolation.level}`,
    `trust grade ${notebook.grade.letter}`,
    ...(notebook.ended === null ? [] : [duration(notebook.ended - notebook.started)]),
  ].join(" · ");
  add(text("wc-muted", left, 98, fitted(facts, room, 13), 13, "start"));
}

function drawBaseline(add: Add, notebook: Notebook, scale: Scale, plot: Box, y: (v: number) => number): void {
  const { mean } = notebook.baseline;
  const sigma = noiseOf(notebook);
  if (sigma > 0) {
    const top = Math.max(plot.top, Math.min(y(mean + sigma), y(mean - sigma)));
    const bottom = Math.min(plot.bottom, Math.max(y(mean + sigma), y(mean - sigma)));
    add(
      `<rect class="wc-band" x="${plot.left}" y="${n(top)}" width="${n(plot.right - plot.left)}" height="${n(Math.max(1, bottom - top))}"/>`,
    );
  }
  add(
    `<path class="wc-base" stroke-width="1.3" stroke-dasharray="5 4" d="M${plot.left} ${n(y(mean))}H${n(plot.right)}"><title>Baseline ${escaped(value(mean, scale))}</title></path>`,
  );
  const words = `baseline ${value(mean, scale)}${sigma > 0 ? ` ± ${value(sigma, scale)} (one run)` : ""}`;
  // On the worse side of the line, where the staircase never is.
  const worse = notebook.metric.direction === "minimize" ? -1 : 1;
  const reach = sigma > 0 ? Math.abs(y(mean + sigma) - y(mean)) : 0;
  const at = y(mean) + worse * (Math.min(reach, 60) + (worse < 0 ? 7 : 16));
  const inPlot = Math.min(plot.bottom - 4, Math.max(plot.top + 13, at));
  add(halo("wc-muted", plot.right - 4, inPlot, words, 12.5, "end"));
}

function drawAudit(
  add: Add,
  notebook: Notebook,
  scale: Scale,
  plot: Box,
  y: (v: number) => number,
  stair: Stair,
): void {
  const { audit, metric } = notebook;
  if (audit === null) return;
  const at = plot.right - 34;
  const sign = metric.direction === "minimize" ? -1 : 1;
  const clip = (v: number) => Math.min(plot.bottom, Math.max(plot.top, y(v)));
  const ends = audit.interval.map((gain) => clip(audit.baselineMean + sign * gain)) as [number, number];
  const middle = clip(audit.finalMean);
  const end = stair.points.at(-1);
  if (end !== undefined)
    add(
      `<path class="wc-audit" stroke-width="1.2" stroke-dasharray="2 3" d="M${n(end.x)} ${n(y(end.v))}L${n(at)} ${n(middle)}"/>`,
    );
  add(
    `<path class="wc-audit" stroke-width="2" d="M${n(at)} ${n(ends[0])}V${n(ends[1])}M${n(at - 6)} ${n(ends[0])}h12M${n(at - 6)} ${n(ends[1])}h12"/>`,
  );
  const tip = `Audited: ${value(audit.finalMean, scale)}, gain ${effect(audit.effect, scale)}`;
  add(
    `<path class="wc-audit-fill" stroke-width="1.6" d="M${n(at)} ${n(middle - 8)}l8 8l-8 8l-8 -8z"><title>${escaped(tip)}</title></path>`,
  );
  const low = Math.max(...ends, middle + 8);
  const below = low + 34 < plot.bottom;
  const first = below ? low + 17 : Math.min(...ends, middle - 8) - 22;
  add(halo("wc-audit-ink", at, first, "audited", 12.5, "middle", "600"));
  add(halo("wc-audit-ink", at, first + 15, value(audit.finalMean, scale), 12.5, "middle", "600"));
}

/** More words than this and the picture is a page of text: the largest steps are named. */
const mostLabels = 18;

interface Frame {
  x: (id: number) => number;
  y: (v: number) => number;
  plot: Box;
  right: number;
  faint: Box[];
  stair: Stair;
  crowded: boolean;
}

function drawLabels(add: Add, keeps: readonly Row[], notebook: Notebook, frame: Frame): void {
  const { x, y, plot, right, stair } = frame;
  const size = 12.5;
  const side = notebook.metric.direction === "minimize" ? 1 : -1;
  const room = keeps.length <= 12 ? 360 : 310;
  const words = keeps.map((row) => ({
    full: fitted(oneLine(row.what), room, size),
    short: fitted(oneLine(row.what), 170, size),
  }));
  const wanted = keeps.map((row, index) => ({
    x: x(row.id),
    y: y(row.value as number),
    width: textWidth(words[index]?.full ?? "", size) + 2,
    shortWidth: textWidth(words[index]?.short ?? "", size) + 2,
    height: 14,
    weight: row.effect ?? 0,
  }));
  const solid: Box[] = [
    ...keeps.map((row) => around(x(row.id), y(row.value as number), 6)),
    around(x(0), y(notebook.baseline.mean), 6),
    ...stairBoxes(stair, y),
  ];
  const bounds = {
    left: plot.left + 4,
    right: Math.max(right + 10, plot.left + 40),
    top: plot.top + 2,
    bottom: plot.bottom - 2,
  };
  const mean = y(notebook.baseline.mean);
  solid.push({ left: plot.left, right: plot.right, top: mean - 1, bottom: mean + 1 });
  for (const { index, box, short, leader } of placeLabels(
    wanted,
    bounds,
    solid,
    frame.faint,
    side,
    mostLabels,
  )) {
    const point = wanted[index] as { x: number; y: number };
    if (leader) {
      const at = leaderBox(point, box);
      add(line("wc-leader", point.x, at.top, point.x, at.bottom, 1));
    }
    add(
      halo(
        "wc-label",
        box.left + 1,
        box.top + 11.2,
        (short ? words[index]?.short : words[index]?.full) ?? "",
        size,
        "start",
      ),
    );
  }
}

function drawLegend(
  add: Add,
  notebook: Notebook,
  rows: readonly Row[],
  plot: Box,
  height: number,
  clipped: boolean,
): void {
  const at = height - 18;
  let left = plot.left;
  const item = (mark: (x: number) => string, words: string) => {
    add(mark(left + 6));
    add(text("wc-muted", left + 18, at, words, 12.5, "start"));
    left += 18 + textWidth(words, 12.5) + 24;
  };
  const middle = at - 4.4;
  item((x) => `<circle class="wc-keep" cx="${n(x)}" cy="${n(middle)}" r="5"/>`, "kept");
  if (rows.some((row) => row.status === "keep" && row.provisional))
    item(
      (x) => `<circle class="wc-hollow" stroke-width="2.2" cx="${n(x)}" cy="${n(middle)}" r="4.4"/>`,
      "kept, provisional",
    );
  item((x) => `<circle class="wc-discard" cx="${n(x)}" cy="${n(middle)}" r="4"/>`, "discarded");
  if (rows.some(isUnseen))
    item(
      (x) => `<circle class="wc-unseen" stroke-width="1.4" cx="${n(x)}" cy="${n(middle)}" r="3.4"/>`,
      notebook.ladder.length > 0 ? "discarded on an earlier stage" : "discarded without a value",
    );
  if (rows.some(failed))
    item(
      (x) =>
        `<path class="wc-fail" stroke-width="1.9" stroke-linecap="round" d="M${n(x - 3.8)} ${n(middle - 3.8)}l7.6 7.6m0 -7.6l-7.6 7.6"/>`,
      "failed",
    );
  if (clipped)
    item(
      (x) => `<path class="wc-discard" d="M${n(x - 4.5)} ${n(middle + 3)}h9l-4.5 -7z"/>`,
      "beyond the scale",
    );
  if (noiseOf(notebook) > 0)
    item(
      (x) => `<rect class="wc-band" x="${n(x - 8)}" y="${n(middle - 6)}" width="16" height="12"/>`,
      "noise of one run",
    );
  if (notebook.audit !== null)
    item(
      (x) => `<path class="wc-audit-fill" d="M${n(x)} ${n(middle - 6)}l6 6l-6 6l-6 -6z"/>`,
      notebook.audit.interval[0] === notebook.audit.interval[1] ? "audited" : "audited, 95 % interval",
    );
  add(text("wc-muted", plot.right, at, "experiment", 13, "end", "600"));
}

/** Sigma of one run, 0 where there is none to draw. */
function noiseOf(notebook: Notebook): number {
  const { sigma } = notebook;
  return notebook.deterministic || sigma === null || !Number.isFinite(sigma) ? 0 : sigma;
}

/** Discarded before it had a value that could be drawn, such as on a cheaper stage: no failure. */
function isUnseen(row: Row): boolean {
  return row.status === "discard" && (row.value === null || !Number.isFinite(row.value));
}

/** Kept, with a value that can be drawn. */
function isKept(row: Row): boolean {
  return row.status === "keep" && row.value !== null && Number.isFinite(row.value);
}

interface Stair {
  points: { x: number; v: number }[];
  end: number;
}

/** The incumbent's value as it was when kept, from the baseline on. */
function staircase(notebook: Notebook, keeps: readonly Row[], x: (id: number) => number, end: number): Stair {
  const points = [{ x: x(0), v: notebook.baseline.mean }];
  for (const row of keeps) points.push({ x: x(row.id), v: row.value as number });
  const lastPoint = points.at(-1) as { x: number; v: number };
  return { points: [...points, { x: Math.max(end, lastPoint.x), v: lastPoint.v }], end };
}

function pathOf(stair: Stair, y: (v: number) => number): string {
  const [first, ...rest] = stair.points;
  if (first === undefined) return "";
  return `M${n(first.x)} ${n(y(first.v))}${rest.map((point) => `H${n(point.x)}V${n(y(point.v))}`).join("")}`;
}

function stairBoxes(stair: Stair, y: (v: number) => number): Box[] {
  const boxes: Box[] = [];
  for (const [index, point] of stair.points.entries()) {
    const before = stair.points[index - 1];
    if (before === undefined) continue;
    const [from, to] = [y(before.v), y(point.v)];
    boxes.push({ left: before.x, right: point.x, top: from - 2, bottom: from + 2 });
    boxes.push({
      left: point.x - 2,
      right: point.x + 2,
      top: Math.min(from, to),
      bottom: Math.max(from, to),
    });
  }
  return boxes;
}

interface Range {
  low: number;
  high: number;
}

/**
 * The visible values: all of the kept story, and of the discards what is not far off, so that one wild candidate cannot
 * flatten the rest.
 */
function verticalRange(notebook: Notebook, rows: readonly Row[]): Range {
  const sign = notebook.metric.direction === "minimize" ? -1 : 1;
  const { mean } = notebook.baseline;
  const sigma = noiseOf(notebook);
  // In gains over the baseline, so that better is up in both directions.
  const gains = (status: "keep" | "discard") =>
    rows
      .flatMap((row) => (row.status === status && row.value !== null ? [sign * (row.value - mean)] : []))
      .filter(Number.isFinite);
  const core = [
    0,
    ...gains("keep"),
    ...(notebook.audit === null
      ? []
      : [
          sign * (notebook.audit.finalMean - mean),
          sign * (notebook.audit.baselineMean - mean) + notebook.audit.interval[0],
          sign * (notebook.audit.baselineMean - mean) + notebook.audit.interval[1],
        ]),
  ].filter(Number.isFinite);
  const discards = gains("discard").sort((a, b) => a - b);
  const best = core.reduce((a, b) => Math.max(a, b), 1.6 * sigma);
  const worst = core.reduce((a, b) => Math.min(a, b), -1.6 * sigma);
  const quantile = (q: number) =>
    discards[Math.min(discards.length - 1, Math.floor(q * discards.length))] ?? 0;
  let span = best - worst;
  if (!(span > 0)) {
    const middle = (quantile(0.75) - quantile(0.25)) * 2;
    span = middle > 0 ? middle : Math.abs(mean) * 0.05 || 1;
  }
  const low = Math.max(Math.min(worst, quantile(0.12)), worst - 0.62 * span);
  const high = Math.min(Math.max(best, discards.at(-1) ?? 0), best + 0.15 * span);
  const whole = high - low || span;
  // Room for the labels on the better side.
  const bottom = low - 0.06 * whole;
  const top = high + 0.17 * whole;
  const range =
    sign === 1 ? { low: mean + bottom, high: mean + top } : { low: mean - top, high: mean - bottom };
  // A span below the precision of the numbers themselves cannot be drawn.
  if (range.high - range.low > Math.abs(mean) * 1e-12) return range;
  const reach = Math.abs(mean) * 1e-6 || 1;
  return { low: mean - reach, high: mean + reach };
}

/** Round values between two ends, about as many as asked for. */
export function ticks(low: number, high: number, about: number): number[] {
  const step = tickStep(low, high, about);
  const result: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && result.length < 100; i++)
    result.push(Number((i * step).toPrecision(12)));
  return result;
}

function tickStep(low: number, high: number, about: number): number {
  const raw = (high - low) / Math.max(1, about) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= raw * 0.999) ?? 10;
  return factor * power;
}

function tickDecimals(range: Range): number {
  return Math.min(10, Math.max(0, -Math.floor(Math.log10(tickStep(range.low, range.high, 6)) + 1e-9)));
}

function tooltip(row: Row, scale: Scale): string {
  const words = [
    `#${row.id} ${row.status}${row.failureKind ? ` (${row.failureKind})` : ""}: ${shorten(oneLine(row.what), 160)}`,
    ...(row.value === null ? [] : [`value ${value(row.value, scale)}`]),
    ...(row.effect === null ? [] : [`effect ${effect(row.effect, scale)}`]),
    ...(row.pReal === null ? [] : [`${probability(row.pReal)} likely to be real`]),
  ];
  return `<title>${escaped(words.join("\n"))}</title>`;
}

function around(x: number, y: number, radius: number): Box {
  return { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius };
}

function line(style: string, x1: number, y1: number, x2: number, y2: number, width: number): string {
  return `<path class="${style}" stroke-width="${width}" d="M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}"/>`;
}

function text(
  style: string,
  x: number,
  y: number,
  words: string,
  size: number,
  anchor: string,
  weight = "400",
): string {
  return `<text class="${style}" x="${n(x)}" y="${n(y)}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}">${escaped(words)}</text>`;
}

/** Text with a rim in the colour of the paper, so that it can be read over dots and lines. */
function halo(
  style: string,
  x: number,
  y: number,
  words: string,
  size: number,
  anchor: string,
  weight = "400",
): string {
  return `<text class="${style} wc-halo" x="${n(x)}" y="${n(y)}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}" stroke-width="4" stroke-linejoin="round" paint-order="stroke">${escaped(words)}</text>`;
}

/** A coordinate with one decimal. */
function n(x: number): string {
  return String(Math.round(x * 10) / 10);
}
