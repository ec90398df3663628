import { mkdirSync, readdirSync } from "node:fs";
import { lstat, mkdir, readlink, rename } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Mount, Overlay } from "../sandbox/index.ts";
import { removeTree } from "./files.ts";

/** Makes an empty layer below a run's own folder. @param name tells the layers of one evaluation apart. */
export function freshLayer(runFolder: string, name: string): Overlay {
  const overlay = { upper: join(runFolder, name, "upper"), work: join(runFolder, name, "work") };
  mkdirSync(overlay.upper, { recursive: true });
  mkdirSync(overlay.work, { recursive: true });
  return overlay;
}

/**
 * The writable folders that a run can be given as part of a layer, where it may remove them and make them again: those
 * that are empty in the tree. A folder with committed content is mounted instead, since the run is to find it empty.
 */
export function inLayer(tree: string, writable: readonly Mount[]): Mount[] {
  return writable.filter((mount) => {
    try {
      return readdirSync(join(tree, mount.at as string)).length === 0;
    } catch {
      return false;
    }
  });
}

/**
 * Moves what a run left in its writable folders out of the layer to the folders that checks and scorer are shown. The
 * run is over, so that nothing changes meanwhile; it may have left a link there, which must not be followed.
 *
 * @param top the layer, or at L0 without one the tree itself.
 * @returns what is wrong with one of them, for a person; null when all are in order.
 */
export async function takeWritten(top: string, writable: readonly Mount[]): Promise<string | null> {
  for (const mount of writable) {
    const fault = await takeOne(top, mount);
    if (fault !== null) return fault;
  }
  return null;
}

async function takeOne(top: string, { at, host }: Mount): Promise<string | null> {
  const path = at as string;
  const parts = path.split(posix.sep);
  for (let depth = 1; depth <= parts.length; depth++) {
    const here = join(top, ...parts.slice(0, depth));
    const info = await lstat(here).catch(() => null);
    // Nothing was written; or the folder was removed, which the layer keeps as a device without a number.
    if (!info || info.isCharacterDevice()) return null;
    if (info.isDirectory()) continue;
    // At L0 the folder is a link of ours.
    if (depth === parts.length && info.isSymbolicLink() && (await readlink(here)) === host) return null;
    return `the run left a ${info.isSymbolicLink() ? "link" : "file"} in the place of the writable folder ${path}`;
  }
  await removeTree(host);
  await rename(join(top, path), host);
  await mkdir(host, { recursive: true });
  return null;
}
