import type { Insertable } from "kysely";
import type { Ledger } from "./ledger.ts";
import type { SteeringTable } from "./schema.ts";

/** A word from a person to the researchers of a session. */
export async function addSteering(
  ledger: Ledger,
  word: Omit<Insertable<SteeringTable>, "id">,
): Promise<void> {
  await ledger.db.insertInto("steering").values(word).execute();
}

/** The newest words of a person, oldest first. */
export async function steeringOf(
  ledger: Ledger,
  sessionId: number,
  limit: number,
): Promise<{ text: string; saidAt: number }[]> {
  const rows = await ledger.db
    .selectFrom("steering")
    .select(["text", "saidAt"])
    .where("sessionId", "=", sessionId)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.reverse();
}

/** @param at milliseconds since the epoch: no new experiment begins from now on; null: go on. */
export async function setPaused(ledger: Ledger, sessionId: number, at: number | null): Promise<void> {
  await ledger.db.updateTable("sessions").set({ pausedAt: at }).where("id", "=", sessionId).execute();
}

/** Since when a person wants no new experiment; null: go on. */
export async function pausedSince(ledger: Ledger, sessionId: number): Promise<number | null> {
  const row = await ledger.db
    .selectFrom("sessions")
    .select("pausedAt")
    .where("id", "=", sessionId)
    .executeTakeFirstOrThrow();
  return row.pausedAt;
}
