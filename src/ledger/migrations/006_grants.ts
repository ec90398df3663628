import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

/** What runs used of their grants: calls of models, and connections. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("evaluations").addColumn("used", "text").execute();

  await db.schema
    .createTable("model_calls")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("asker", "text", (c) => c.notNull())
    .addColumn("model", "text", (c) => c.notNull())
    .addColumn("key", "text")
    .addColumn("content_type", "text")
    .addColumn("answer", "blob")
    .addColumn("status", "integer", (c) => c.notNull())
    .addColumn("tokens_in", "integer", (c) => c.notNull())
    .addColumn("tokens_out", "integer", (c) => c.notNull())
    .addColumn("dollars", "double precision")
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("wall_ms", "double precision", (c) => c.notNull())
    .execute();
  await sql`create index model_calls_cached on model_calls (session_id, asker, key) where key is not null`.execute(
    db,
  );
  // What a session has cost is added up at each start: answered from the index alone, past the long answers.
  await db.schema
    .createIndex("model_calls_by_cost")
    .on("model_calls")
    .columns(["session_id", "asker", "model", "tokens_in", "tokens_out", "dollars"])
    .execute();

  for (const [name, verb] of [
    ["append_only", "update"],
    ["no_delete", "delete"],
  ])
    await sql
      .raw(
        `create trigger model_calls_${name} before ${verb} on model_calls begin select raise(abort, 'model_calls are append-only'); end`,
      )
      .execute(db);
}
