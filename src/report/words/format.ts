import type { ReportMetric } from "../../notebook/index.ts";
import { printable } from "../../printable.ts";

/** How many decimals the values of one metric are shown with, so that columns line up. */
export interface Scale {
  decimals: number;
  unit: string;
}

/**
 * Two digits of the noise are worth showing; without noise, five significant digits of the smallest usual value.
 * @param values what will be shown, to judge magnitude where there is no noise; non-finite values are ignored
 */
export function scaleOf(metric: ReportMetric, sigma: number | null, values: readonly number[]): Scale {
  const unit = metric.unit ?? "";
  if (sigma !== null && Number.isFinite(sigma) && sigma > 0)
    return { decimals: clamp(1 - Math.floor(Math.log10(sigma)), 0, 8), unit };
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return { decimals: 4, unit };
  if (finite.every(Number.isInteger)) return { decimals: 0, unit };
  const magnitudes = finite.map(Math.abs).filter((value) => value > 0);
  magnitudes.sort((a, b) => a - b);
  const middle = magnitudes[Math.floor(magnitudes.length / 2)] ?? 1;
  return { decimals: clamp(4 - Math.floor(Math.log10(middle)), 0, 8), unit };
}

/** A metric's value without its unit; a dash where there is none. */
export function value(x: number | null, scale: Scale): string {
  if (x === null || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size >= 1e12 || (size > 0 && size < 0.5 * 10 ** -scale.decimals && scale.decimals === 8))
    return x.toExponential(3).replace("e+", "e").replace("-", "−");
  const text = size.toFixed(scale.decimals);
  const [whole = "", fraction] = text.split(".");
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole;
  const negative = x < 0 && /[1-9]/.test(text);
  return `${negative ? "−" : ""}${grouped}${fraction === undefined ? "" : `.${fraction}`}`;
}

/** A metric's value with its unit. */
export function quantity(x: number | null, scale: Scale): string {
  const text = value(x, scale);
  return text === "–" || scale.unit === "" ? text : `${text} ${scale.unit}`;
}

/** An improvement with its sign: `+0.0130` is better, `−0.0130` worse. */
export function effect(x: number | null, scale: Scale): string {
  const text = value(x, scale);
  if (text === "–" || x === null) return text;
  return x >= 0 || !text.startsWith("−") ? `+${text}` : text;
}

/** `+0.013 to +0.020`. */
export function effectInterval(range: readonly [number, number] | null, scale: Scale): string {
  return range === null ? "–" : `${effect(range[0], scale)} to ${effect(range[1], scale)}`;
}

/** A fraction as percent without sign: `5.6 %`. */
export function percent(fraction: number): string {
  if (!Number.isFinite(fraction)) return "–";
  const size = Math.abs(fraction) * 100;
  const digits = size >= 100 ? 0 : size >= 9.95 ? 1 : size >= 0.995 ? 1 : 2;
  return `${size.toFixed(digits)} %`;
}

/** A probability: `98 %`, never a rounded 0 or 100. */
export function probability(p: number | null): string {
  if (p === null || !Number.isFinite(p)) return "–";
  if (p > 0.995) return "> 99 %";
  if (p < 0.005) return "< 1 %";
  return `${Math.round(p * 100)} %`;
}

/** How many of some keeps are expected to be chance: `0.4`, `less than 0.05`. */
export function expectedFalse(count: number): string {
  return count < 0.05 ? "less than 0.05" : count.toFixed(1);
}

/** A p-value: `0.0096`, `< 0.0001`. */
export function pValue(p: number | null): string {
  if (p === null || !Number.isFinite(p)) return "–";
  if (p < 0.0001) return "< 0.0001";
  return p < 0.01 ? p.toFixed(4) : p.toFixed(3);
}

/** Milliseconds in two units at most: `850 ms`, `12.3 s`, `4 min 05 s`, `7 h 02 min`, `2 d 03 h`. */
export function duration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return "–";
  const size = Math.max(0, ms);
  if (size < 999.5) return `${Math.round(size)} ms`;
  if (size < 59_950) return `${(size / 1000).toFixed(1)} s`;
  const seconds = Math.round(size / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(size / 60_000);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(size / 3_600_000);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** Bytes in powers of 1024: `812 B`, `1.4 GiB`. */
export function bytes(n: number | null): string {
  if (n === null || !Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = Math.max(0, n);
  let unit = 0;
  while (size >= 1023.95 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(size)} B` : `${size.toFixed(size >= 99.95 ? 0 : 1)} ${units[unit]}`;
}

/** `1 run`, `12 runs`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  // The language data behind toLocaleString takes 10 ms to load.
  return `${String(n).replace(/\B(?=(\d{3})+$)/g, ",")} ${n === 1 ? one : many}`;
}

/** Milliseconds since the epoch as `2026-11-21 03:37 UTC`. */
export function moment(at: number): string {
  const text = new Date(at).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

/** Words of ASCII with single spaces: by far the most common, and in need of nothing. */
const tidy = /^(?:[!-~]+(?: [!-~]+)*)?$/u;

/** One line of printable text: control characters and line ends become spaces. */
export function oneLine(text: string): string {
  if (tidy.test(text)) return text;
  return printable(text.replace(/\s+/gu, " ")).trim();
}

/** Cuts at a number of characters (not of columns), with an ellipsis. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text
    .slice(0, Math.max(0, limit - 1))
    .toWellFormed()
    .replace(/\ufffd$/u, "")
    .trimEnd()}…`;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}
