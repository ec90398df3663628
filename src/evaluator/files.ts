import { randomUUID } from "node:crypto";
import { constants, cpSync } from "node:fs";
import { chmod, cp, lstat, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { join, posix, relative } from "node:path";

/** @param wanted whether a path relative to `from` is copied, with all below it; absent: everything. */
export async function copyTree(from: string, to: string, wanted?: (path: string) => boolean): Promise<void> {
  const options = {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: false,
    mode: constants.COPYFILE_FICLONE,
  };
  // The whole tree in one call is several times faster than file by file, and nothing runs meanwhile.
  if (!wanted) return cpSync(from, to, options);
  await cp(from, to, { ...options, filter: (path) => wanted(relative(from, path)) });
}

/** Removes a folder whatever a run has put there: paths too long to be opened, folders locked against their owner. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Of a link only the link is removed: what it leads to is somebody else's.
    if (!(await lstat(path).catch(() => null))?.isDirectory()) throw error;
    await flatten(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Empties a folder and leaves the folder itself, and those below it that are named: who works in them goes on there.
 *
 * @param also folders in it that are emptied and left as well, relative to it, parents before their children. One that is
 * a link now is removed.
 * @param untouched a folder in it that stays as it is.
 */
export async function emptyTree(folder: string, also: readonly string[], untouched: string): Promise<void> {
  const kept = [...also, untouched];
  for (const at of ["", ...also]) {
    const here = join(folder, at);
    if (!(await isRealFolder(here))) continue;
    for (const bytes of await readdir(here, { encoding: "buffer" })) {
      const name = bytes.toString();
      const stays = kept.includes(posix.join(at, name)) && (await isRealFolder(join(here, name)));
      if (!stays) await removeTree(await nameable(here, bytes));
    }
  }
}

/** The path of an entry; one whose name is no text gets another name first. */
async function nameable(folder: string, bytes: Buffer): Promise<string> {
  const name = bytes.toString();
  if (Buffer.from(name).equals(bytes)) return join(folder, name);
  const path = join(folder, randomUUID());
  await rename(Buffer.concat([Buffer.from(`${folder}/`), bytes]), path);
  return path;
}

async function isRealFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isDirectory() ?? false;
}

/**
 * Empties a folder level by level, its grandchildren moved up, so that no path grows beyond two names. What is gone by
 * then is right: the removal that has just failed may still be at work elsewhere in it.
 */
async function flatten(folder: string): Promise<void> {
  const below = (parent: Buffer, name: Buffer | string) =>
    Buffer.concat([parent, Buffer.from("/"), Buffer.from(name)]);
  const isFolder = async (path: Buffer) => (await gone(lstat(path)))?.isDirectory() ?? false;
  const root = Buffer.from(folder);
  for (let names = await readdir(root, { encoding: "buffer" }); names.length > 0; ) {
    for (const name of names) {
      const path = below(root, name);
      if (!(await isFolder(path))) {
        await gone(unlink(path));
        continue;
      }
      await gone(chmod(path, 0o700));
      for (const inner of (await gone(readdir(path, { encoding: "buffer" }))) ?? []) {
        const child = below(path, inner);
        if (await isFolder(child)) await gone(chmod(child, 0o700));
        await gone(rename(child, below(root, randomUUID())));
      }
      await gone(rmdir(path));
    }
    names = (await gone(readdir(root, { encoding: "buffer" }))) ?? [];
  }
}

/** The result, or null where there is nothing at that path any more. */
async function gone<Result>(work: Promise<Result>): Promise<Result | null> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Bytes of a file, or of all files below a folder and of their names (which can hold data too); null where there is
 * nothing, or something that is neither a file nor a folder: a link weighs nothing and may lead anywhere. A file with
 * holes weighs its whole length. What else files can carry is not weighed, and taken away before (`makePlain`).
 */
export async function sizeOf(path: string): Promise<number | null> {
  const info = await lstat(path).catch(() => null);
  if (!info) return null;
  if (!info.isDirectory()) return info.isFile() ? info.size : null;
  let total = 0;
  for (const entry of await readdir(path)) {
    const size = await sizeOf(join(path, entry));
    if (size === null) return null;
    total += size + Buffer.byteLength(entry);
  }
  return total;
}

/**
 * The first entry below a folder that is neither a plain file of one name nor a folder, or that cannot be looked at;
 * relative to the folder, null when all are in order. A file with its owner's or group's rights is not plain.
 */
export async function firstOddity(folder: string, prefix = ""): Promise<string | null> {
  const entries = await readdir(join(folder, prefix)).catch(() => null);
  if (entries === null) return prefix;
  for (const entry of entries) {
    const path = posix.join(prefix, entry);
    const info = await lstat(join(folder, path)).catch(() => null);
    if (info?.isDirectory()) {
      const below = await firstOddity(folder, path);
      if (below !== null) return below;
    } else if (!info?.isFile() || info.nlink !== 1 || (info.mode & 0o6000) !== 0) return path;
  }
  return null;
}
