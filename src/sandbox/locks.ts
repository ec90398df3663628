import { lstatSync, mkdirSync, utimesSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { UserError } from "../errors.ts";

/** `exclusive`: one holder. `shared`: any number of holders, and no exclusive one. */
export type LockMode = "exclusive" | "shared";

/**
 * A lock among all processes of this user. The kernel takes it back when its holder dies.
 *
 * SQLite serves as the lock manager and holds no data: it brings locks that work on every platform and between
 * connections of one process, and that Node itself does not offer. Nothing is ever written, so the files stay empty.
 */
export type Lock = Database.Database;

/** The folder of this user's locks. It is seen by processes with the same temporary folder (TMPDIR) alone. */
export function lockFolder(): string {
  return join(tmpdir(), `whetstone-${userName()}`);
}

/** Waits before the next look, for longer the longer the wait has been: frequent looks would disturb timed runs. */
export async function pause(waitedMs: number, signal: AbortSignal | undefined): Promise<void> {
  const time = Math.min(50, Math.max(2, waitedMs / 10)) * (0.75 + Math.random() / 2);
  await sleep(time, undefined, signal ? { signal } : {}).catch(() => {});
}

const begin: Record<LockMode, string> = {
  // Beginning to write makes a journal, which is to leave no file behind.
  exclusive: "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE",
  shared: "BEGIN; SELECT 1 FROM sqlite_schema",
};

/** @returns false when somebody else is in the way. */
export function tryLock(lock: Lock, mode: LockMode): boolean {
  try {
    lock.exec(begin[mode]);
    return true;
  } catch (error) {
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith("SQLITE_BUSY"))
      throw unusable(lock.name, error);
    if (lock.inTransaction) lock.exec("ROLLBACK");
    return false;
  }
}

/**
 * The file must only ever be opened through SQLite: closing any other descriptor of it would drop the locks that this
 * process holds (POSIX record locks belong to process and file).
 */
export function openLock(folder: string, name: string): Lock {
  const file = join(folder, name);
  try {
    const lock = new Database(file, { timeout: 0 });
    const now = new Date();
    // What looks unused for days is swept from temporary folders, and a file made anew would be another lock.
    utimesSync(file, now, now);
    return lock;
  } catch (error) {
    throw unusable(file, error);
  }
}

function unusable(file: string, error: unknown): UserError {
  return new UserError(
    `the lock ${file} cannot be used: ${(error as Error).message}`,
    "it keeps timed runs apart; let TMPDIR name a local folder of your own that can be written",
  );
}

/** Others could hold the locks of a folder that they can enter, or put links there. */
export function privateFolder(folder: string): string {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw new UserError(
        `the folder ${folder} cannot be made: ${(error as Error).message}`,
        "it keeps timed runs apart; let TMPDIR name a folder that can be written",
      );
  }
  const info = lstatSync(folder);
  const uid = process.getuid?.();
  if (!info.isDirectory() || (uid !== undefined && (info.uid !== uid || (info.mode & 0o077) !== 0)))
    throw new UserError(
      `${folder} is not a folder of yours alone`,
      "it keeps timed runs apart; remove it, or let TMPDIR name a folder of your own",
    );
  return folder;
}

function userName(): string {
  return String(process.getuid?.() ?? userInfo().username);
}
