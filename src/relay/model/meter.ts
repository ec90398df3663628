/** Calls of a model with the tokens that they read and wrote, and US dollars. */
export interface Spent {
  calls: number;
  tokens: number;
  dollars: number;
}

/** Most that may be spent; absent: no limit. */
export interface Most {
  calls?: number | undefined;
  tokens?: number | undefined;
  /** US dollars. */
  money?: number | undefined;
}

export const nothingSpent: Readonly<Spent> = { calls: 0, tokens: 0, dollars: 0 };

export function plus(a: Spent, b: Spent): Spent {
  return { calls: a.calls + b.calls, tokens: a.tokens + b.tokens, dollars: a.dollars + b.dollars };
}

/**
 * The limit that would be passed if so much more were spent, in words; null where there is room.
 *
 * @param whose `for one evaluation` or `for the session`.
 */
export function passed(most: Most, spent: Spent, next: Spent, whose: string): string | null {
  const sum = plus(spent, next);
  if (most.calls !== undefined && sum.calls > most.calls)
    return `the limit of ${most.calls} calls ${whose} is reached`;
  if (most.tokens !== undefined && (spent.tokens >= most.tokens || sum.tokens > most.tokens))
    return `the limit of ${most.tokens} tokens ${whose} is reached: ${Math.round(spent.tokens)} are used, and the next call may take ${Math.round(next.tokens)}`;
  if (most.money !== undefined && (spent.dollars >= most.money || sum.dollars > most.money))
    return `the limit of $${most.money} ${whose} is reached: ${money(spent.dollars)} are spent, and the next call may take ${money(next.dollars)}`;
  return null;
}

function money(dollars: number): string {
  return `$${dollars >= 0.1 || dollars === 0 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}
