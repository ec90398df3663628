import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

/** What a whole evaluation took, without the wait for its turn. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("evaluations").addColumn("spent_ms", "double precision").execute();
}
