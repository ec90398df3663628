import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** What tools lay down beside the work. */
const passedOver = new Set([".git", "node_modules", ".whetstone", "__pycache__"]);

/** Files below a folder in order, links not followed; paths relative to it. */
export async function* filesBelow(root: string, prefix = ""): AsyncGenerator<string> {
  const entries = await readdir(join(root, prefix), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (passedOver.has(entry.name)) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(root, path);
    else if (entry.isFile()) yield path;
  }
}
