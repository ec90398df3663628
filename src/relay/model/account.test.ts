import { expect, it } from "vitest";
import { type Account, limitPassed, openTab } from "./account.ts";
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
