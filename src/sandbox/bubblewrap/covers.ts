import { lstatSync } from "node:fs";
import { join, posix } from "node:path";
import type { Mount, Order } from "../sandbox.ts";

/** Each once, and none below another: there is nothing left to be covered. */
export function covers(order: Order): Cover[] {
  return outermost(order.hidden.map((path) => coverFor(order, path)).filter((cover) => cover !== null));
}

/** The same for what a mount hides of itself; paths are relative to the mount, "" is all of it. */
export function coversWithin({ host, hidden = [] }: Mount): Cover[] {
  return outermost(hidden.map((path) => coverBelow(host, path)).filter((cover) => cover !== null));
}

interface Cover {
  path: string;
  isFolder: boolean;
}

function outermost(all: readonly Cover[]): Cover[] {
  const wanted = new Set(all.map(({ path }) => path));
  const once = all.filter(({ path }) => wanted.delete(path));
  const paths = new Set(once.map(({ path }) => path));
  return once.filter(({ path }) => {
    for (let above = posix.dirname(path); above !== "." && above !== "/"; above = posix.dirname(above))
      if (paths.has(above)) return false;
    return path === "" || !paths.has("");
  });
}

/**
 * What to mount over so that a path cannot be seen; null when nothing is there.
 *
 * Below a mount (which a run may have written before) no link is followed: one that leads elsewhere would redirect the
 * cover to a place of its maker's choice, outside the sandbox even (bubblewrap before 0.12). There the folder that
 * holds the link is covered instead.
 */
function coverFor(order: Order, path: string): Cover | null {
  const mount = mountOver(order, path);
  if (!mount) {
    const info = lstatSync(join(order.tree, path), { throwIfNoEntry: false });
    return info ? { path, isFolder: info.isDirectory() } : null;
  }
  const top = mount.at as string;
  const cover = coverBelow(mount.host, posix.relative(top, path));
  return cover && { ...cover, path: posix.join(top, cover.path) };
}

/** The same for a path below a mounted folder; "" is the folder itself. */
function coverBelow(host: string, path: string): Cover | null {
  const parts = path.split("/").filter((part) => part !== "");
  let isFolder = lstatSync(host, { throwIfNoEntry: false })?.isDirectory() ?? false;
  for (let depth = 1; depth <= parts.length; depth++) {
    const info = lstatSync(join(host, ...parts.slice(0, depth)), { throwIfNoEntry: false });
    if (!info) return null;
    if (info.isSymbolicLink()) return { path: parts.slice(0, depth - 1).join("/"), isFolder: true };
    isFolder = info.isDirectory();
  }
  return { path: parts.join("/"), isFolder };
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
