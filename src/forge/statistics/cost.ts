import type { Trial } from "../../ledger/index.ts";
import type { Pair } from "./effect.ts";

/** What the treatment costs more than the control. */
export interface Cost {
  /** What was counted: dollars where all runs know them, else tokens, else milliseconds. */
  unit: "dollars" | "tokens" | "ms";
  /** Mean of one run. */
  control: number;
  treatment: number;
  /** treatment / control - 1; below 0 the treatment saves. */
  extra: number;
}

const measures: [Cost["unit"], (trial: Trial) => number | null][] = [
  ["dollars", (trial) => trial.dollars],
  ["tokens", (trial) => trial.tokens],
  ["ms", (trial) => trial.wallMs],
];

/** Costs over the pairs, scored or not; null where nothing was spent that could be compared with. */
export function costOf(pairs: readonly Pair[]): Cost | null {
  for (const [unit, measure] of measures) {
    const control = total(pairs.map((pair) => measure(pair.control)));
    const treatment = total(pairs.map((pair) => measure(pair.treatment)));
    if (control === null || treatment === null || !(control > 0)) continue;
    const runs = pairs.length;
    return { unit, control: control / runs, treatment: treatment / runs, extra: treatment / control - 1 };
  }
  return null;
}

function total(values: readonly (number | null)[]): number | null {
  return values.reduce(
    (sum, value) => (sum === null || value === null ? null : sum + value),
    0 as number | null,
  );
}
