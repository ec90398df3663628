import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

/** What a session tells while it runs, so that another process can follow it from the ledger alone. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .createTable("events")
    .addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("data", "text", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("events_of_session").on("events").columns(["session_id", "id"]).execute();
}
