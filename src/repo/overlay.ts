import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { UserError } from "../errors.ts";
import { inside } from "../inside.ts";
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
  const root = join(tree, lab);
  const gone = Object.keys(previous).filter((path) => !Object.hasOwn(next, path));
  const changed = Object.entries(next).filter(([path, text]) => previous[path] !== text);
  for (const path of gone) {
    const file = inside(root, path);
    await refuseLinks(root, path);
    await rm(file, { force: true });
    await removeEmptyFolders(root, dirname(path));
  }
  for (const [path, text] of changed) {
    const file = inside(root, path);
    await refuseLinks(root, path);
    await writeAnew(file, text, join(base, lab, path));
  }
}

async function refuseLinks(root: string, path: string): Promise<void> {
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
    const info = await lstat(join(root, folder)).catch(() => null);
    if (info?.isSymbolicLink())
      throw new UserError(
        `${path} lies behind the link ${folder}, which no candidate may write through`,
        "name the files where they really lie under `change` in program.md",
      );
  }
}

/** As git has it: a folder is there because of its files. */
async function removeEmptyFolders(root: string, from: string): Promise<void> {
  for (let folder = from; folder !== "."; folder = dirname(folder)) {
    const removed = await rmdir(join(root, folder)).then(
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

/** A new inode each time: nothing that still holds the old file open can reach into this state. */
async function writeAnew(target: string, text: string, original: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const mode = (await isProgram(original, text)) ? 0o755 : 0o644;
  await rm(target, { force: true, recursive: true });
  await writeFile(target, text, { flag: "wx", mode });
  // The user's umask must not make another state of it.
  await chmod(target, mode);
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
      await writeAnew(join(tree, path), text, join(base, path));
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
    if (text !== undefined) await writeAnew(inside(tree, path), text, join(base, path));
    else {
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
  const target = inside(tree, path);
  await rm(target, { force: true, recursive: true });
  await mkdir(dirname(target), { recursive: true });
  const source = await lstat(join(base, path));
  if (source.isSymbolicLink()) await symlink(await readlink(join(base, path)), target);
  else await copyFile(join(base, path), target);
  const info = await lstat(target, { bigint: true });
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
  return (await readFile(path, "utf8").catch(() => null)) === text;
}
