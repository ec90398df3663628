import { UserError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";

/** Something to try one day. */
export interface Idea {
  id: number;
  text: string;
  by: string;
  addedAt: number;
  /** The experiment that took it up: session and number. */
  tried: { tag: string; number: number } | null;
  droppedAt: number | null;
}

/** @returns its id; that of the same text if it is open already. */
export async function addIdea(
  ledger: Ledger,
  idea: { sessionId: number | null; text: string; by: string; addedAt: number },
): Promise<number> {
  return ledger.db.transaction().execute(async (tx) => {
    const same = await tx
      .selectFrom("ideas")
      .select("id")
      .where("text", "=", idea.text)
      .where("experimentId", "is", null)
      .where("droppedAt", "is", null)
      .executeTakeFirst();
    if (same) return same.id;
    return (await tx.insertInto("ideas").values(idea).returning("id").executeTakeFirstOrThrow()).id;
  });
}

/** The newest ideas of the lab, oldest of them first. */
export async function ideasOf(ledger: Ledger, page: { open: boolean; limit: number }): Promise<Idea[]> {
  let query = ledger.db
    .selectFrom("ideas as i")
    .leftJoin("experiments as e", "e.id", "i.experimentId")
    .leftJoin("sessions as s", "s.id", "e.sessionId")
    .select(["i.id", "i.text", "i.by", "i.addedAt", "i.droppedAt", "e.number", "s.tag"])
    .orderBy("i.id", "desc")
    .limit(page.limit);
  if (page.open) query = query.where("i.experimentId", "is", null).where("i.droppedAt", "is", null);
  return (await query.execute())
    .map(({ number, tag, ...idea }) => ({
      ...idea,
      tried: number === null || tag === null ? null : { tag, number },
    }))
    .reverse();
}

/** Strikes an idea off. @throws UserError when there is none of that id. */
export async function dropIdea(ledger: Ledger, id: number, at: number): Promise<void> {
  await requireIdea(ledger, id);
  await ledger.db.updateTable("ideas").set({ droppedAt: at }).where("id", "=", id).execute();
}

/** @throws UserError when there is none of that id. */
export async function requireIdea(ledger: Ledger, id: number): Promise<void> {
  const found = await ledger.db.selectFrom("ideas").select("id").where("id", "=", id).executeTakeFirst();
  if (!found) throw new UserError(`there is no idea ${id}`, "`whet ideas list` shows them");
}

/** Notes which experiment tried an idea. */
export async function tookUpIdea(ledger: Ledger, id: number, experimentId: number): Promise<void> {
  await ledger.db.updateTable("ideas").set({ experimentId }).where("id", "=", id).execute();
}
