import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .createTable("sessions")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("tag", "text", (c) => c.notNull().unique())
    .addColumn("branch", "text", (c) => c.notNull())
    .addColumn("program", "text", (c) => c.notNull())
    .addColumn("program_hash", "text", (c) => c.notNull())
    .addColumn("base_commit", "text", (c) => c.notNull())
    .addColumn("base_tree", "text", (c) => c.notNull())
    .addColumn("base_state", "text", (c) => c.notNull())
    .addColumn("pins", "text", (c) => c.notNull())
    .addColumn("pin_parts", "text", (c) => c.notNull())
    .addColumn("researcher", "text", (c) => c.notNull())
    .addColumn("seed", "bigint", (c) => c.notNull())
    .addColumn("secret", "text", (c) => c.notNull())
    .addColumn("channel", "text", (c) => c.notNull())
    .addColumn("level", "text", (c) => c.notNull())
    .addColumn("isolation", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("stop_reason", "text")
    .addColumn("holder", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("started_at", "bigint")
    .addColumn("ended_at", "bigint")
    .addColumn("spent_ms", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();

  await db.schema
    .createTable("experiments")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("number", "integer", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("parent", "integer", (c) => c.notNull())
    .addColumn("parent_state", "text", (c) => c.notNull())
    .addColumn("researcher", "text", (c) => c.notNull())
    .addColumn("what", "text", (c) => c.notNull())
    .addColumn("mechanism", "text")
    .addColumn("prediction", "text")
    .addColumn("added", "integer", (c) => c.notNull())
    .addColumn("removed", "integer", (c) => c.notNull())
    .addColumn("commit_id", "text")
    .addColumn("proposed_at", "bigint", (c) => c.notNull())
    .addColumn("verdict", "text")
    .addColumn("lesson", "text")
    .addUniqueConstraint("experiment_number", ["session_id", "number"])
    // The database itself refuses a second look at the same content within a session.
    .addUniqueConstraint("experiment_state", ["session_id", "state"])
    .execute();
  await db.schema
    .createIndex("experiments_by_state")
    .on("experiments")
    .columns(["state", "parent_state"])
    .execute();

  await db.schema
    .createTable("changes")
    .addColumn("experiment_id", "integer", (c) => c.primaryKey().references("experiments.id"))
    .addColumn("after", "text", (c) => c.notNull())
    .addColumn("before", "text", (c) => c.notNull())
    .addColumn("diff", "text", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("audits")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("final_state", "text", (c) => c.notNull())
    .addColumn("experiment", "integer", (c) => c.notNull())
    .addColumn("pairs", "integer", (c) => c.notNull())
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("ended_at", "bigint")
    .addColumn("baseline_mean", "double precision")
    .addColumn("final_mean", "double precision")
    .addColumn("effect", "double precision")
    .addColumn("low", "double precision")
    .addColumn("high", "double precision")
    .execute();

  await db.schema
    .createTable("evaluations")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("session_id", "integer", (c) => c.notNull().references("sessions.id"))
    .addColumn("experiment_id", "integer", (c) => c.references("experiments.id"))
    .addColumn("audit_id", "integer", (c) => c.references("audits.id"))
    .addColumn("position", "integer", (c) => c.notNull())
    .addColumn("arm", "text", (c) => c.notNull())
    .addColumn("purpose", "text", (c) => c.notNull())
    .addColumn("round", "integer", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("seed", "bigint", (c) => c.notNull())
    .addColumn("value", "double precision")
    .addColumn("metrics", "text", (c) => c.notNull())
    .addColumn("failure_kind", "text")
    .addColumn("failure_message", "text")
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("wall_ms", "double precision", (c) => c.notNull())
    .addColumn("cpu_ms", "double precision", (c) => c.notNull())
    .addColumn("peak_bytes", "bigint", (c) => c.notNull())
    .addColumn("exit_code", "integer")
    .addColumn("log_tail", "text", (c) => c.notNull())
    .addColumn("checks", "text", (c) => c.notNull())
    .addColumn("channel", "text", (c) => c.notNull())
    .addColumn("level", "text", (c) => c.notNull())
    .addColumn("pins", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("evaluations_by_experiment")
    .on("evaluations")
    .columns(["experiment_id", "position"])
    .execute();
  await db.schema
    .createIndex("evaluations_by_session")
    .on("evaluations")
    .columns(["session_id", "purpose"])
    .execute();

  await db.schema
    .createTable("decisions")
    .addColumn("experiment_id", "integer", (c) => c.primaryKey().references("experiments.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("effect", "double precision")
    .addColumn("low", "double precision")
    .addColumn("high", "double precision")
    .addColumn("p", "double precision")
    .addColumn("p_real", "double precision")
    .addColumn("t", "double precision")
    .addColumn("df", "double precision")
    .addColumn("pairs", "integer", (c) => c.notNull())
    .addColumn("provisional", "integer", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("value", "double precision")
    .addColumn("runs", "integer", (c) => c.notNull())
    .addColumn("peak_bytes", "bigint")
    .addColumn("wall_ms", "double precision", (c) => c.notNull())
    .addColumn("decided_at", "bigint", (c) => c.notNull())
    .addColumn("keep_commit", "text")
    .execute();
  await db.schema
    .createIndex("decisions_by_kind")
    .on("decisions")
    .columns(["kind", "experiment_id"])
    .execute();

  await db.schema
    .createTable("violations")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("experiment_id", "integer", (c) => c.notNull().references("experiments.id"))
    .addColumn("path", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("detail", "text", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("costs")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("experiment_id", "integer", (c) => c.notNull().references("experiments.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("ms", "double precision", (c) => c.notNull())
    .addColumn("tokens_in", "integer")
    .addColumn("tokens_out", "integer")
    .addColumn("dollars", "double precision")
    .execute();
  await db.schema.createIndex("costs_by_experiment").on("costs").columns(["experiment_id"]).execute();

  // A finished evaluation and a decision are facts: the database refuses to change or delete them.
  for (const table of ["evaluations", "changes"]) {
    await sql
      .raw(
        `create trigger ${table}_append_only before update on ${table} begin select raise(abort, '${table} are append-only'); end`,
      )
      .execute(db);
    await sql
      .raw(
        `create trigger ${table}_no_delete before delete on ${table} begin select raise(abort, '${table} are append-only'); end`,
      )
      .execute(db);
  }
}
