import { constants } from "node:fs";
import { open, readdir, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Text } from "./source.ts";

/** Bytes of one file, and files of one folder, beyond which nothing is read. */
const largest = 64 * 2 ** 20;
const most = 1000;
const deepest = 8;

/** The texts of a source, or why there are none. */
export type Texts = Text[] | { missing: string };

/**
 * Reads a file that a run left, or the files of a folder whose paths end in `ending`. Nothing outside of `root` is read:
 * a run may leave links, and a pipe would never end.
 *
 * @param root a folder in which everything was written by the run.
 * @param path the file's path on the host, below `root`.
 */
export async function readLeft(root: string, path: string, ending: string | undefined): Promise<Texts> {
  const real = await realpath(path).catch(() => null);
  if (real === null) return { missing: "the run did not write it" };
  const inside = await realpath(root);
  if (real !== inside && !real.startsWith(`${inside}/`))
    return { missing: "it is a link that leads elsewhere" };
  const one = await readOne(real);
  if (one !== "folder") return typeof one === "string" ? { missing: one } : [{ name: path, text: one.text }];
  if (ending === undefined) return { missing: "it is a folder" };
  const texts: Text[] = [];
  for (const name of await namesBelow(real, "", 0)) {
    if (!`/${name}`.endsWith(ending)) continue;
    const each = await readOne(join(real, name));
    if (typeof each === "object") texts.push({ name: posix.join("/", name), text: each.text });
  }
  return texts.length === 0 ? { missing: `no file in it ends in ${ending}` } : texts;
}

/** The text, "folder", or why it cannot be read. */
async function readOne(path: string): Promise<{ text: string } | string> {
  // Without O_NONBLOCK a named pipe would be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => error.code ?? "unknown");
  if (typeof handle === "string") return `it cannot be read (${handle})`;
  try {
    const info = await handle.stat();
    if (info.isDirectory()) return "folder";
    if (!info.isFile()) return "it is no plain file";
    if (info.size > largest) return `it is larger than ${largest / 2 ** 20} MiB`;
    return { text: await handle.readFile("utf8") };
  } finally {
    await handle.close();
  }
}

async function namesBelow(root: string, folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (names.length >= most) break;
    const name = posix.join(folder, entry.name);
    if (entry.isFile()) names.push(name);
    else if (entry.isDirectory() && depth < deepest) names.push(...(await namesBelow(root, name, depth + 1)));
  }
  return names.slice(0, most);
}
