import { resolve } from "node:path";
import { UserError } from "./errors.ts";

/**
 * Where a path lies that is to be written or removed below a folder. What came in was checked; what comes out of a record
 * may have been edited since, or be of somebody else's ledger.
 *
 * @throws UserError when it leads out of the folder.
 */
export function inside(folder: string, path: string): string {
  const top = resolve(folder);
  const at = resolve(top, path);
  if (!path.includes("\0") && at.startsWith(`${top}/`)) return at;
  throw new UserError(
    `the record names a path that leads out of its folder: ${path.slice(0, 200)}`,
    "nothing was written there; the record was edited, or is not this lab's: see `whet doctor`",
  );
}
