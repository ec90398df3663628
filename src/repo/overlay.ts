import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  rmdir,
  symlink,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { UserError } from "../errors.ts";
import { inside } from "../inside.ts";
import { inFolder, NoWay, type WayOptions } from "./gate.ts";
import type { Stamp } from "./manifest.ts";

type Files = Readonly<Record<string, string>>;

/**
 * Brings the editable files in a tree from one state to another; everything else stays as it is.
 *
 * @param lab the lab folder within the tree; the files' paths are relative to it.
 * @param base the pristine tree, which tells the programs among the files; absent: the tree itself does.
 * @throws UserError when a file would be written or removed through a link: it would be another file's content.
 */
export async function overlay(
  tree: string,
  lab: string,
  previous: Files,
  next: Files,
  base: string = tree,
): Promise<void> {
  const gone = Object.keys(previous).filter((path) => !Object.hasOwn(next, path));
  const changed = Object.entries(next).filter(([path, text]) => previous[path] !== text);
  for (const path of gone) {
    inside(join(tree, lab), path);
    await removeFile(tree, posix.join(lab, path)).catch((error: unknown) => refusal(error, path));
    await removeEmptyFolders(tree, lab, posix.dirname(path));
  }
  for (const [path, text] of changed) {
    inside(join(tree, lab), path);
    await writeAnew(tree, posix.join(lab, path), text, join(base, lab, path)).catch((error: unknown) =>
      refusal(error, path),
    );
  }
}

/** @throws UserError when it was a link that stood in the way. */
function refusal(error: unknown, path: string): never {
  if (error instanceof NoWay && error.found === "a link")
    throw new UserError(
      `${path} lies behind the link ${error.path}, which no candidate may write through`,
      "name the files where they really lie under `change` in program.md",
    );
  throw error;
}

/** What is not there, or has no folder to lie in, is gone already. */
async function removeFile(tree: string, path: string): Promise<void> {
  await inFolder(tree, dirname(path), (folder) => rm(join(folder, basename(path)), { force: true })).catch(
    (error: unknown) => {
      if (!(error instanceof NoWay) || error.found === "a link") throw error;
    },
  );
}

/** As git has it: a folder is there because of its files. */
async function removeEmptyFolders(tree: string, lab: string, from: string): Promise<void> {
  for (let folder = from; folder !== "."; folder = dirname(folder)) {
    const path = posix.join(lab, folder);
    const removed = await inFolder(tree, dirname(path), (above) => rmdir(join(above, basename(path)))).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

/** A file that says by its first line how it is run. */
export function isScript(text: string): boolean {
  return text.startsWith("#!");
}

/** A program of the base stays one, and a new script becomes one, whatever an editor did to its mode. */
async function isProgram(original: string, text: string): Promise<boolean> {
  const info = await lstat(original).catch(() => null);
  return info?.isFile() ? (info.mode & 0o100) !== 0 : isScript(text);
}

/** Folders that are missing are made; nothing is written through a link. */
const making: WayOptions = { make: true };

/** A new inode each time: nothing that still holds the old file open can reach into this state. */
async function writeAnew(tree: string, path: string, text: string, original: string): Promise<void> {
  const mode = (await isProgram(original, text)) ? 0o755 : 0o644;
  const write = async (folder: string) => {
    const target = join(folder, basename(path));
    await rm(target, { force: true, recursive: true });
    const handle = await open(target, "wx", mode);
    try {
      await handle.writeFile(text);
      // The user's umask must not make another state of it.
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
  };
  await inFolder(tree, dirname(path), write, making);
}

/** The mode that a file was handed out with. */
async function putModeBack(target: string, text: string, original: string): Promise<void> {
  const { mode } = await lstat(target);
  const wanted = await isProgram(original, text);
  if (((mode & 0o100) !== 0) !== wanted) await chmod(target, wanted ? 0o755 : 0o644);
}

/**
 * Repairs a tree in which a run may have written (isolation level L0): whatever differs from the base, other than the
 * editable files and the ignored paths, is put back or removed, empty folders included.
 *
 * @param base the pristine tree.
 * @param laid the tree's own stamp as it was laid out; kept current.
 * @param options.editable the state that was measured, relative to the lab.
 * @param options.absent editable files of the base that this state does not have, relative to the lab.
 * @param options.ignore paths relative to the tree, with all below them.
 * @param options.keep files that are no part of the tree and may stay.
 * @returns pinned or editable files that had been changed or removed, sorted; mere additions are removed without
 * mention.
 * @throws when the tree itself is gone or was exchanged for a link: what that leads to is somebody else's.
 */
export async function restore(
  tree: string,
  base: string,
  laid: Stamp,
  options: {
    lab: string;
    editable: Files;
    absent?: readonly string[];
    ignore: readonly string[];
    keep?: ReadonlySet<string>;
  },
): Promise<string[]> {
  if (!(await isFolder(tree))) throw new Error(`${tree} is no folder any more`);
  const damaged: string[] = [];
  const editable = new Map(
    Object.entries(options.editable).map(([path, text]) => [posix.join(options.lab, path), text]),
  );
  const absent = new Set(options.absent?.map((path) => posix.join(options.lab, path)));
  const ignored = (path: string) =>
    options.ignore.some((ignore) => path === ignore || path.startsWith(`${ignore}/`));
  const seen = new Set<string>();

  const visit = async (folder: string): Promise<void> => {
    await makeAccessible(join(tree, folder));
    const entries = await readdir(join(tree, folder), { withFileTypes: true });
    await Promise.all(
      entries.map(async (entry) => {
        const path = posix.join(folder, entry.name);
        if (ignored(path) || options.keep?.has(path)) return;
        if (!entry.isDirectory()) return mend(path);
        await visit(path);
        // One that holds an editable file or a run's writable folder is not empty and stays.
        if (!(await isFolder(join(base, path)))) await rmdir(join(tree, path)).catch(() => {});
      }),
    );
  };
  const mend = async (path: string): Promise<void> => {
    const text = editable.get(path);
    const was = laid[path];
    if (text !== undefined) {
      seen.add(path);
      if (await sameText(join(tree, path), text))
        return putModeBack(join(tree, path), text, join(base, path));
      damaged.push(path);
      await writeAnew(tree, path, text, join(base, path));
    } else if (!was || absent.has(path)) await unlink(join(tree, path));
    else {
      seen.add(path);
      const now = await lstat(join(tree, path), { bigint: true });
      if (
        now.ino === was.ino &&
        now.size === was.size &&
        now.mtimeNs === was.mtimeNs &&
        now.ctimeNs === was.ctimeNs
      )
        return;
      damaged.push(path);
      laid[path] = await putBack(tree, base, path);
    }
  };
  await visit("");

  for (const path of new Set([...Object.keys(laid), ...editable.keys()])) {
    if (seen.has(path) || ignored(path)) continue;
    const text = editable.get(path);
    if (text !== undefined) {
      inside(tree, path);
      await writeAnew(tree, path, text, join(base, path));
    } else {
      if (absent.has(path) || (await lstat(join(base, path)).catch(() => null)) === null) continue;
      laid[path] = await putBack(tree, base, path);
    }
    damaged.push(path);
  }
  return damaged.sort();
}

/** A run may have locked a folder against its owner. */
async function makeAccessible(folder: string): Promise<void> {
  const { mode } = await lstat(folder);
  if ((mode & 0o700) !== 0o700) await chmod(folder, (mode & 0o777) | 0o700);
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

async function putBack(tree: string, base: string, path: string): Promise<Stamp[string]> {
  inside(tree, path);
  const original = join(base, path);
  const write = async (folder: string) => {
    const target = join(folder, basename(path));
    await rm(target, { force: true, recursive: true });
    if ((await lstat(original)).isSymbolicLink()) await symlink(await readlink(original), target);
    else await copyFile(original, target, constants.COPYFILE_EXCL);
    return lstat(target, { bigint: true });
  };
  const info = await inFolder(tree, dirname(path), write, making);
  return {
    size: info.size,
    mtimeNs: info.mtimeNs,
    ctimeNs: info.ctimeNs,
    ino: info.ino,
    kind: info.isSymbolicLink() ? "link" : "file",
  };
}

async function sameText(path: string, text: string): Promise<boolean> {
  const info = await lstat(path).catch(() => null);
  // By size first: a run may have left gigabytes.
  if (!info?.isFile() || info.size !== Buffer.byteLength(text)) return false;
  const flag = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return (await readFile(path, { encoding: "utf8", flag }).catch(() => null)) === text;
}
