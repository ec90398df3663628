import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ledgerPath, makeWhetstoneFolder } from "../lab/index.ts";
import { type Ledger, openLedger } from "../ledger/index.ts";

/** The folder whose library counts here: the top of the git repository, or the folder itself where there is none. */
export function libraryRoot(folder: string): string {
  const start = resolve(folder);
  for (let path = start; ; path = dirname(path)) {
    if (existsSync(join(path, ".git"))) return path;
    if (dirname(path) === path) return start;
  }
}

export function hasLibrary(folder: string): boolean {
  return existsSync(ledgerPath(libraryRoot(folder)));
}

/** Calls with the ledger of goals and skills, and closes it, whatever comes of it. */
export async function withLibrary<T>(
  folder: string,
  use: (ledger: Ledger, root: string) => Promise<T>,
): Promise<T> {
  const root = libraryRoot(folder);
  await makeWhetstoneFolder(root);
  const ledger = await openLedger(ledgerPath(root));
  try {
    return await use(ledger, root);
  } finally {
    await ledger.close();
  }
}
