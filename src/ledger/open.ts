import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { Kysely } from "kysely";
import { RunFailed, UserError } from "../errors.ts";
import { beginChain } from "./chain.ts";
import { sqliteDialect } from "./dialect.ts";
import type { Ledger } from "./ledger.ts";
import * as first from "./migrations/001_first.ts";
import * as honesty from "./migrations/002_honesty.ts";
import * as agents from "./migrations/003_agents.ts";
import * as forge from "./migrations/004_forge.ts";
import * as trials from "./migrations/005_trials.ts";
import * as grants from "./migrations/006_grants.ts";
import * as chain from "./migrations/007_chain.ts";
import * as boxes from "./migrations/008_boxes.ts";
import * as events from "./migrations/009_events.ts";
import type { Schema } from "./schema.ts";

const migrations = [first, honesty, agents, forge, trials, grants, chain, boxes, events];

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
    sqlite = new Database(path, { timeout: patience });
  } catch (error) {
    throw unusable(path, error);
  }
  try {
    await writeAhead(sqlite);
    sqlite.pragma("synchronous = FULL");
    sqlite.pragma("foreign_keys = ON");
  } catch (error) {
    sqlite.close();
    throw unusable(path, error);
  }
  const db = new Kysely<Schema>({ dialect: sqliteDialect(sqlite) });
  try {
    await migrate(db, sqlite, path);
  } catch (error) {
    sqlite.close();
    throw error instanceof UserError ? error : unusable(path, error);
  }
  let lock: Database.Database | null = null;
  return {
    db,
    path,
    hold: () => {
      lock ??= exclusive(join(dirname(path), "lab.lock"));
      return lock !== null;
    },
    close: async () => {
      lock?.close();
      await db.destroy();
    },
  };
}

/** Milliseconds that a process waits for another one's transaction. */
const patience = 15_000;

/** Of several processes that turn a new file to write-ahead logging, SQLite lets one do it and fails the others at once. */
async function writeAhead(sqlite: Database.Database): Promise<void> {
  const since = performance.now();
  for (;;) {
    try {
      if (sqlite.pragma("journal_mode", { simple: true }) === "wal") return;
      sqlite.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() - since > patience) throw error;
      await sleep(10);
    }
  }
}

/** A lock of the operating system's, which goes with its process; null: another one has it. */
function exclusive(path: string): Database.Database | null {
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.exec("begin exclusive");
    return lock;
  } catch (error) {
    lock.close();
    if (isBusy(error)) return null;
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return (error as { code?: string }).code?.startsWith("SQLITE_BUSY") ?? false;
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
    for (const due of dueMigrations(version(), sqlite)) await due.up(tx);
    sqlite.pragma(`user_version = ${migrations.length}`);
  });
}

/**
 * What a ledger lacks. For a while version 6 was the chain without the grants: the chain of such a ledger does not reach
 * what the grants add, so it begins anew once they are there, and the rows until then count as unlinked.
 */
function dueMigrations(
  version: number,
  sqlite: Database.Database,
): { up: (db: Kysely<Schema>) => Promise<void> }[] {
  const chained = sqlite.prepare("select 1 from sqlite_master where name = 'links'").get() !== undefined;
  if (version === 6 && chained) return [grants, ...migrations.slice(7), { up: (db) => beginChain(db) }];
  return migrations.slice(version);
}

function unusable(path: string, error: unknown): UserError {
  const why = error instanceof Error ? error.message : String(error);
  const { code = "" } = error as { code?: string };
  const message = `the ledger ${path} cannot be used: ${why}`;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code))
    return new RunFailed(
      message,
      "it is damaged, and nothing was changed: `whet doctor` saves what can be read",
    );
  const fix = "check that the folder is writable and the disk is not full; nothing was changed";
  return /^SQLITE_(IOERR|FULL)/.test(code) ? new RunFailed(message, fix) : new UserError(message, fix);
}
