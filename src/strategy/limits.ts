import type { Contract } from "../contract/index.ts";
import type { Incumbent } from "./state.ts";

/** What a session may take, each over the whole of it; null: no limit. */
export interface Limits {
  experiments: number | null;
  time: number | null;
  until: number | null;
  tokens: number | null;
  /** US dollars. */
  money: number | null;
}

/** Limits as the command line or a caller gives them: they go before the contract's. Time is in milliseconds. */
export type LimitOptions = { [Name in keyof Limits]?: number | undefined };

export function limitsOf({ contract }: { contract: Contract }, options: LimitOptions): Limits {
  return {
    experiments: options.experiments ?? contract.session.experiments ?? null,
    time: options.time ?? contract.session.time ?? null,
    until: options.until ?? contract.metric.target ?? null,
    tokens: options.tokens ?? contract.session.tokens ?? null,
    money: options.money ?? contract.session.money ?? null,
  };
}

/** The limit that has been reached, in words. Limits count the whole session, interruptions included. */
export function reached(
  limits: Limits,
  state: { incumbent: Pick<Incumbent, "value">; decided: number },
  spentMs: number,
  { contract }: { contract: Contract },
): string | null {
  const { value } = state.incumbent;
  const { direction, name } = contract.metric;
  if (limits.until !== null && (direction === "minimize" ? value <= limits.until : value >= limits.until))
    return `the target is reached: ${name} ${value} (target ${limits.until})`;
  if (limits.experiments !== null && state.decided >= limits.experiments)
    return `the limit of ${limits.experiments} ${limits.experiments === 1 ? "experiment" : "experiments"} is reached, which counts the whole session`;
  if (limits.time !== null && spentMs >= limits.time)
    return `the time limit is reached (${inWords(limits.time)})`;
  return null;
}

/**
 * The limit that the next call could pass, in words: what has been spent and what is kept back for the call together.
 * Looked at before every call of a researcher that costs something.
 */
export function overdrawn({ tokens, money }: Limits, spent: Spent, next: Spent): string | null {
  const back = (what: string) => (what === "" ? "" : `, and the next call may take ${what}`);
  if (tokens !== null && (spent.tokens >= tokens || spent.tokens + next.tokens > tokens))
    return `the limit of ${tokens} tokens is reached: ${Math.round(spent.tokens)} are spent${back(spent.tokens >= tokens ? "" : String(Math.round(next.tokens)))}`;
  if (money !== null && (spent.dollars >= money || spent.dollars + next.dollars > money))
    return `the limit of ${dollars(money)} is reached: ${dollars(spent.dollars)} are spent${back(spent.dollars >= money ? "" : dollars(next.dollars))}`;
  return null;
}

function dollars(amount: number): string {
  return `$${amount >= 0.1 || amount === 0 ? amount.toFixed(2) : amount.toPrecision(2)}`;
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

/** Tokens read and written, and US dollars. */
export interface Spent {
  tokens: number;
  dollars: number;
}
