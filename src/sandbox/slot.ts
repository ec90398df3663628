import { lstatSync, mkdirSync, utimesSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { UserError } from "../errors.ts";

/** `exclusive`: nothing else of ours runs on this machine meanwhile. `shared`: beside others, never beside a timed run. */
export type SlotMode = "exclusive" | "shared";

export interface SlotOptions {
  /** Told once, when the wait has taken a second. */
  onWait?: () => void;
  signal?: AbortSignal;
  /** Where the locks lie; default: a private folder of this user among the machine's temporary files. */
  folder?: string;
}

/** A slot that is held until it is released, or until the process is gone, however it ended. */
export interface Slot {
  release(): void;
}

/** After so long a wait is worth a word, milliseconds. */
const noticeable = 1000;

/**
 * Waits for this machine's slot: a readers-writer lock among all processes of this user, so that a timed run never has
 * another of our runs beside it. Whoever waits longest at the gate is next, so neither kind starves the other.
 *
 * It sees only processes that have the same temporary folder (TMPDIR) and the same file system: what runs in another
 * container, or for another user, shows among the neighbours instead.
 *
 * SQLite serves as the lock manager and holds no data: it brings locks that the kernel takes back from a dead process,
 * that work on every platform and between connections of one process, and that Node itself does not offer. Nothing is
 * ever written, so the files stay empty.
 *
 * @returns null when the signal was aborted before it was this one's turn.
 * @throws UserError when the folder is not this user's alone, or cannot be made.
 */
export async function takeSlot(mode: SlotMode, options: SlotOptions = {}): Promise<Slot | null> {
  const { signal } = options;
  const folder = privateFolder(options.folder ?? join(tmpdir(), `whetstone-${userName()}`));
  const began = performance.now();
  let told = false;
  const gate = openLock(folder, "gate");
  const room = openLock(folder, "room");
  let entered = false;
  try {
    // The gate is held while waiting for the room: a timed run keeps newcomers out and only waits for those inside.
    for (const [lock, how] of [
      [gate, "exclusive"],
      [room, mode],
    ] as const) {
      while (!signal?.aborted && !tryLock(lock, how)) {
        const waited = performance.now() - began;
        if (!told && waited >= noticeable) {
          told = true;
          options.onWait?.();
        }
        // Frequent looks would themselves disturb the run that is being timed.
        const pause = Math.min(50, Math.max(2, waited / 10)) * (0.75 + Math.random() / 2);
        await sleep(pause, undefined, signal ? { signal } : {}).catch(() => {});
      }
      if (signal?.aborted) return null;
    }
    entered = true;
    return { release: () => room.close() };
  } finally {
    gate.close();
    if (!entered) room.close();
  }
}

const begin: Record<SlotMode, string> = {
  // Beginning to write makes a journal, which is to leave no file behind.
  exclusive: "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE",
  shared: "BEGIN; SELECT 1 FROM sqlite_schema",
};

/** @returns false when somebody else is in the way. */
function tryLock(lock: Database.Database, mode: SlotMode): boolean {
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
function openLock(folder: string, name: string): Database.Database {
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
function privateFolder(folder: string): string {
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
