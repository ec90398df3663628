import type { RowStatus } from "../../notebook/index.ts";

export interface SmallPoint {
  value: number | null;
  status: RowStatus;
}

export interface SmallChart {
  /** Of characters. */
  width: number;
  height: number;
  direction: "minimize" | "maximize";
  baseline: number;
}

/** One character of a small chart. `line`: the best so far runs through it; `dot`: only other values. */
export interface Cell {
  text: string;
  kind: "line" | "dot" | "empty";
}

// Bits of a braille character's dots by column and row (Unicode chapter 21.1).
const bits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/** The best so far as a staircase of braille dots, better always up, the other values as single dots. */
export function brailleChart(points: readonly SmallPoint[], chart: SmallChart): Cell[][] {
  const { width, height, baseline } = chart;
  const sign = chart.direction === "minimize" ? -1 : 1;
  const wide = width * 2;
  const tall = height * 4;
  const gain = (value: number) => sign * (value - baseline);
  let best = 0;
  const stairs = [0];
  const dots: { at: number; gain: number }[] = [];
  for (const [index, point] of points.entries()) {
    if (point.value !== null && Number.isFinite(point.value)) {
      if (point.status === "keep") best = gain(point.value);
      else if (point.status === "discard") dots.push({ at: index + 1, gain: gain(point.value) });
    }
    stairs.push(best);
  }
  const top = Math.max(...spread(stairs), 0);
  const low = Math.min(...spread(stairs), 0);
  const span = top - low;
  const worst = [...dots].sort((a, b) => a.gain - b.gain)[Math.floor(dots.length * 0.2)]?.gain ?? 0;
  const bottom = span > 0 ? Math.max(Math.min(low, worst), low - span * 0.5) : Math.min(worst, -1e-12);
  const ceiling = span > 0 ? top : Math.max(Math.abs(bottom), 1e-12);
  const mask = new Uint8Array(width * height);
  const lined = new Uint8Array(width * height);
  const set = (column: number, row: number, line: boolean) => {
    if (column < 0 || row < 0 || column >= wide || row >= tall) return;
    const cell = Math.floor(row / 4) * width + Math.floor(column / 2);
    mask[cell] = (mask[cell] as number) | ((bits[column % 2] as readonly number[])[row % 4] as number);
    if (line) lined[cell] = 1;
  };
  const rowOf = (g: number) => Math.round((1 - (g - bottom) / (ceiling - bottom)) * (tall - 1));
  const columnOf = (index: number) => Math.round((index / Math.max(1, stairs.length - 1)) * (wide - 1));
  for (const dot of dots) set(columnOf(dot.at), rowOf(dot.gain), false);
  for (let column = 0; column < wide; column++) {
    const at = (c: number) =>
      stairs[
        Math.min(stairs.length - 1, Math.floor((c / Math.max(1, wide - 1)) * (stairs.length - 1) + 1e-9))
      ] as number;
    const row = rowOf(at(column));
    const before = column === 0 ? row : rowOf(at(column - 1));
    for (let r = Math.min(row, before); r <= Math.max(row, before); r++) set(column, r, true);
  }
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x): Cell => {
      const code = mask[y * width + x] as number;
      if (code === 0) return { text: " ", kind: "empty" };
      return { text: String.fromCharCode(0x2800 + code), kind: lined[y * width + x] === 1 ? "line" : "dot" };
    }),
  );
}

// Math.max(...list) overflows the stack for very long lists.
function spread(list: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const x of list) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return [low, high];
}
