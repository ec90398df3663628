import type { Usage } from "../../trace.ts";

/** How much a forge may take. Absent: no limit. */
export interface ForgeLimits {
  /** Runs of goals. */
  runs?: number;
  tokens?: number;
  dollars?: number;
  /** Milliseconds of wall time. */
  time?: number;
}

export interface Spent {
  runs: number;
  /** Sums of what is known. */
  tokens: number;
  dollars: number;
  ms: number;
  /** Runs and questions that did not say what they cost. */
  silentTokens: number;
  silentDollars: number;
}

/** What runs took together; null: one of them did not say. */
export interface Took {
  runs: number;
  ms: number;
  tokens: number | null;
  dollars: number | null;
}

/** What was spent since. */
export function tookSince({ spent }: Pick<Meter, "spent">, before: Readonly<Spent>): Took {
  return {
    ...{ runs: spent.runs - before.runs, ms: spent.ms - before.ms },
    tokens: spent.silentTokens > before.silentTokens ? null : spent.tokens - before.tokens,
    dollars: spent.silentDollars > before.silentDollars ? null : spent.dollars - before.dollars,
  };
}

/** What has been spent, and whether a limit is reached. */
export interface Meter {
  readonly spent: Readonly<Spent>;
  /** `earlier`: made before the meter was opened; counts only where that began with nothing. */
  add(cost: { runs?: number; tokens: number | null; dollars: number | null; earlier?: boolean }): void;
  /** Why nothing more may begin; null: it may. A run is taken to cost as much as the dearest so far. */
  beyond(): string | null;
  /** What is left for one run. */
  left(): ForgeLimits;
}

/**
 * @param before What was spent before; its time counts too, and recorded runs are in it already.
 * @param now Milliseconds, monotonic.
 */
export function openMeter(
  limits: ForgeLimits,
  before?: Partial<Spent>,
  now: () => number = () => performance.now(),
): Meter {
  const since = now();
  const spent: Spent = {
    ...{ runs: 0, tokens: 0, dollars: 0, ms: 0, silentTokens: 0, silentDollars: 0 },
    ...before,
  };
  const msBefore = spent.ms;
  let most = { tokens: 0, dollars: 0 };
  const ms = () => msBefore + now() - since;
  return {
    get spent() {
      return { ...spent, ms: ms() };
    },
    add({ runs = 0, tokens, dollars, earlier = false }) {
      if (earlier && before !== undefined) return;
      spent.runs += runs;
      if (tokens === null) spent.silentTokens++;
      if (dollars === null) spent.silentDollars++;
      spent.tokens += tokens ?? 0;
      spent.dollars += dollars ?? 0;
      most = { tokens: Math.max(most.tokens, tokens ?? 0), dollars: Math.max(most.dollars, dollars ?? 0) };
    },
    beyond() {
      if (limits.runs !== undefined && spent.runs > limits.runs)
        return `${spent.runs} runs are made, those of earlier calls among them, and ${limits.runs} are allowed`;
      if (limits.runs !== undefined && spent.runs >= limits.runs)
        return `all ${limits.runs} runs that are allowed were made`;
      if (limits.time !== undefined && ms() >= limits.time)
        return `the time limit of ${Math.round(limits.time / 1000)} s is reached`;
      if (limits.tokens !== undefined && spent.tokens + most.tokens > limits.tokens)
        return `${spent.tokens} of ${limits.tokens} tokens are used, and the next run may take ${most.tokens}`;
      if (limits.dollars !== undefined && spent.dollars + most.dollars > limits.dollars)
        return `$${spent.dollars.toFixed(2)} of $${limits.dollars.toFixed(2)} are spent, and the next run may take $${most.dollars.toFixed(2)}`;
      if (limits.tokens !== undefined && spent.silentTokens > 0)
        return "there is a limit in tokens, and a run did not say how many it took: limit runs or time instead";
      if (limits.dollars !== undefined && spent.silentDollars > 0)
        return "there is a limit in money, and a run did not say what it cost: limit tokens, runs or time instead";
      return null;
    },
    left() {
      return {
        ...(limits.tokens === undefined ? {} : { tokens: Math.max(0, limits.tokens - spent.tokens) }),
        ...(limits.dollars === undefined ? {} : { dollars: Math.max(0, limits.dollars - spent.dollars) }),
        ...(limits.time === undefined ? {} : { time: Math.max(0, limits.time - ms()) }),
      };
    },
  };
}

/** Tokens and money of a model's answer; null: it did not say. */
export function costOf(usage: Usage): { tokens: number | null; dollars: number | null } {
  const { input, output, dollars } = usage;
  return { tokens: input === null && output === null ? null : (input ?? 0) + (output ?? 0), dollars };
}
