import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Ask, type Coroutine, climb, type Decision, patient, presets } from "../decision/index.ts";
import { firstNoise } from "../decision/noise.ts";
import type { RunRow } from "../ledger/index.ts";
import { nextBlock } from "./block.ts";

const up = { direction: "maximize", minEffect: 0 } as const;
const noise = firstNoise([10, 11, 9, 10.5, 9.5]);

/** A value as the ledger keeps it; null: the run crashed. */
const row = (value: number | null) =>
  ({ value, failureKind: value === null ? "crash" : null, failureMessage: null }) as RunRow;

const deciding = (preset: keyof typeof presets) => (): Coroutine<{ decision: Decision }> =>
  patient(presets[preset], noise, climb(presets[preset], up, noise, { linesDelta: 0 }, { below: [] }));

/** What is asked for one run after the other, and how it ends; a throw ends it too. */
function oneByOne(begin: () => Coroutine<{ decision: Decision }>, values: () => number | null) {
  const asks: Ask[] = [];
  const rows: RunRow[] = [];
  try {
    for (;;) {
      const next = nextBlock(begin, rows);
      if ("result" in next) return { asks, end: next.result.decision };
      asks.push(next.block[0]);
      rows.push(row(values()));
    }
  } catch (error) {
    return { asks, end: String(error) };
  }
}

/** The same by blocks, each ended by its first failed run. */
function byBlocks(begin: () => Coroutine<{ decision: Decision }>, values: () => number | null) {
  const asks: Ask[] = [];
  const rows: RunRow[] = [];
  try {
    for (;;) {
      const next = nextBlock(begin, rows);
      if ("result" in next) return { asks, end: next.result.decision };
      for (const ask of next.block) {
        asks.push(ask);
        rows.push(row(values()));
        if (rows.at(-1)?.failureKind !== null) break;
      }
    }
  } catch (error) {
    return { asks, end: String(error) };
  }
}

describe("a block", () => {
  it("holds both runs of a pair, and one run otherwise", () => {
    const rows: RunRow[] = [];
    const purposes: string[] = [];
    for (const value of [13, 13.5, 10, 13.2]) {
      const next = nextBlock(deciding("balanced"), rows);
      if (!("block" in next)) break;
      purposes.push(next.block.map(({ purpose, arm, seed }) => `${purpose} ${arm} ${seed}`).join(", "));
      rows.push(row(value));
    }
    expect(purposes).toEqual([
      "screen candidate fresh",
      "screen candidate fresh",
      "race incumbent fresh, race candidate same",
      "race candidate same",
    ]);
  });

  it("leads to the same questions and the same decision as one run after the other, whatever fails", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("strict", "balanced", "explore" as const),
        fc.array(fc.option(fc.double({ min: 5, max: 16, noNaN: true }), { freq: 9 }), {
          minLength: 60,
          maxLength: 60,
        }),
        (preset, list) => {
          const from = () => {
            let at = 0;
            return () => list[at++ % list.length] as number | null;
          };
          const begin = deciding(preset as keyof typeof presets);
          expect(byBlocks(begin, from())).toEqual(oneByOne(begin, from()));
        },
      ),
      { numRuns: 300 },
    );
  });
});
