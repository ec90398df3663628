import { type Kysely, sql } from "kysely";
import { beginFirstChain } from "../chain.ts";
import type { Schema } from "../schema.ts";

/** Each row that tells what was measured or decided is linked to the one before; rows from before this stay unlinked. */
export async function up(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .createTable("links")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("of", "text", (c) => c.notNull())
    .addColumn("row_id", "integer", (c) => c.notNull())
    .addColumn("content", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull())
    .addColumn("seal", "text")
    .execute();
  await db.schema
    .createIndex("experiments_driven")
    .on("experiments")
    .columns(["session_id"])
    .where(sql.ref("researcher"), "=", sql.lit("agent"))
    .execute();
  await beginFirstChain(db);
}
