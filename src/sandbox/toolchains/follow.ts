import { lstatSync, readlinkSync } from "node:fs";
import { posix } from "node:path";

/** Where a path really lies, and the links that lead there. */
export interface Followed {
  real: string;
  isFolder: boolean;
  /** Each link on the way, by its own real place: what it says. */
  links: [at: string, target: string][];
}

/** More links than any real layout has: a circle. */
const mostLinks = 40;

/**
 * Follows every link of an absolute path, in its folders too. Unlike `realpath` it says which links it passed, so that
 * the same way can be laid in a sandbox. Null when the path leads nowhere.
 */
export function follow(path: string): Followed | null {
  const links: Followed["links"] = [];
  let left = partsOf(path);
  let real = "/";
  let isFolder = true;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === "..") {
      real = posix.dirname(real);
      continue;
    }
    const at = posix.join(real, part);
    const info = lstatOf(at);
    if (!info) return null;
    if (!info.isSymbolicLink()) {
      real = at;
      isFolder = info.isDirectory();
      continue;
    }
    if (links.length >= mostLinks) return null;
    const target = readlinkSync(at);
    links.push([at, target]);
    if (target.startsWith("/")) real = "/";
    left = [...partsOf(target), ...left];
  }
  return { real, isFolder, links };
}

function lstatOf(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // A folder that this user may not look into, or a file where a folder was meant.
    return undefined;
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
