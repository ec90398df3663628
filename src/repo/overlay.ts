import { copyFile, lstat, mkdir, readFile, readlink, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { type Stamp, walk } from "./manifest.ts";

type Files = Readonly<Record<string, string>>;

/**
 * Brings the editable files in a tree from one state to another; everything else stays as it is.
 *
 * @param lab the lab folder within the tree; the files' paths are relative to it.
 */
export async function overlay(tree: string, lab: string, previous: Files, next: Files): Promise<void> {
  for (const path of Object.keys(previous))
    if (!(path in next)) await rm(join(tree, lab, path), { force: true });
  for (const [path, text] of Object.entries(next)) {
    if (previous[path] === text) continue;
    const target = join(tree, lab, path);
    await mkdir(dirname(target), { recursive: true });
    // A new inode each time: nothing that still holds the old file open can reach into this state.
    await rm(target, { force: true, recursive: true });
    await writeFile(target, text, { flag: "wx" });
  }
}

/**
 * Repairs a tree in which a run may have written (isolation level L0): whatever differs from the base, other than the
 * editable files and the ignored paths, is put back or removed.
 *
 * @param base the pristine tree, with its stamp and the tree's own as it was laid out.
 * @returns pinned or editable files that had been changed or removed; mere additions are removed without mention.
 */
export async function restore(
  tree: string,
  base: string,
  laid: Stamp,
  options: { lab: string; editable: Files; ignore: readonly string[] },
): Promise<string[]> {
  const damaged: string[] = [];
  const editable = new Map(
    Object.entries(options.editable).map(([path, text]) => [posix.join(options.lab, path), text]),
  );
  const seen = new Set<string>();
  for await (const [path] of walk(tree)) {
    if (options.ignore.some((ignored) => path === ignored || path.startsWith(`${ignored}/`))) continue;
    seen.add(path);
    if (editable.has(path)) {
      if (await sameText(join(tree, path), editable.get(path) as string)) continue;
      damaged.push(path);
      await rm(join(tree, path), { force: true, recursive: true });
      await writeFile(join(tree, path), editable.get(path) as string, { flag: "wx" });
      continue;
    }
    const was = laid[path];
    if (!was) {
      await unlink(join(tree, path));
      continue;
    }
    const now = await lstat(join(tree, path), { bigint: true });
    if (
      now.ino === was.ino &&
      now.size === was.size &&
      now.mtimeNs === was.mtimeNs &&
      now.ctimeNs === was.ctimeNs
    )
      continue;
    damaged.push(path);
    laid[path] = await putBack(tree, base, path);
  }
  for (const path of [...Object.keys(laid), ...editable.keys()]) {
    if (seen.has(path)) continue;
    if (path in laid && !editable.has(path) && (await lstat(join(base, path)).catch(() => null)) === null)
      continue;
    damaged.push(path);
    if (editable.has(path)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), editable.get(path) as string);
    } else laid[path] = await putBack(tree, base, path);
  }
  return damaged;
}

async function putBack(tree: string, base: string, path: string): Promise<Stamp[string]> {
  const target = join(tree, path);
  await rm(target, { force: true, recursive: true });
  await mkdir(dirname(target), { recursive: true });
  const source = await lstat(join(base, path));
  if (source.isSymbolicLink()) await symlink(await readlink(join(base, path)), target);
  else await copyFile(join(base, path), target);
  const info = await lstat(target, { bigint: true });
  return { size: info.size, mtimeNs: info.mtimeNs, ctimeNs: info.ctimeNs, ino: info.ino, kind: "file" };
}

async function sameText(path: string, text: string): Promise<boolean> {
  const info = await lstat(path).catch(() => null);
  return info?.isFile() === true && (await readFile(path, "utf8").catch(() => null)) === text;
}
