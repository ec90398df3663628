import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import {
  CamelCasePlugin,
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
} from "kysely";
import { UserError } from "../errors.ts";
import * as first from "./migrations/001_first.ts";
import * as honesty from "./migrations/002_honesty.ts";
import type { Schema } from "./schema.ts";

/** The durable record of every session of one lab. */
export interface Ledger {
  readonly db: Kysely<Schema>;
  readonly path: string;
  close(): Promise<void>;
}

const migrations = [first, honesty];

/**
 * Opens (and creates or upgrades) the ledger file.
 *
 * Write-ahead log with full synchronisation: a row that was acknowledged survives a power cut. Several processes may
 * have it open; each waits up to 15 s for another one's transaction.
 *
 * @throws UserError when the file cannot be opened, is damaged, or was written by a newer Whetstone.
 */
export async function openLedger(path: string): Promise<Ledger> {
  let sqlite: Database.Database;
  try {
    mkdirSync(dirname(path), { recursive: true });
    sqlite = new Database(path, { timeout: 15_000 });
    sqlite.pragma("journal_mode = WAL");
    sqlite.pragma("synchronous = FULL");
    sqlite.pragma("foreign_keys = ON");
  } catch (error) {
    throw unusable(path, error);
  }
  const db = new Kysely<Schema>({
    dialect: new ImmediateDialect({ database: sqlite }),
    plugins: [new CamelCasePlugin()],
  });
  try {
    await migrate(db, sqlite, path);
  } catch (error) {
    sqlite.close();
    throw error instanceof UserError ? error : unusable(path, error);
  }
  return { db, path, close: () => db.destroy() };
}

async function migrate(db: Kysely<Schema>, sqlite: Database.Database, path: string): Promise<void> {
  const version = () => sqlite.pragma("user_version", { simple: true }) as number;
  if (version() > migrations.length)
    throw new UserError(
      `${path} was written by a newer Whetstone (ledger version ${version()}, this one knows ${migrations.length})`,
      "update the whetstone package",
    );
  if (version() === migrations.length) return;
  await db.transaction().execute(async (tx) => {
    // Read again: another process may have migrated while we waited for the lock.
    for (let next = version(); next < migrations.length; next++) await migrations[next]?.up(tx);
    sqlite.pragma(`user_version = ${migrations.length}`);
  });
}

function unusable(path: string, error: unknown): UserError {
  const why = error instanceof Error ? error.message : String(error);
  return new UserError(
    `the ledger ${path} cannot be used: ${why}`,
    "check that the folder is writable and the disk is not full; nothing was changed",
  );
}

/**
 * Kysely begins SQLite transactions deferred: one that reads first and then writes fails at once with
 * SQLITE_BUSY_SNAPSHOT when another process wrote in between, whatever the timeout. Immediate ones wait instead.
 */
class ImmediateDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;
  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }
  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#config);
  }
}

class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      // On a full disk SQLite has rolled back by itself; the first error is the one to be told.
      if (!/no transaction is active/.test(String(error))) throw error;
    }
  }
}
