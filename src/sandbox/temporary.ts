import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Launch } from "./run.ts";
import type { Order } from "./sandbox.ts";

/**
 * A new folder for one run that only this user can enter, named after the folder that its tree lies in, so that it can
 * be told whose it was.
 */
export function temporaryFolder(tree: string): string {
  return mkdtempSync(join(tmpdir(), prefix(dirname(tree))));
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
