import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

/**
 * Runs of a test say so from their first row on: a trial that was killed has a goal, and no row among the trials. Results
 * of checks say what they judged by that was the work's own.
 */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .alterTable("goals")
    .addColumn("purpose", "text", (c) => c.notNull().defaultTo("goal"))
    .execute();
  await db.schema
    .alterTable("goal_evaluations")
    .addColumn("own", "text", (c) => c.notNull().defaultTo('{"made":[],"changed":[]}'))
    .execute();
  await sql`update goals set purpose = 'trial' where id in (select goal_id from trials)`.execute(db);
  await db.schema.createIndex("goals_by_purpose").on("goals").columns(["purpose", "goal_hash"]).execute();
}
