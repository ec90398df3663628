import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";

/** The Python programs that stand between a candidate and an evaluator of another tool; see docs/evaluators.md. */
export interface Shim {
  /** A copy that belongs to this place: without isolation a run could change the installed one for all labs. */
  folder: string;
  /** SHA-256 over names and contents, hex. */
  hash: string;
}

/**
 * Copies the shim from the package into a folder that is not there yet.
 *
 * @throws UserError when the package lacks it.
 */
export async function layOutShim(folder: string): Promise<Shim> {
  const from = packaged();
  await cp(from, folder, { recursive: true, filter: (path) => !path.endsWith("__pycache__") });
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(`${name.slice(folder.length)}\0`).update(await readFile(name));
  return { folder, hash: hash.digest("hex") };
}

/** Beside `dist` when built, above `src` in a checkout. */
function packaged(): string {
  for (const up of ["../shim", "../../shim"]) {
    const folder = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(join(folder, "whetstone_scorer.py"))) return folder;
  }
  throw new UserError(
    "the shim for evaluators of other tools is missing from this installation",
    "install whetstone again",
  );
}
