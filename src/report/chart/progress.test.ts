import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostile, retold } from "../../../tests/support/hostile.ts";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import type { Notebook } from "../../notebook/model.ts";
import { type Box, placeLabels } from "./labels.ts";
import { progressSvg, ticks } from "./progress.ts";

const size = { width: 1200, height: 675, theme: "light" } as const;

/** The corners of the staircase, in pixels. */
function stairs(svg: string): number[] {
  const path = /class="wc-stair"[^>]* d="([^"]*)"/u.exec(svg)?.[1] ?? "";
  const start = Number(/^M\S+ ([\d.-]+)/u.exec(path)?.[1]);
  return [start, ...[...path.matchAll(/V([\d.-]+)/gu)].map((match) => Number(match[1]))];
}

describe("the progress chart", () => {
  test("marks every decided experiment exactly once, with a tooltip", () => {
    const notebook = sampleNotebook(120, 6);
    const svg = progressSvg(notebook, size);
    const ids = [...svg.matchAll(/data-id="(\d+)"/gu)].map((match) => Number(match[1])).sort((a, b) => a - b);
    expect(ids).toEqual(notebook.experiments.map((row) => row.id));
    expect(svg.match(/<title>#/gu)).toHaveLength(120);
  });

  test("descends with each keep when lower is better and ascends when higher is", () => {
    const down = stairs(progressSvg(sampleNotebook(60, 5), size));
    expect(down.at(-1)).toBeGreaterThan(down[0] as number);
    const up = stairs(
      progressSvg(sampleNotebook(60, 5, { metric: { name: "score", direction: "maximize" } }), size),
    );
    expect(up.at(-1)).toBeLessThan(up[0] as number);
    const notebook = sampleNotebook(60, 5);
    expect(new Set(down).size).toBe(notebook.experiments.filter((row) => row.status === "keep").length + 1);
  });

  test("is not flattened by wild discards, even when they are many", () => {
    const notebook = sampleNotebook(60, 5);
    const wild = structuredClone(notebook);
    for (const row of wild.experiments) if (row.status === "discard" && row.id % 3 === 0) row.value = 1e9;
    const height = (one: Notebook) => {
      const corners = stairs(progressSvg(one, size));
      return Math.max(...corners) - Math.min(...corners);
    };
    expect(height(wild)).toBeGreaterThan(0.55 * height(notebook));
    expect(progressSvg(wild, size)).toContain("beyond the scale");
  });

  test("marks what an earlier stage dropped as discarded, not as failed", () => {
    const notebook = sampleNotebook(40, 5);
    const rows = notebook.experiments.filter((row) => row.status === "discard" || row.status === "keep");
    const dropped = rows.map((row) => (row.status === "discard" ? { ...row, value: null } : row));
    const rung = { stage: "quick", runs: 30, ms: 9000, transfer: null };
    const svg = progressSvg({ ...notebook, experiments: dropped, ladder: [rung] }, size);
    expect(svg).not.toMatch(/<path class="wc-fail"/u);
    expect(svg.match(/<circle class="wc-unseen" data-id/gu)).toHaveLength(
      dropped.filter((row) => row.status === "discard").length,
    );
    expect(svg).toContain("discarded on an earlier stage");
    expect(progressSvg(notebook, size)).not.toContain('wc-unseen" ');
  });

  test("says in its claim that a keep waits for review", () => {
    expect(progressSvg(sampleNotebook(40, 5, { waiting: [7] }), size)).toMatch(
      />[\d.]+ % lower val_bpb, #7 not yet reviewed</u,
    );
  });

  test("shows the audit's value and interval, or says that there is none", () => {
    const svg = progressSvg(sampleNotebook(43), size);
    expect(svg).toContain("2.6 % lower val_bpb");
    expect(svg).toContain(">audited</text>");
    expect(progressSvg(sampleNotebook(43, 1, { audit: null }), size)).toContain("Not yet audited");
  });

  test("names channel, isolation and trust grade", () => {
    expect(progressSvg(sampleNotebook(5), size)).toContain("scored metric · isolation L2 · trust grade B");
  });

  test("is well formed and free of foreign elements, whatever the data says", () => {
    const notebook = sampleNotebook(12, 3);
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 6 }), (words) => {
        const svg = progressSvg(retold(notebook, words), size);
        const open: string[] = [];
        for (const [, close, name, end] of svg.matchAll(/<(\/?)([a-z]*)(?:[^<>"]|"[^"<>]*")*?(\/?)>/gu)) {
          expect(["svg", "style", "rect", "path", "text", "circle", "title"]).toContain(name);
          if (close) expect(open.pop()).toBe(name);
          else if (!end) open.push(name as string);
        }
        expect(open).toEqual([]);
        expect(svg.replace(/<(\/?)([a-z]+)(?:[^<>"]|"[^"<>]*")*?(\/?)>/gu, "")).not.toMatch(/[<>]/u);
      }),
      { numRuns: 100 },
    );
  });

  test("has no invalid coordinate for any number of experiments and any values", () => {
    const finite = fc.oneof(
      fc.double({ min: -1e200, max: 1e200, noNaN: true }),
      fc.constantFrom(0, -1, 1e9, 5e-324),
    );
    const anything = fc.oneof(finite, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        finite,
        fc.array(anything, { minLength: 1 }),
        (n, mean, values) => {
          const notebook = sampleNotebook(n, 8, { audit: null });
          notebook.baseline = { values: [mean], mean, peakBytes: null };
          notebook.sigma = Math.abs(values[0] as number);
          for (const [i, row] of notebook.experiments.entries())
            if (row.value !== null) row.value = values[i % values.length] as number;
          expect(progressSvg(notebook, size)).not.toMatch(/="[^"]*(?:NaN|Infinity)/u);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("labels never overlap each other or leave the picture", () => {
  const bounds: Box = { left: 0, top: 0, right: 800, bottom: 400 };
  const point = fc.record({
    x: fc.integer({ min: 0, max: 800 }),
    y: fc.integer({ min: 0, max: 400 }),
    width: fc.integer({ min: 60, max: 250 }),
    shortWidth: fc.integer({ min: 10, max: 60 }),
    height: fc.constant(14),
    weight: fc.double({ noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(point, { maxLength: 25 }),
      fc.constantFrom(1 as const, -1 as const),
      (wanted, side) => {
        const placed = placeLabels(wanted, bounds, [], [], side, 12);
        expect(placed.length).toBeLessThanOrEqual(12);
        for (const [i, { box }] of placed.entries()) {
          expect(box.left >= 0 && box.right <= 800 && box.top >= 0 && box.bottom <= 400).toBe(true);
          for (const { box: other } of placed.slice(i + 1))
            expect(
              box.left < other.right &&
                other.left < box.right &&
                box.top < other.bottom &&
                other.top < box.bottom,
            ).toBe(false);
        }
      },
    ),
  );
});

test("ticks are round and inside", () => {
  expect(ticks(2.1, 2.33, 5)).toEqual([2.1, 2.15, 2.2, 2.25, 2.3]);
  expect(ticks(0, 43, 9)).toEqual([0, 5, 10, 15, 20, 25, 30, 35, 40]);
});
