import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/**
 * A new folder for one run that only this user can enter, named after the folder that its tree lies in, so that it can
 * be told whose it was.
 */
export function temporaryFolder(tree: string): string {
  return mkdtempSync(join(tmpdir(), prefix(dirname(tree))));
}

/** What killed runs left of those folders. Only meaningful while nothing runs there. */
export function abandonedFolders(work: string): string[] {
  const start = prefix(work);
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(start))
    .map((name) => join(tmpdir(), name));
}

function prefix(work: string): string {
  return `whet-${createHash("sha256").update(realpathSync(work)).digest("hex").slice(0, 12)}-`;
}
