import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Bytes on disk below the folders, links not followed; stops counting once it is above `enough`. */
export async function diskUse(folders: readonly string[], enough: number): Promise<number> {
  let total = 0;
  const waiting = [...folders];
  while (waiting.length > 0 && total <= enough) {
    const path = waiting.pop() as string;
    const info = await lstat(path).catch(() => null);
    if (!info) continue;
    if (!info.isDirectory()) total += info.blocks * 512;
    // Names and inodes take room as well: a million empty files are not free.
    else
      for (const name of await readdir(path).catch(() => [])) {
        total += 512;
        waiting.push(join(path, name));
      }
  }
  return total;
}
