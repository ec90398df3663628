import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

/** Probes of the evaluator, rungs, doubted keeps and their reviews, audits of parts, epochs. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .alterTable("sessions")
    .addColumn("epoch", "integer", (c) => c.notNull().defaultTo(1))
    .execute();
  await db.schema
    .alterTable("sessions")
    .addColumn("rescored_from", "integer", (c) => c.references("sessions.id"))
    .execute();
  await db.schema.alterTable("evaluations").addColumn("stage", "text").execute();
  await db.schema.alterTable("evaluations").addColumn("machine", "text").execute();
  await db.schema.alterTable("evaluations").addColumn("spent_ms", "double precision").execute();
  await db.schema.alterTable("decisions").addColumn("stages", "text").execute();
  await db.schema.alterTable("decisions").addColumn("doubt", "text").execute();
  await db.schema
    .alterTable("decisions")
    .addColumn("raced", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .alterTable("decisions")
    .addColumn("allowance", "double precision", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable("sessions").addColumn("holdout_data", "text").execute();
  await db.schema
    .alterTable("audits")
    .addColumn("kind", "text", (c) => c.notNull().defaultTo("final"))
    .execute();
  await db.schema.alterTable("audits").addColumn("against", "text").execute();
  await db.schema.alterTable("audits").addColumn("subject", "text").execute();
  await db.schema.createIndex("audits_by_session").on("audits").columns(["session_id", "kind"]).execute();
  await db.schema
    .createIndex("evaluations_by_audit")
    .on("evaluations")
    .columns(["audit_id", "position"])
    .execute();
  // By session alone: its rows stand in the order of their ids, so the newest are found without sorting.
  await db.schema.createIndex("evaluations_newest").on("evaluations").columns(["session_id"]).execute();
  await db.schema
    .createIndex("evaluations_time")
    .on("evaluations")
    .columns(["session_id", "wall_ms"])
    .execute();

  await db.schema
    .createTable("reviews")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("experiment_id", "integer", (c) => c.notNull().unique().references("experiments.id"))
    .addColumn("verdict", "text", (c) => c.notNull())
    .addColumn("note", "text")
    .addColumn("after_number", "integer", (c) => c.notNull())
    .addColumn("reviewed_at", "bigint", (c) => c.notNull())
    .addColumn("commit_id", "text")
    .execute();

  await db.schema
    .createTable("probes")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("canary", "text", (c) => c.notNull())
    .addColumn("outcome", "text", (c) => c.notNull())
    .addColumn("value", "double precision")
    .addColumn("message", "text", (c) => c.notNull())
    .addColumn("probed_at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("probes_by_session").on("probes").columns(["session_id"]).execute();

  for (const table of ["probes"])
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
