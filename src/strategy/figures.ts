import type * as decision from "../decision/index.ts";
import type { DecisionRow } from "../ledger/index.ts";

/** What a decision states as the ledger keeps it: all of it follows from the recorded runs. */
export type Figures = Pick<
  DecisionRow,
  | "kind"
  | "effect"
  | "low"
  | "high"
  | "p"
  | "pReal"
  | "t"
  | "df"
  | "pairs"
  | "provisional"
  | "reason"
  | "value"
  | "stages"
  | "raced"
  | "allowance"
>;

/** A decision with what it rests on and what was learned from it. */
export interface Made {
  decision: decision.Decision;
  rungs: readonly decision.Rung[];
  /** What was known before and after it. */
  before: decision.Noise;
  after: decision.Noise;
  /** Mean of the candidate's runs; null when none succeeded. */
  value: number | null;
}

export function figuresOf({ decision: made, rungs, before, after, value }: Made): Figures {
  return {
    kind: made.kind,
    effect: made.effect,
    low: made.interval?.[0] ?? null,
    high: made.interval?.[1] ?? null,
    p: made.p,
    pReal: made.pReal,
    t: made.t,
    df: made.df,
    pairs: made.pairs,
    provisional: made.provisional ? 1 : 0,
    reason: made.reason,
    value,
    stages: rungs.length > 0 ? JSON.stringify(rungs) : null,
    raced: after.raced - before.raced,
    allowance: after.allowance - before.allowance,
  };
}

/** What the first version of the ledger did not record. */
const counts = ["raced", "allowance"] as const;

/**
 * Compares figures bit by bit.
 *
 * @param counted whether the session's version recorded what races and head starts add up to.
 * @returns the figures that differ, as recorded and as replayed, each list after the decision's kind; null when none differs.
 */
export function differenceOf(
  recorded: Figures,
  replayed: Figures,
  counted: boolean,
): { recorded: string; replayed: string } | null {
  const left: readonly string[] = counted ? [] : counts;
  const names = (Object.keys(replayed) as (keyof Figures)[]).filter(
    (name) => !left.includes(name) && stored(replayed[name]) !== stored(recorded[name]),
  );
  if (names.length === 0) return null;
  const told = (side: Figures) =>
    [side.kind, ...names.filter((name) => name !== "kind").map((name) => `${name} ${side[name]}`)].join(", ");
  return recorded.kind === replayed.kind
    ? { recorded: told(recorded), replayed: told(replayed) }
    : { recorded: recorded.kind, replayed: replayed.kind };
}

/** SQLite has no NaN: it keeps null in its place. */
function stored(value: string | number | null): string | number | null {
  return Number.isNaN(value) ? null : value;
}
