import { dollarsOf } from "../prices.ts";
import type { Asker } from "./book.ts";
import type { GrantedModel } from "./granted.ts";
import { type Most, nothingSpent, passed, plus, type Spent } from "./meter.ts";

/** What an evaluation asked of one model. */
export interface ModelUse {
  model: string;
  asker: Asker;
  /** Requests that were answered or tried, cached ones included. */
  calls: number;
  /** Of them, those that an earlier answer served. */
  cached: number;
  /** Requests that a limit kept back. */
  refused: number;
  tokensIn: number;
  tokensOut: number;
  /** US dollars paid, at list price; null where no price is known. */
  dollars: number | null;
  /** Calls that the provider refused, or that broke off, with the last reason. */
  failed: number;
  failure: string | null;
}

/** What a session spends on one model for one asker. */
export interface Account {
  model: GrantedModel;
  /** Paid for by the session until now. */
  spent: Spent;
  /** Of calls that have no end yet. */
  pending: Spent;
  /** The dearest call so far: what is kept back for one that does not say how long its answer may be. */
  dearest: Spent;
}

/** Limits of all spending of a session, and what its researchers have spent. */
export interface Whole {
  most: Most;
  elsewhere: Spent;
}

/** One evaluation's part of an account. */
export interface Tab {
  use: ModelUse;
  /** Asked for by this evaluation, whether it was paid or came from the cache: both arms of a pair meet one limit. */
  asked: Spent;
  pending: Spent;
  /** The limit that was reached, and whether it is the session's. */
  limit: { words: string; session: boolean } | null;
}

export function openTab(model: GrantedModel, asker: Asker): Tab {
  return {
    use: {
      ...{ model: model.grant.model, asker, calls: 0, cached: 0, refused: 0, tokensIn: 0, tokensOut: 0 },
      ...{ dollars: model.priced === null ? null : 0, failed: 0, failure: null },
    },
    asked: nothingSpent,
    pending: nothingSpent,
    limit: null,
  };
}

/**
 * What a call may come to: by the length of the request (four bytes a token) and of the longest answer that it allows,
 * or of the dearest so far where it does not say.
 */
export function expected(account: Account, bytes: number, mostOutput: number | null): Spent {
  const input = Math.ceil(bytes / 4);
  if (mostOutput === null) {
    const { tokens, dollars } = account.dearest;
    return {
      calls: 1,
      tokens: Math.max(tokens, input),
      dollars: Math.max(dollars, price(account, input, 0) ?? 0),
    };
  }
  return {
    calls: 1,
    tokens: input + mostOutput,
    dollars: price(account, input, mostOutput) ?? account.dearest.dollars,
  };
}

export function price(
  { model }: Account,
  input: number,
  output: number,
  cached: number | null = null,
): number | null {
  return model.priced === null ? null : dollarsOf(model.priced, { input, output, cached });
}

/** Why a limit of money cannot be kept with a request so long that its price is not known; null: it can. */
export function unpricedLimit(account: Account, { most }: Pick<Whole, "most">, bytes: number): Tab["limit"] {
  const { grant, priced } = account.model;
  const hasMoney = [grant.money, grant.session.money, most.money].some((each) => each !== undefined);
  if (!hasMoney || priced === null || price(account, Math.ceil(bytes / 4), 0) !== null) return null;
  const words = `model ${grant.model}: what so long a request costs is not known, so the limit of money could not be kept`;
  return { words, session: false };
}

/** A limit with what counts against it. */
export interface Limit {
  most: Most;
  spent: Spent;
}

/** The limit of one evaluation. */
export function ownLimit({ model }: Account, { asked, pending }: Tab): Limit {
  return { most: model.grant, spent: plus(asked, pending) };
}

/** The limits of the session: of this model, and of all spending. */
export function sessionLimits(account: Account, whole: Whole & { spent: Spent }): Limit[] {
  return [
    { most: account.model.grant.session, spent: plus(account.spent, account.pending) },
    { most: whole.most, spent: plus(plus(whole.spent, account.pending), whole.elsewhere) },
  ];
}

/** Tokens that an answer to a request of so many bytes may have by these limits; infinite where none of them says. */
export function roomForAnswer(account: Account, limits: readonly Limit[], bytes: number): number {
  const input = Math.ceil(bytes / 4);
  const [before, each] = [price(account, input, 0), price(account, 0, 1)];
  const rooms = limits.flatMap(({ most, spent }) => [
    most.tokens === undefined ? Number.POSITIVE_INFINITY : most.tokens - spent.tokens - input,
    most.money === undefined || before === null || !each
      ? Number.POSITIVE_INFINITY
      : (most.money - spent.dollars - before) / each,
  ]);
  return Math.floor(Math.min(...rooms));
}

const smallest: Spent = { calls: 1, tokens: 1, dollars: 1e-9 };

/**
 * The limit that a call would pass; null: it may go on.
 *
 * @param whole what the session as a whole may spend and has; null for an answer that costs it nothing.
 */
export function limitPassed(
  account: Account,
  tab: Tab,
  whole: (Whole & { spent: Spent }) | null,
  next: Spent,
): Tab["limit"] {
  const { grant } = account.model;
  const { most, spent } = ownLimit(account, tab);
  const own = passed(most, spent, next, "for one evaluation");
  if (own !== null) return { words: `model ${grant.model}: ${own}`, session: false };
  if (whole === null) return null;
  const session = sessionLimits(account, whole)
    .map((limit) => passed(limit.most, limit.spent, next, "for the session"))
    .find((words) => words !== null);
  if (session === undefined) return null;
  // The session ends where even the smallest call is too much; a call that merely asks for too much is refused alone,
  // or one candidate could end the session with a single request.
  const isSpent =
    passed(grant.session, account.spent, smallest, "") !== null ||
    passed(whole.most, plus(whole.spent, whole.elsewhere), smallest, "") !== null;
  return { words: `model ${grant.model}: ${session}`, session: isSpent };
}
