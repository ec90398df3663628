import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Ledger, openLedger } from "../ledger/index.ts";
import { ledgerPath, whetstoneFolder } from "../notebook/index.ts";

/** The project that a folder belongs to: its git repository's top, or itself where there is none. */
export function projectOf(folder: string): string {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return resolve(folder);
  }
}

/** The ledger of a project's goals. It lies in a folder that ignores itself in git. */
export async function openGoals(project: string): Promise<Ledger> {
  const folder = whetstoneFolder(project);
  await mkdir(folder, { recursive: true });
  const ignore = join(folder, ".gitignore");
  if ((await readFile(ignore, "utf8").catch(() => null)) === null) await writeFile(ignore, "*\n");
  return openLedger(ledgerPath(project));
}
