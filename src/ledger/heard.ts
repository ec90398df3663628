import type { Ledger } from "./ledger.ts";

/** What a person has said to the researchers of a session after a moment, the newest of it, oldest first. */
export async function heardSince(
  ledger: Ledger,
  sessionId: number,
  at: number,
  limit: number,
): Promise<string[]> {
  const rows = await ledger.db
    .selectFrom("steering")
    .select("text")
    .where("sessionId", "=", sessionId)
    .where("saidAt", ">", at)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(({ text }) => text).reverse();
}
