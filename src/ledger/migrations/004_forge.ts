import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

/** Goals and their tasks, skills with versions and evaluations, the runs of A/B tests, imported traces. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .createTable("goals")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("title", "text", (c) => c.notNull())
    .addColumn("family", "text", (c) => c.notNull())
    .addColumn("goal", "text", (c) => c.notNull())
    .addColumn("goal_hash", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("score", "double precision")
    .addColumn("best_iteration", "integer")
    .addColumn("world_state", "text", (c) => c.notNull())
    .addColumn("branch", "text")
    .addColumn("base_commit", "text")
    .addColumn("holder", "text")
    .addColumn("paused_at", "bigint")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("ended_at", "bigint")
    .execute();
  await db.schema.createIndex("goals_by_hash").on("goals").columns(["goal_hash"]).execute();
  await db.schema.createIndex("goals_by_family").on("goals").columns(["family", "id"]).execute();

  await db.schema
    .createTable("goal_iterations")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("goal_id", "integer", (c) => c.notNull().references("goals.id"))
    .addColumn("number", "integer", (c) => c.notNull())
    .addColumn("plan", "text", (c) => c.notNull())
    .addColumn("score", "double precision")
    .addColumn("feedback", "text")
    .addColumn("commit_id", "text")
    .addColumn("tip", "text", (c) => c.notNull())
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("ended_at", "bigint")
    .addUniqueConstraint("goal_iterations_key", ["goal_id", "number"])
    .execute();

  await db.schema
    .createTable("tasks")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("iteration_id", "integer", (c) => c.notNull().references("goal_iterations.id"))
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("task", "text", (c) => c.notNull())
    .addColumn("agent", "text", (c) => c.notNull())
    .addColumn("why", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("output", "text")
    .addColumn("error", "text")
    .addColumn("started_at", "bigint")
    .addColumn("ended_at", "bigint")
    .addUniqueConstraint("tasks_key", ["iteration_id", "key"])
    .execute();
  await db.schema.createIndex("tasks_by_agent").on("tasks").columns(["agent", "status"]).execute();

  await db.schema
    .createTable("goal_evaluations")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("iteration_id", "integer", (c) => c.notNull().references("goal_iterations.id"))
    .addColumn("criterion", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("weight", "double precision", (c) => c.notNull())
    .addColumn("score", "double precision", (c) => c.notNull())
    .addColumn("explanation", "text", (c) => c.notNull())
    .addColumn("met", "text", (c) => c.notNull())
    .addColumn("missed", "text", (c) => c.notNull())
    .addColumn("suggestions", "text", (c) => c.notNull())
    .addColumn("judge", "text")
    .execute();
  await db.schema
    .createIndex("goal_evaluations_by_iteration")
    .on("goal_evaluations")
    .columns(["iteration_id"])
    .execute();

  await db.schema
    .createTable("golden_standards")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("goal_id", "integer", (c) => c.notNull().unique().references("goals.id"))
    .addColumn("family", "text", (c) => c.notNull())
    .addColumn("score", "double precision", (c) => c.notNull())
    .addColumn("plan", "text", (c) => c.notNull())
    .addColumn("outputs", "text", (c) => c.notNull())
    .addColumn("added_at", "bigint", (c) => c.notNull())
    .execute();

  // A turn belongs to a session of a lab, to a task of a goal, to a run of an A/B test, or was imported.
  await db.schema
    .alterTable("turns")
    .addColumn("goal_id", "integer", (c) => c.references("goals.id"))
    .execute();
  await db.schema
    .alterTable("turns")
    .addColumn("task_id", "integer", (c) => c.references("tasks.id"))
    .execute();
  await db.schema.alterTable("turns").addColumn("source", "text").execute();
  await db.schema.alterTable("turns").addColumn("source_key", "text").execute();
  await db.schema.alterTable("turns").addColumn("agent_version", "text").execute();
  await db.schema.alterTable("turns").addColumn("model", "text").execute();
  // What a goal has cost is asked before every call.
  await db.schema
    .createIndex("turns_by_goal")
    .on("turns")
    .columns(["goal_id", "ending", "tokens_in", "tokens_out", "dollars"])
    .execute();
  await db.schema.createIndex("turns_by_task").on("turns").columns(["task_id"]).execute();
  await db.schema
    .createIndex("turns_by_source")
    .unique()
    .on("turns")
    .columns(["source", "source_key"])
    .execute();
  await db.schema
    .createTable("transcripts")
    .addColumn("path", "text", (c) => c.primaryKey())
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("bytes", "bigint", (c) => c.notNull())
    .addColumn("changed_at", "bigint", (c) => c.notNull())
    .addColumn("imported_at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("trace_events_by_tool").on("trace_events").columns(["tool"]).execute();

  await db.schema
    .createTable("skills")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("origin", "text", (c) => c.notNull())
    .addColumn("category", "text")
    .addColumn("current_version", "integer", (c) => c.notNull())
    .addColumn("pinned", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("path", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("skill_versions")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("skill_id", "integer", (c) => c.notNull().references("skills.id"))
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("description", "text", (c) => c.notNull())
    .addColumn("allowed_tools", "text", (c) => c.notNull())
    .addColumn("instructions", "text", (c) => c.notNull())
    .addColumn("instructions_diff", "text", (c) => c.notNull())
    .addColumn("skill", "blob", (c) => c.notNull())
    .addColumn("content_hash", "text", (c) => c.notNull())
    .addColumn("effectiveness_score", "double precision")
    .addColumn("parent_version_id", "integer", (c) => c.references("skill_versions.id"))
    .addColumn("source_goal_id", "integer", (c) => c.references("goals.id"))
    .addColumn("source_goals", "text", (c) => c.notNull())
    .addColumn("source_families", "text", (c) => c.notNull())
    .addColumn("claims", "text", (c) => c.notNull())
    .addColumn("trace_analysis_summary", "text")
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("decision", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("skill_versions_key", ["skill_id", "version"])
    .execute();

  const measured = (arm: string) => [
    `${arm}_ses`,
    `${arm}_completion`,
    `${arm}_tool_calls`,
    `${arm}_errors`,
    `${arm}_duration_ms`,
  ];
  let evaluations = db.schema
    .createTable("skill_evaluations")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("skill_version_id", "integer", (c) => c.references("skill_versions.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("suite", "text", (c) => c.notNull())
    .addColumn("suite_hash", "text", (c) => c.notNull())
    .addColumn("setup", "text", (c) => c.notNull())
    .addColumn("agent", "text", (c) => c.notNull())
    .addColumn("agent_version", "text")
    .addColumn("model", "text")
    .addColumn("judge", "text");
  for (const column of [...measured("baseline"), ...measured("treatment")])
    evaluations = evaluations.addColumn(column, "double precision");
  await evaluations
    .addColumn("components", "text")
    .addColumn("delta", "double precision")
    .addColumn("low", "double precision")
    .addColumn("high", "double precision")
    .addColumn("pairs", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("tasks", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("decision", "text")
    .addColumn("reason", "text")
    .addColumn("judge_reasoning", "text")
    .addColumn("tokens", "double precision")
    .addColumn("dollars", "double precision")
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("ended_at", "bigint")
    .execute();
  await db.schema
    .createIndex("skill_evaluations_by_version")
    .on("skill_evaluations")
    .columns(["skill_version_id"])
    .execute();

  await db.schema
    .createTable("trials")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("evaluation_id", "integer", (c) => c.notNull().references("skill_evaluations.id"))
    .addColumn("position", "integer", (c) => c.notNull())
    .addColumn("arm", "text", (c) => c.notNull())
    .addColumn("task", "text", (c) => c.notNull())
    .addColumn("family", "text", (c) => c.notNull())
    .addColumn("replicate", "integer", (c) => c.notNull())
    .addColumn("seed", "integer", (c) => c.notNull())
    .addColumn("trial", "text", (c) => c.notNull())
    .addColumn("goal_id", "integer", (c) => c.references("goals.id"))
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("trials_key", ["evaluation_id", "position"])
    .execute();

  await db.schema
    .createTable("skill_relations")
    .addColumn("from_skill", "integer", (c) => c.notNull().references("skills.id"))
    .addColumn("to_skill", "integer", (c) => c.notNull().references("skills.id"))
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("added_at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("skill_relations_key", ["from_skill", "to_skill", "kind"])
    .execute();

  await db.schema
    .createTable("skill_uses")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("skill_version_id", "integer", (c) => c.notNull().references("skill_versions.id"))
    .addColumn("turn_id", "integer", (c) => c.references("turns.id"))
    .addColumn("loaded", "integer")
    .addColumn("used_at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("skill_uses_by_version")
    .on("skill_uses")
    .columns(["skill_version_id"])
    .execute();

  await db.schema
    .createTable("sealed_openings")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("suite_hash", "text", (c) => c.notNull())
    .addColumn("skill_version_id", "integer", (c) => c.notNull().references("skill_versions.id"))
    .addColumn("opened_at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("sealed_openings_key", ["suite_hash", "skill_version_id"])
    .execute();

  for (const table of ["goal_evaluations", "trials", "sealed_openings"]) {
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
}
