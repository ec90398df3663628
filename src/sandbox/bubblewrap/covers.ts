import { lstatSync } from "node:fs";
import { join, posix } from "node:path";
import type { Mount, Order } from "../sandbox.ts";

/** Each once, and none below another: there is nothing left to be covered. */
export function covers(order: Order): { path: string; isFolder: boolean }[] {
  const all = order.hidden.map((path) => coverFor(order, path)).filter((cover) => cover !== null);
  return all.filter(
    ({ path }, index) =>
      !all.some(
        (other, position) => path.startsWith(`${other.path}/`) || (path === other.path && position < index),
      ),
  );
}

/**
 * What to mount over so that a path cannot be seen; null when nothing is there.
 *
 * Below a mount (which a run may have written before) no link is followed: one that leads elsewhere would redirect the
 * cover to a place of its maker's choice, outside the sandbox even (bubblewrap before 0.12). There the folder that
 * holds the link is covered instead.
 */
function coverFor(order: Order, path: string): { path: string; isFolder: boolean } | null {
  const mount = mountOver(order, path);
  if (!mount) {
    const info = lstatSync(join(order.tree, path), { throwIfNoEntry: false });
    return info ? { path, isFolder: info.isDirectory() } : null;
  }
  const top = mount.at as string;
  const parts = posix
    .relative(top, path)
    .split("/")
    .filter((part) => part !== "");
  let isFolder = lstatSync(mount.host, { throwIfNoEntry: false })?.isDirectory() ?? false;
  for (let depth = 1; depth <= parts.length; depth++) {
    const info = lstatSync(join(mount.host, ...parts.slice(0, depth)), { throwIfNoEntry: false });
    if (!info) return null;
    if (info.isSymbolicLink()) return { path: posix.join(top, ...parts.slice(0, depth - 1)), isFolder: true };
    isFolder = info.isDirectory();
  }
  return { path, isFolder };
}

/** The innermost mount that shows a path of the tree, or null for the tree itself. */
function mountOver(order: Order, path: string): Mount | null {
  let best: Mount | null = null;
  for (const mount of order.mounts) {
    if (typeof mount.at !== "string") continue;
    if (path !== mount.at && !path.startsWith(`${mount.at}/`)) continue;
    if (!best || (best.at as string).length < mount.at.length) best = mount;
  }
  return best;
}
