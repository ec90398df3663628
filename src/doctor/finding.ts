/** One line of an examination. */
export interface Finding {
  /** What was looked at. */
  check:
    | "ledger"
    | "chain"
    | "seals"
    | "holder"
    | "repository"
    | "runs"
    | "decisions"
    | "branch"
    | "candidates"
    | "processes"
    | "containers"
    | "leftovers"
    | "locks"
    | "results"
    | "goals"
    | "disk";
  /** The session it is about; null: the lab as a whole. */
  session: string | null;
  ok: boolean;
  /** What is so, for a person. */
  message: string;
  /** What to do by hand; null where nothing, or where it can be repaired. */
  fix: string | null;
  repair: Repair | null;
}

export interface Repair {
  /** What will be done, as a question that yes answers. */
  question: string;
  /** Does it and says what was done. It may be done twice. */
  run: () => Promise<string>;
}

export function well(check: Finding["check"], message: string, session: string | null = null): Finding {
  return { check, session, ok: true, message, fix: null, repair: null };
}

export function ill(
  check: Finding["check"],
  message: string,
  what: { session?: string; fix?: string; repair?: Repair },
): Finding {
  return {
    check,
    session: what.session ?? null,
    ok: false,
    message,
    fix: what.fix ?? null,
    repair: what.repair ?? null,
  };
}

/** `1 keep`, `2 keeps`. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** `#3, #4, #5 and 7 more` */
export function some(values: readonly (number | string)[], sign = ""): string {
  const shown = values.slice(0, 5).map((value) => `${sign}${value}`);
  return values.length > 5 ? `${shown.join(", ")} and ${values.length - 5} more` : shown.join(", ");
}
