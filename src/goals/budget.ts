import { goalSpending, type Ledger } from "../ledger/index.ts";
import type { GoalLimits } from "./goal.ts";

/** What one call may spend; give it back when the call is on record. */
export interface Allowance {
  tokens?: number;
  dollars?: number;
  /** Milliseconds. */
  time?: number;
  release: () => void;
}

export interface Budget {
  /** Why no further call may be made; null: one may. */
  over(): Promise<string | null>;
  /**
   * A share of what is left for one of several calls at the same time.
   *
   * @param slots how many calls may still begin beside those under way, this one included.
   */
  take(slots: number): Promise<Allowance | { end: string }>;
}

/** The limits of a goal, asked before each call; what calls under way may spend counts as spent. */
export function openBudget(
  ledger: Ledger,
  goalId: number,
  limits: GoalLimits,
  spentMs: () => number,
): Budget {
  const reserved = { tokens: 0, dollars: 0 };
  const left = async () => {
    const spent = await goalSpending(ledger, goalId);
    return {
      tokens: (limits.tokens ?? Number.POSITIVE_INFINITY) - spent.tokens - reserved.tokens,
      dollars: (limits.dollars ?? Number.POSITIVE_INFINITY) - spent.dollars - reserved.dollars,
      end: ended(spent),
    };
  };
  const ended = (spent: Awaited<ReturnType<typeof goalSpending>>): string | null => {
    if (limits.time !== undefined && spentMs() >= limits.time)
      return `the time limit of ${Math.round(limits.time / 1000)} s is reached`;
    if (limits.tokens !== undefined && spent.tokens >= limits.tokens)
      return `the limit of ${limits.tokens} tokens is reached (${spent.tokens})`;
    if (limits.dollars !== undefined && spent.dollars >= limits.dollars)
      return `the limit of $${limits.dollars} is reached ($${spent.dollars.toFixed(2)})`;
    if (limits.tokens !== undefined && spent.silentTokens > 0)
      return "a limit on tokens cannot be kept: an agent does not say how many it takes";
    if (limits.dollars !== undefined && spent.silentDollars > 0)
      return "a limit on dollars cannot be kept: an agent or model does not say what it costs";
    return null;
  };
  return {
    over: async () => (await left()).end,
    take: async (slots) => {
      const { tokens, dollars, end } = await left();
      if (end !== null) return { end };
      const share = {
        tokens: Math.floor(tokens / Math.max(1, slots)),
        dollars: dollars / Math.max(1, slots),
      };
      if (share.tokens <= 0 || share.dollars <= 0)
        return { end: "the calls under way may spend all that the limits leave" };
      const taken = {
        tokens: Number.isFinite(share.tokens) ? share.tokens : 0,
        dollars: Number.isFinite(share.dollars) ? share.dollars : 0,
      };
      reserved.tokens += taken.tokens;
      reserved.dollars += taken.dollars;
      return {
        ...(limits.time === undefined ? {} : { time: Math.max(1, limits.time - spentMs()) }),
        ...(Number.isFinite(share.tokens) ? { tokens: share.tokens } : {}),
        ...(Number.isFinite(share.dollars) ? { dollars: share.dollars } : {}),
        release: () => {
          reserved.tokens -= taken.tokens;
          reserved.dollars -= taken.dollars;
        },
      };
    },
  };
}
