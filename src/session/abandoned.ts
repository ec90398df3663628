import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { removeTree } from "../evaluator/index.ts";
import { abandonedFolders, orphanedFolders, straysOf } from "../sandbox/index.ts";

/**
 * Clears what killed runs of this lab left in the temporary folder. Only for who holds the lab: then nothing of it runs,
 * unless a process has outlived its run, whose folders stay for `whet doctor`. What killed agents left goes as well:
 * there are copies of logins in it.
 *
 * @param work the lab's working folder.
 */
export async function clearAbandoned(work: string): Promise<void> {
  if (!existsSync(work)) return;
  const left = abandonedFolders(work);
  // Null: it cannot be told here what still runs.
  const isQuiet = left.length > 0 && straysOf(realpathSync(work))?.length === 0;
  // One that cannot be removed harms nobody, and doctor names it.
  for (const folder of [...(isQuiet ? left : []), ...orphanedFolders(dirname(work))])
    await removeTree(folder).catch(() => {});
}
