import type { Selectable } from "kysely";
import type { Ledger } from "./ledger.ts";
import type { EventTable } from "./schema.ts";

export type EventRow = Selectable<EventTable>;

/** Events of a session that are kept: they tell how it goes, and what it came to stands in the other tables. */
const kept = 20_000;
/** So many more may pile up before the oldest are taken away. */
const slack = 2_000;

/** Adds events in their order, in one transaction. Of a long session only the newest are kept, `kept` at the most. */
export async function addEvents(
  ledger: Ledger,
  sessionId: number,
  events: readonly Pick<EventRow, "at" | "type" | "data">[],
): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const rows = events.map((event) => ({ ...event, sessionId }));
    const { insertId } = await tx.insertInto("events").values(rows).executeTakeFirstOrThrow();
    // Ids have gaps where sessions of a lab take turns: fewer events of this one are kept then.
    if (Number(insertId) % slack < rows.length)
      await tx
        .deleteFrom("events")
        .where("sessionId", "=", sessionId)
        .where("id", "<=", Number(insertId) - kept)
        .execute();
  });
}

/** A session's events after the one with this id (0: all that are kept), oldest first. */
export async function eventsAfter(
  ledger: Ledger,
  sessionId: number,
  id: number,
  limit = 1000,
): Promise<EventRow[]> {
  return ledger.db
    .selectFrom("events")
    .selectAll()
    .where("sessionId", "=", sessionId)
    .where("id", ">", id)
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Id of the session's newest event; 0: there is none. */
export async function newestEvent(ledger: Ledger, sessionId: number): Promise<number> {
  const row = await ledger.db
    .selectFrom("events")
    .select(({ fn }) => fn.max("id").as("id"))
    .where("sessionId", "=", sessionId)
    .executeTakeFirst();
  return Number(row?.id ?? 0);
}
