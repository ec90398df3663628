import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

/** Turns of agents and models with their traces, ideas, words from a person, pause. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("sessions").addColumn("paused_at", "bigint").execute();

  await db.schema
    .createTable("turns")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.references("sessions.id"))
    .addColumn("experiment_id", "integer", (c) => c.references("experiments.id"))
    .addColumn("researcher", "text", (c) => c.notNull())
    .addColumn("purpose", "text", (c) => c.notNull())
    .addColumn("prompt", "blob", (c) => c.notNull())
    .addColumn("raw", "blob", (c) => c.notNull())
    .addColumn("ending", "text", (c) => c.notNull())
    .addColumn("message", "text", (c) => c.notNull())
    .addColumn("tokens_in", "integer")
    .addColumn("tokens_out", "integer")
    .addColumn("tokens_cached", "integer")
    .addColumn("dollars", "double precision")
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("wall_ms", "double precision", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("turns_by_session").on("turns").columns(["session_id", "id"]).execute();
  await db.schema.createIndex("turns_by_experiment").on("turns").columns(["experiment_id"]).execute();
  // What a session has cost is asked before every call: answered from the index alone, past the long texts.
  await db.schema
    .createIndex("turns_by_cost")
    .on("turns")
    .columns(["session_id", "researcher", "ending", "experiment_id", "wall_ms"])
    .columns(["tokens_in", "tokens_out", "dollars"])
    .execute();

  await db.schema
    .createTable("trace_events")
    .addColumn("turn_id", "integer", (c) => c.notNull().references("turns.id"))
    .addColumn("position", "integer", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("tool", "text")
    .addColumn("ok", "integer")
    .addColumn("data", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("trace_events_key", ["turn_id", "position"])
    .execute();

  await db.schema
    .createTable("ideas")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.references("sessions.id"))
    .addColumn("text", "text", (c) => c.notNull())
    .addColumn("by", "text", (c) => c.notNull())
    .addColumn("added_at", "bigint", (c) => c.notNull())
    .addColumn("experiment_id", "integer", (c) => c.references("experiments.id"))
    .addColumn("dropped_at", "bigint")
    .execute();
  await sql`create index ideas_open on ideas (id) where experiment_id is null and dropped_at is null`.execute(
    db,
  );

  await db.schema
    .createTable("steering")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("text", "text", (c) => c.notNull())
    .addColumn("said_at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("steering_by_session").on("steering").columns(["session_id"]).execute();

  for (const table of ["trace_events", "steering"])
    for (const [name, verb] of [
      ["append_only", "update"],
      ["no_delete", "delete"],
    ])
      await sql
        .raw(
          `create trigger ${table}_${name} before ${verb} on ${table} begin select raise(abort, '${table} are append-only'); end`,
        )
        .execute(db);
}
