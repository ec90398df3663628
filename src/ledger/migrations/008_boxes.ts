import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

/** The sandboxes of agents that drive, and which experiments were tried from within one. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .createTable("boxes")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("isolation", "text", (c) => c.notNull())
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("boxes_once", ["session_id", "key"])
    .execute();
  await db.schema
    .createTable("boxed_experiments")
    .addColumn("experiment_id", "integer", (c) => c.primaryKey().references("experiments.id"))
    .addColumn("box_id", "integer", (c) => c.notNull().references("boxes.id"))
    .execute();
}
