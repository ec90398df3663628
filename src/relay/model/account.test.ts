import { expect, it } from "vitest";
import {
  type Account,
  limitPassed,
  openTab,
  roomForAnswer,
  sessionLimits,
  unpricedLimit,
} from "./account.ts";
import { nothingSpent, type Spent } from "./meter.ts";

function account(spent: Spent): Account {
  const grant = { model: "local/x", to: "run", session: { tokens: 1000 }, cache: false } as const;
  return {
    model: { grant, name: "x", priced: null } as unknown as Account["model"],
    spent,
    pending: nothingSpent,
    dearest: nothingSpent,
  };
}

const whole = { most: {}, elsewhere: nothingSpent, spent: nothingSpent };
const asks = (tokens: number): Spent => ({ calls: 1, tokens, dollars: 0 });

it("one request that wants too much is refused alone, and the session goes on", () => {
  const fresh = account(nothingSpent);
  const limit = limitPassed(fresh, openTab(fresh.model, "run"), whole, asks(1_000_000));
  expect(limit).toMatchObject({ session: false, words: expect.stringContaining("for the session") });
});

it("a session that has spent its limit is over for every request", () => {
  const spent = account({ calls: 3, tokens: 1000, dollars: 0 });
  expect(limitPassed(spent, openTab(spent.model, "run"), whole, asks(5))).toMatchObject({ session: true });
});

it("what fits goes on", () => {
  const fresh = account(nothingSpent);
  expect(limitPassed(fresh, openTab(fresh.model, "run"), whole, asks(900))).toBeNull();
});

it("an answer may take what the request leaves of the tightest limit", () => {
  const some = account({ calls: 2, tokens: 300, dollars: 0 });
  expect(roomForAnswer(some, sessionLimits(some, whole), 400)).toBe(600);
  const priced = { ...some, model: { ...some.model, priced: "openai/gpt-5-mini" } };
  // 0.25 and 2 dollars a million: 100 tokens in, and 487 out for what is left of a tenth of a cent.
  const dear = { most: { money: 0.001 }, spent: nothingSpent };
  expect(roomForAnswer(priced, [dear, ...sessionLimits(priced, whole)], 400)).toBe(487);
  expect(roomForAnswer(some, [{ most: { calls: 3 }, spent: nothingSpent }], 400)).toBe(
    Number.POSITIVE_INFINITY,
  );
});

it("a request so long that its price is not known goes on only where no limit of money is", () => {
  const some = account(nothingSpent);
  const long = { ...some, model: { ...some.model, priced: "google/gemini-2.5-pro" } };
  expect(unpricedLimit(long, { most: { money: 1 } }, 4 * 200_001)?.words).toMatch(/so long a request/);
  expect(unpricedLimit(long, { most: { money: 1 } }, 4 * 200_000)).toBeNull();
  expect(unpricedLimit(long, { most: { tokens: 1 } }, 4 * 200_001)).toBeNull();
});
