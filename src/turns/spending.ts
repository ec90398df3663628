import type { Spending } from "../ledger/index.ts";
import type { Researcher } from "../researcher/index.ts";
import type { Spent } from "../strategy/index.ts";

/** Whoever may be asked for money. */
type Asked = Pick<Researcher, "name" | "estimate">;

/**
 * What is kept back for the next call of a researcher: as much as its dearest turn so far, and no less than it is
 * expected to cost by the length of its prompt.
 */
export function reserve(asked: Asked, all: readonly Spending[], promptTokens: number): Spent {
  const own = all.find(({ researcher }) => researcher === asked.name);
  const expected = asked.estimate?.(promptTokens);
  return {
    tokens: Math.max(own?.mostTokens ?? 0, expected?.tokens ?? promptTokens),
    dollars: Math.max(own?.mostDollars ?? 0, expected?.dollars ?? 0),
  };
}

/** What the turns of a session came to; one that does not say what it cost is counted like the dearest. */
export function counted(
  researchers: readonly Asked[],
  all: readonly Spending[],
  promptTokens: number,
): Spent {
  const sum: Spent = { tokens: 0, dollars: 0 };
  for (const row of all) {
    const asked = researchers.find(({ name }) => name === row.researcher) ?? { name: row.researcher };
    const each = reserve(asked, all, promptTokens);
    sum.tokens += (row.tokensIn ?? 0) + (row.tokensOut ?? 0) + row.unknownTokens * each.tokens;
    sum.dollars += (row.dollars ?? 0) + row.unknownDollars * each.dollars;
  }
  return sum;
}

/** What researchers and the models of runs and scorers have spent together. */
export function together(researchers: Spent, models: Spent | undefined): Spent {
  if (models === undefined) return researchers;
  return { tokens: researchers.tokens + models.tokens, dollars: researchers.dollars + models.dollars };
}
