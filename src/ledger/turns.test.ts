import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TraceEvent } from "../trace.ts";
import {
  addExperiment,
  addSession,
  addTurns,
  awaitsRepair,
  type Ledger,
  type NewTurn,
  openLedger,
  rawOf,
  spendingOf,
  traceOf,
  turnCosts,
  turnsOf,
} from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "ledger-"));
let ledger: Ledger;
let count = 0;
beforeAll(async () => {
  ledger = await openLedger(join(root, "ledger.db"));
});
afterAll(async () => {
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

function session(): Promise<number> {
  const tag = `s${++count}`;
  return addSession(ledger, {
    ...{ tag, branch: tag, program: "", programHash: "p", baseCommit: "c", baseTree: "t", baseState: "b" },
    ...{ pins: "p", pinParts: "{}", researcher: "a", seed: 1, secret: "00", channel: "scored", level: "L0" },
    ...{ isolation: "{}", status: "ready", createdAt: 1 },
  });
}

const turn = (over: Partial<NewTurn> = {}): NewTurn => ({
  ...{ researcher: "a", purpose: "propose", prompt: "p", ending: "done", message: "", events: [], raw: "" },
  ...{ usage: { input: 100, output: 10, cached: 5, dollars: 0.5 }, startedAt: 1, wallMs: 2 },
  ...over,
});
const unknown = { input: null, output: null, cached: null, dollars: null };

const experiment = (sessionId: number, turns: NewTurn[], earlierTurns: number[] = []) =>
  addExperiment(ledger, {
    ...{ sessionId, state: `state ${++count}`, parent: 0, parentState: "b", researcher: "a", what: "w" },
    ...{ mechanism: null, prediction: null, added: 1, removed: 1, proposedAt: 2, reviewed: 0, proposeMs: 3 },
    ...{ violations: [], changes: { after: {}, before: {}, diff: "" }, turns, earlierTurns },
  });

describe("turns", () => {
  it("come back as they were written: prompt, raw stream and every event", async () => {
    const id = await session();
    const text = fc.string({ unit: "binary", maxLength: 200 });
    const event: fc.Arbitrary<TraceEvent> = fc.oneof(
      fc.record({
        at: fc.nat(),
        type: fc.constant("message" as const),
        role: fc.constant("user" as const),
        text,
      }),
      fc.record({
        ...{ at: fc.nat(), type: fc.constant("call" as const), id: text, tool: text },
        args: fc.option(text),
      }),
      fc.record({
        ...{ at: fc.nat(), type: fc.constant("result" as const), id: text, ok: fc.boolean() },
        ...{ output: fc.option(text), error: fc.option(text), exitCode: fc.option(fc.integer()) },
        ...{ ms: fc.option(fc.nat()), msFrom: fc.constant("agent" as const) },
      }),
    );
    await fc.assert(
      fc.asyncProperty(text, text, fc.array(event, { maxLength: 20 }), async (prompt, raw, events) => {
        const { id: experimentId } = await experiment(id, [turn({ prompt, raw, events })]);
        const [row] = await turnsOf(ledger, { experiment: experimentId });
        // What is no text at all becomes the replacement character, as everywhere else.
        expect(row?.prompt).toBe(prompt.toWellFormed());
        expect(await rawOf(ledger, row?.id as number)).toBe(raw.toWellFormed());
        expect(await traceOf(ledger, row?.id as number)).toEqual(events);
      }),
      { numRuns: 40 },
    );
  });

  it("that came to nothing alone are their experiment's once something comes of them", async () => {
    const id = await session();
    const refused = await addTurns(ledger, id, null, [turn(), turn()]);
    expect(await turnsOf(ledger, { fruitless: id })).toHaveLength(2);
    const made = await experiment(id, [turn()], refused);
    expect(await turnsOf(ledger, { fruitless: id })).toHaveLength(0);
    expect((await turnCosts(ledger, [made.id])).get(made.id)).toEqual({
      ...{ turns: 3, tokensIn: 300, tokensOut: 30, dollars: 1.5 },
    });
  });

  it("of which one does not say its cost have an unknown cost, never a smaller one", async () => {
    const id = await session();
    const made = await experiment(id, [turn(), turn({ usage: unknown })]);
    expect((await turnCosts(ledger, [made.id])).get(made.id)).toEqual({
      ...{ turns: 2, tokensIn: null, tokensOut: null, dollars: null },
    });
    const cost = await ledger.db
      .selectFrom("costs")
      .select(["tokensIn", "dollars"])
      .where("experimentId", "=", made.id)
      .executeTakeFirst();
    expect(cost).toEqual({ tokensIn: null, dollars: null });
  });

  it("are added up by researcher; refusals of the provider are no unknown cost", async () => {
    const id = await session();
    await experiment(id, [turn(), turn({ usage: { ...unknown, input: 700, output: 1 } })]);
    await addTurns(ledger, id, null, [
      turn({ ending: "rate", usage: unknown }),
      turn({ ending: "timeout", usage: unknown }),
      turn({ researcher: "b", usage: unknown }),
    ]);
    expect(await spendingOf(ledger, id)).toEqual([
      {
        ...{ researcher: "a", turns: 4, fruitless: 2, wallMs: 8, tokensIn: 800, tokensOut: 11, dollars: 0.5 },
        ...{ unknownTokens: 1, unknownDollars: 2, silentTokens: 0, silentDollars: 1 },
        ...{ mostTokens: 701, mostDollars: 0.5 },
      },
      {
        ...{
          researcher: "b",
          turns: 1,
          fruitless: 1,
          wallMs: 2,
          tokensIn: null,
          tokensOut: null,
          dollars: null,
        },
        ...{ unknownTokens: 1, unknownDollars: 1, silentTokens: 1, silentDollars: 1 },
        ...{ mostTokens: null, mostDollars: null },
      },
    ]);
  });

  it("say whether a crash still has its repair before it", async () => {
    const id = await session();
    const made = await experiment(id, [turn()]);
    expect(await awaitsRepair(ledger, id, made.id)).toBe(true);
    await addTurns(ledger, id, null, [turn({ purpose: "repair", ending: "rate" })]);
    expect(await awaitsRepair(ledger, id, made.id)).toBe(true);
    await addTurns(ledger, id, null, [turn({ purpose: "repair", ending: "malformed" })]);
    expect(await awaitsRepair(ledger, id, made.id)).toBe(false);
    const repaired = await experiment(id, [turn({ purpose: "repair" })]);
    expect(await awaitsRepair(ledger, id, repaired.id)).toBe(false);
    const mechanical = await experiment(id, []);
    expect(await awaitsRepair(ledger, id, mechanical.id)).toBe(false);
  });
});
