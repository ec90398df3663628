import type { RunOptions } from "./run.ts";
import type { Session } from "./session.ts";
import type { Incumbent } from "./state.ts";

export interface Limits {
  experiments: number | null;
  time: number | null;
  until: number | null;
}

export function limitsOf(
  { contract }: Pick<Session, "contract">,
  options: Pick<RunOptions, "experiments" | "time" | "until">,
): Limits {
  return {
    experiments: options.experiments ?? contract.session.experiments ?? null,
    time: options.time ?? contract.session.time ?? null,
    until: options.until ?? contract.metric.target ?? null,
  };
}

/** The limit that has been reached, in words. Limits count the whole session, interruptions included. */
export function reached(
  limits: Limits,
  state: { incumbent: Pick<Incumbent, "value">; decided: number },
  spentMs: number,
  { contract }: Pick<Session, "contract">,
): string | null {
  const { value } = state.incumbent;
  const { direction, name } = contract.metric;
  if (limits.until !== null && (direction === "minimize" ? value <= limits.until : value >= limits.until))
    return `the target is reached: ${name} ${value} (target ${limits.until})`;
  if (limits.experiments !== null && state.decided >= limits.experiments)
    return `the limit of ${limits.experiments} experiments is reached`;
  if (limits.time !== null && spentMs >= limits.time)
    return `the time limit is reached (${inWords(limits.time)})`;
  return null;
}

function inWords(ms: number): string {
  const units = [
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ] as const;
  const [size, unit] = units.find(([length]) => ms >= length) ?? ([1, "ms"] as const);
  return `${Number((ms / size).toFixed(1))} ${unit}`;
}
