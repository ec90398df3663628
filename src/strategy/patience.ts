import type { Sample } from "../decision/index.ts";

/** How a baseline bears with an evaluator that fails now and then. */
export interface Patience {
  /** Whether a run that came out like this is to be repeated; told of every run, in order. */
  again: (sample: Sample) => boolean;
  /** Failed runs until now. */
  failures(): number;
}

/** Failures in a row after a run that went well: one more, and the evaluator is broken. */
const inARow = 2;

/**
 * Code that has run well is run again when it fails, at most twice in a row and as often as there are runs in all. Code
 * that never ran gets one repetition of a crash: whoever forgot a file is told at once.
 *
 * @param rounds runs of the baseline.
 * @param retries of the rule; 0: the first failure counts.
 * @param before failed runs before the first one, such as a warm-up's.
 */
export function patience(rounds: number, retries: number, before = 0): Patience {
  let good = 0;
  let row = before;
  let failures = before;
  return {
    again: (sample) => {
      if (sample.ok) {
        good++;
        row = 0;
        return false;
      }
      failures++;
      row++;
      if (retries === 0 || failures > rounds) return false;
      return good > 0 ? row <= inARow : row === 1 && sample.kind === "crash" && sample.limit !== true;
    },
    failures: () => failures,
  };
}

/** Whether a failure of the untouched code was its evaluator's mood: it had run well before. */
export function moods(runs: readonly { id: number; failureKind: string | null }[]): number {
  const inTime = [...runs].sort((a, b) => a.id - b.id);
  const first = inTime.findIndex((run) => run.failureKind === null);
  return first < 0 ? 0 : inTime.slice(first).filter((run) => run.failureKind !== null).length;
}
