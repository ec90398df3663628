import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

/** The durable record of every session of one lab. */
export interface Ledger {
  readonly db: Kysely<Schema>;
  readonly path: string;
  /**
   * Takes the lab for this process until the ledger is closed or the process ends, however it ends.
   * False: another one has it.
   */
  hold(): boolean;
  close(): Promise<void>;
}
