import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";

/** Where a lab keeps its ledger, reports and working folders; it ignores itself in git. */
export function whetstoneFolder(lab: string): string {
  return join(lab, ".whetstone");
}

/** Where the canaries that won lie, to be looked at. */
export function canariesFolder(lab: string): string {
  return join(whetstoneFolder(lab), "canaries");
}

export function ledgerPath(lab: string): string {
  return join(whetstoneFolder(lab), "ledger.db");
}

/** The lab's own folder, which git never sees. */
export async function makeWhetstoneFolder(lab: string): Promise<void> {
  const folder = whetstoneFolder(lab);
  try {
    await mkdir(folder, { recursive: true });
    const ignore = join(folder, ".gitignore");
    if ((await readFile(ignore, "utf8").catch(() => null)) === null) await writeFile(ignore, "*\n");
  } catch (error) {
    throw new UserError(
      `the folder ${folder} cannot be written: ${(error as Error).message}`,
      "Whetstone keeps its ledger there; make the lab folder writable or free some space",
    );
  }
}
