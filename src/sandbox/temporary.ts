import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Launch } from "./run.ts";
import type { Order } from "./sandbox.ts";

/**
 * A new folder for one run that only this user can enter, named after the folder that its tree lies in and after this
 * process, so that it can be told whose it was.
 */
export function temporaryFolder(tree: string): string {
  return mkdtempSync(join(tmpdir(), `${prefix(dirname(tree))}${process.pid}-`));
}

/** Makes a launch that needs such a folder: the folder goes with the run, and at once where no run comes of it. */
export function withTemporaryFolder(tree: string, make: (folder: string) => Omit<Launch, "cleanUp">): Launch {
  const folder = temporaryFolder(tree);
  const cleanUp = () => rmSync(folder, { recursive: true, force: true });
  try {
    return { ...make(folder), cleanUp };
  } catch (error) {
    cleanUp();
    throw error;
  }
}

/** What killed runs left of those folders. Only meaningful while nothing runs there. */
export function abandonedFolders(work: string): string[] {
  const start = prefix(work);
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(start))
    .map((name) => join(tmpdir(), name));
}

/**
 * Those of them whose process is gone. Agents have theirs beside the lab's working folder, and one that drives may be at
 * work while nobody holds the lab.
 */
export function orphanedFolders(folder: string): string[] {
  const start = prefix(folder);
  return abandonedFolders(folder).filter((path) => {
    const pid = /^(\d+)-/.exec(basename(path).slice(start.length))?.[1];
    return pid !== undefined && !isThere(Number(pid));
  });
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function prefix(work: string): string {
  return `whet-${labMark(work)}-`;
}

/** By this, what runs of a lab leave outside of it can be told from what others leave. */
export function labMark(work: string): string {
  return createHash("sha256").update(realpathSync(work)).digest("hex").slice(0, 12);
}

/** Where nothing can be mounted, what an order shows below the home folder is a link there to where it lies. */
export function linkHome({ mounts }: Order, home: string): void {
  for (const { at, host } of mounts) {
    if (typeof at === "string" || !("home" in at)) continue;
    mkdirSync(dirname(join(home, at.home)), { recursive: true });
    symlinkSync(host, join(home, at.home));
  }
}
