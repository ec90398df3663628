import { constants, existsSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, unlink } from "node:fs/promises";
import { join } from "node:path";

/**
 * The gate to a folder in which somebody else may have written: the workspace of an agent that drives, the working copy
 * of a researcher. A link that they put there may lead to any folder of the user's, so no path below such a folder is
 * handed to the file system as a whole: its folders are entered one by one, and none of them may be a link.
 */

/** A folder on a way that is not there, is a link, or is something else than a folder. */
export class NoWay extends Error {
  override readonly name = "NoWay";
  readonly path: string;
  readonly found: "nothing" | "a link" | "no folder";

  /** @param path of the first one, relative to the root; "" for the root itself. */
  constructor(path: string, found: NoWay["found"]) {
    super(`${path === "" ? "the folder itself" : path} is ${found === "nothing" ? "gone" : found}`);
    this.path = path;
    this.found = found;
  }
}

export interface WayOptions {
  /** Makes the folders that are not there. */
  make?: boolean;
  /** Removes what lies where a folder has to be; of a link the link itself, never anything that it leads to. */
  clear?: boolean;
}

/** Where the kernel shows open folders as paths, a way that was entered stays the same whatever is renamed meanwhile. */
const open_ = process.platform === "linux" && existsSync("/proc/self/fd") ? "/proc/self/fd" : null;

/**
 * Enters a folder through real folders only, and does something there.
 *
 * @param root a folder of Whetstone's own; it must not be a link itself.
 * @param path of the folder, relative to the root; "" or "." for the root.
 * @param work is given a path of that folder, good until it returns; it must follow no link of its own accord.
 * @throws NoWay when a folder on the way is a link, missing, or no folder.
 */
export async function inFolder<Result>(
  root: string,
  path: string,
  work: (folder: string) => Promise<Result>,
  options: WayOptions = {},
): Promise<Result> {
  const held: FileHandle[] = [];
  try {
    let at = await enter(root, "", held);
    const parts = partsOf(path);
    for (const [index, part] of parts.entries()) {
      const way = parts.slice(0, index + 1).join("/");
      at = await stepInto(join(at, part), way, held, options);
    }
    return await work(at).catch((error: unknown) => {
      throw named(error, at, join(root, path));
    });
  } finally {
    for (const handle of held) await handle.close();
  }
}

/**
 * The first folder on a way below a root that is not a real folder, or null: then the way leads where it seems to lead.
 *
 * @param path of a folder, relative to the root.
 */
export async function wayFault(root: string, path: string): Promise<NoWay | null> {
  return inFolder(root, path, async () => null).catch((error: unknown) => {
    if (error instanceof NoWay) return error;
    throw error;
  });
}

function partsOf(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new NoWay(path, "nothing");
  return parts;
}

async function stepInto(
  folder: string,
  way: string,
  held: FileHandle[],
  { make, clear }: WayOptions,
): Promise<string> {
  try {
    return await enter(folder, way, held);
  } catch (error) {
    if (!(error instanceof NoWay)) throw error;
    if (error.found !== "nothing") {
      if (!clear) throw error;
      await unlink(folder);
    }
    if (!make) throw error;
    await mkdir(folder);
    return enter(folder, way, held);
  }
}

/** Opens one folder and keeps it open. @returns a path of it that no renaming changes, where the system has such paths. */
async function enter(folder: string, way: string, held: FileHandle[]): Promise<string> {
  const info = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  });
  if (info === null) throw new NoWay(way, "nothing");
  if (info.isSymbolicLink()) throw new NoWay(way, "a link");
  if (!info.isDirectory()) throw new NoWay(way, "no folder");
  if (open_ === null) return folder;
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const handle = await open(folder, flags).catch((error: NodeJS.ErrnoException) => {
    // It was exchanged since the look at it.
    if (error.code === "ELOOP" || error.code === "ENOTDIR") throw new NoWay(way, "a link");
    throw error;
  });
  held.push(handle);
  return `${open_}/${handle.fd}`;
}

/** A person knows the folder by its path, not by the number that it is open under. */
function named(error: unknown, at: string, folder: string): unknown {
  if (!(error instanceof Error) || at === folder) return error;
  const { path } = error as NodeJS.ErrnoException;
  error.message = error.message.replaceAll(`${at}/`, `${folder}/`);
  if (path?.startsWith(`${at}/`)) (error as NodeJS.ErrnoException).path = folder + path.slice(at.length);
  return error;
}
