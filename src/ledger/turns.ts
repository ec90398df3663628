import { deflateSync, inflateSync } from "node:zlib";
import type { Kysely, Selectable } from "kysely";
import type { TraceEvent, Usage } from "../trace.ts";
import type { Ledger } from "./ledger.ts";
import type { Schema, TurnTable } from "./schema.ts";

/** One exchange with an agent or a model, as it is handed in. */
export interface NewTurn {
  researcher: string;
  purpose: TurnTable["purpose"];
  prompt: string;
  /** A `TurnEnding`, `malformed` or `unchanged`. */
  ending: string;
  message: string;
  events: readonly TraceEvent[];
  usage: Usage;
  /** Everything it printed, as it came. */
  raw: string;
  startedAt: number;
  wallMs: number;
  /** The goal that it belongs to, and the task of it; absent: none. */
  goalId?: number;
  taskId?: number;
  /** Where it was imported from, and its key there; absent: it was run here. */
  source?: { name: string; key: string };
  agentVersion?: string | null;
  model?: string | null;
}

/** A turn as it is read again; the raw stream comes on its own (`rawOf`). */
export interface TurnRow extends Omit<Selectable<TurnTable>, "prompt" | "raw"> {
  prompt: string;
}

/**
 * Records turns with their traces in one transaction.
 *
 * @param sessionId null for turns of goals, of A/B tests and for imported ones.
 * @param experimentId what came of them; null: no proposal.
 * @returns their ids, in order.
 */
export async function addTurns(
  ledger: Ledger,
  sessionId: number | null,
  experimentId: number | null,
  turns: readonly NewTurn[],
): Promise<number[]> {
  if (turns.length === 0) return [];
  return ledger.db.transaction().execute((tx) => insertTurns(tx, sessionId, experimentId, turns));
}

/** Events of one statement: SQLite binds at most 32,766 values. */
const rowsAtOnce = 2000;

export async function insertTurns(
  tx: Kysely<Schema>,
  sessionId: number | null,
  experimentId: number | null,
  turns: readonly NewTurn[],
): Promise<number[]> {
  const ids: number[] = [];
  for (const { events, usage, prompt, raw, ...turn } of turns) {
    const { id } = await tx
      .insertInto("turns")
      .values({
        ...{ researcher: turn.researcher, purpose: turn.purpose, ending: turn.ending, message: turn.message },
        ...{ sessionId, experimentId, prompt: deflateSync(prompt), raw: deflateSync(raw) },
        ...{
          tokensIn: usage.input,
          tokensOut: usage.output,
          tokensCached: usage.cached,
          dollars: usage.dollars,
        },
        ...{ startedAt: Math.round(turn.startedAt), wallMs: turn.wallMs },
        ...{
          goalId: turn.goalId ?? null,
          taskId: turn.taskId ?? null,
          agentVersion: turn.agentVersion ?? null,
          model: turn.model ?? null,
        },
        ...{ source: turn.source?.name ?? null, sourceKey: turn.source?.key ?? null },
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    ids.push(id);
    const rows = events.map((event, position) => {
      const { at, type, ...data } = event;
      return {
        turnId: id,
        position,
        at: Math.round(at),
        type,
        tool: "tool" in event ? event.tool : null,
        ok: "ok" in event ? Number(event.ok) : null,
        data: JSON.stringify(data),
      };
    });
    for (let start = 0; start < rows.length; start += rowsAtOnce)
      await tx
        .insertInto("traceEvents")
        .values(rows.slice(start, start + rowsAtOnce))
        .execute();
  }
  return ids;
}

/** The turns of one experiment, or those of a session that came to nothing; oldest first, the newest `limit` of them. */
export async function turnsOf(
  ledger: Ledger,
  of: { experiment: number } | { fruitless: number } | { goal: number } | { turn: number } | "any",
  limit = 1000,
): Promise<TurnRow[]> {
  const all = ledger.db
    .selectFrom("turns")
    .select(["id", "sessionId", "experimentId", "researcher", "purpose", "prompt", "ending", "message"])
    .select(["tokensIn", "tokensOut", "tokensCached", "dollars", "startedAt", "wallMs"])
    .select(["goalId", "taskId", "source", "sourceKey", "agentVersion", "model"])
    .orderBy("id", "desc")
    .limit(limit);
  const chosen = () => {
    if (of === "any") return all;
    if ("experiment" in of) return all.where("experimentId", "=", of.experiment);
    if ("goal" in of) return all.where("goalId", "=", of.goal);
    if ("turn" in of) return all.where("id", "=", of.turn);
    return all.where("sessionId", "=", of.fruitless).where("experimentId", "is", null);
  };
  const rows = await chosen().execute();
  return rows.reverse().map((row) => ({ ...row, prompt: inflateSync(row.prompt).toString() }));
}

/**
 * Whether a crashed experiment waits for its one repair turn: it came of turns, none of them a repair, and none was
 * tried since. A turn that only the provider prevented does not count.
 */
export async function awaitsRepair(
  ledger: Ledger,
  sessionId: number,
  experimentId: number,
): Promise<boolean> {
  const own = await ledger.db
    .selectFrom("turns")
    .select(["id", "purpose"])
    .where("experimentId", "=", experimentId)
    .execute();
  if (own.length === 0 || own.some(({ purpose }) => purpose !== "propose")) return false;
  const tried = await ledger.db
    .selectFrom("turns")
    .select("id")
    .where("sessionId", "=", sessionId)
    .where("id", ">", Math.max(...own.map(({ id }) => id)))
    .where("purpose", "=", "repair")
    .where("ending", "not in", ["rate", "outage"])
    .limit(1)
    .executeTakeFirst();
  return tried === undefined;
}

/** Whether a researcher's turn that began at this instant or later is on record. */
export async function turnStartedSince(
  ledger: Ledger,
  sessionId: number,
  researcher: string,
  at: number,
): Promise<boolean> {
  const found = await ledger.db
    .selectFrom("turns")
    .select("id")
    .where("sessionId", "=", sessionId)
    .where("researcher", "=", researcher)
    .where("startedAt", ">=", at)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** The trace of a turn, in the order in which it became known. */
export async function traceOf(ledger: Ledger, turnId: number): Promise<TraceEvent[]> {
  const rows = await ledger.db
    .selectFrom("traceEvents")
    .select(["at", "type", "data"])
    .where("turnId", "=", turnId)
    .orderBy("position")
    .execute();
  return rows.map(({ at, type, data }) => ({ at, type, ...(JSON.parse(data) as object) }) as TraceEvent);
}

/** Everything that the agent of a turn printed. */
export async function rawOf(ledger: Ledger, turnId: number): Promise<string> {
  const { raw } = await ledger.db
    .selectFrom("turns")
    .select("raw")
    .where("id", "=", turnId)
    .executeTakeFirstOrThrow();
  return inflateSync(raw).toString();
}

/** What the turns of one experiment cost together. */
export interface TurnsCost {
  turns: number;
  /** Null: some turn did not say. */
  tokensIn: number | null;
  tokensOut: number | null;
  dollars: number | null;
}

/** By experiment id; those that came of no turn are left out. */
export async function turnCosts(
  ledger: Ledger,
  experimentIds: readonly number[],
): Promise<Map<number, TurnsCost>> {
  const result = new Map<number, TurnsCost>();
  // SQLite binds at most 32,766 values in one statement.
  for (let start = 0; start < experimentIds.length; start += 10_000) {
    const rows = await ledger.db
      .selectFrom("turns")
      .where("experimentId", "in", experimentIds.slice(start, start + 10_000))
      .groupBy("experimentId")
      .select((eb) => {
        const known = (column: "tokensIn" | "tokensOut" | "dollars") =>
          eb.case().when(eb.fn.count(column), "=", eb.fn.countAll()).then(eb.fn.sum<number>(column)).end();
        return [
          "experimentId",
          eb.fn.countAll<number>().as("turns"),
          known("tokensIn").as("tokensIn"),
          known("tokensOut").as("tokensOut"),
          known("dollars").as("dollars"),
        ];
      })
      .execute();
    for (const { experimentId, ...cost } of rows) result.set(experimentId as number, cost);
  }
  return result;
}

/** What a researcher's turns of a session came to; sums of what is known, and how many did not say. */
export interface Spending {
  researcher: string;
  turns: number;
  /** Turns that came to no experiment. */
  fruitless: number;
  wallMs: number;
  /** Null: no turn said. */
  tokensIn: number | null;
  tokensOut: number | null;
  dollars: number | null;
  /** Turns that did something and did not say what it cost. */
  unknownTokens: number;
  unknownDollars: number;
  /** Turns with a good end that did not say it. */
  silentTokens: number;
  silentDollars: number;
  /** Of one turn; null: no turn said. */
  mostTokens: number | null;
  mostDollars: number | null;
}

/** Endings in which nothing was produced that could have been paid for. */
const free = ["start", "auth", "rate", "outage"] as const;

/** By researcher, in the order of their names. */
export async function spendingOf(ledger: Ledger, sessionId: number): Promise<Spending[]> {
  const rows = await ledger.db
    .selectFrom("turns")
    .where("sessionId", "=", sessionId)
    .groupBy("researcher")
    .orderBy("researcher")
    .select((eb) => {
      const tokens = eb(eb.fn.coalesce("tokensIn", eb.lit(0)), "+", eb.fn.coalesce("tokensOut", eb.lit(0)));
      const silent = eb.and([eb("tokensIn", "is", null), eb("tokensOut", "is", null)]);
      const count = (when: ReturnType<typeof eb.and>) =>
        eb.fn.sum<number>(eb.case().when(when).then(eb.lit(1)).else(eb.lit(0)).end());
      const busy = eb("ending", "not in", free);
      return [
        "researcher",
        eb.fn.countAll<number>().as("turns"),
        count(eb.and([eb("experimentId", "is", null)])).as("fruitless"),
        eb.fn.sum<number>("wallMs").as("wallMs"),
        eb.fn.sum<number | null>("tokensIn").as("tokensIn"),
        eb.fn.sum<number | null>("tokensOut").as("tokensOut"),
        eb.fn.sum<number | null>("dollars").as("dollars"),
        count(eb.and([silent, busy])).as("unknownTokens"),
        count(eb.and([eb("dollars", "is", null), busy])).as("unknownDollars"),
        count(eb.and([silent, eb("ending", "=", "done")])).as("silentTokens"),
        count(eb.and([eb("dollars", "is", null), eb("ending", "=", "done")])).as("silentDollars"),
        eb.fn.max(eb.case().when(eb.not(silent)).then(tokens).end()).as("mostTokens"),
        eb.fn.max("dollars").as("mostDollars"),
      ];
    })
    .execute();
  return rows.map((row) => ({ ...row, mostTokens: row.mostTokens as number | null }));
}
