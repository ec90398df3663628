import { readdir } from "node:fs/promises";
import { type Entry, inFolder, placeOf } from "./place.ts";

/** What tools lay down beside the work. */
const passedOver = new Set([".git", "node_modules", ".whetstone", "__pycache__"]);

/**
 * Calls with each file below a folder, in order, links not followed; `false` ends it.
 *
 * @param prefix what the paths begin with.
 */
export async function eachFileBelow(
  entry: Entry,
  prefix: string,
  use: (path: string, file: Entry) => Promise<boolean>,
): Promise<boolean> {
  return inFolder(entry, async (parent) => {
    const found = await readdir(placeOf({ parent, name: "." }), { withFileTypes: true });
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const each of found) {
      if (passedOver.has(each.name)) continue;
      const path = prefix === "" ? each.name : `${prefix}/${each.name}`;
      const below = { parent, name: each.name };
      if (each.isDirectory()) {
        // What a command takes away or swaps meanwhile is passed over.
        if (!(await eachFileBelow(below, path, use).catch(() => true))) return false;
      } else if (each.isFile() && !(await use(path, below))) return false;
    }
    return true;
  });
}
