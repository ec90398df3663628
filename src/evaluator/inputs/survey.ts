import { type BigIntStats, type Dirent, lstatSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { isCache } from "./caches.ts";

/**
 * What lies below an input, without its content: path -> what changes whenever the entry changes (kind, size, times,
 * number and device of the file). A single file has the path "". The change time cannot be set by an ordinary user.
 */
export interface Survey {
  /** Files and links that are content. */
  content: Map<string, string>;
  /** Files and links in caches that other programs write beside it. */
  caches: Map<string, string>;
  /** Each cache folder or file, the outermost one only. */
  cacheRoots: string[];
  /** What is excluded, the outermost path only. */
  excluded: string[];
  /** Bytes of the content. */
  bytes: number;
}

export interface SurveyOptions {
  /** Whether a path below the input is excluded, with all below it. */
  isExcluded?: (path: string) => boolean;
  signal?: AbortSignal;
}

/** Looks through an input; links are not followed. About 6 microseconds for each file. */
export async function survey(host: string, options: SurveyOptions = {}): Promise<Survey> {
  const found: Survey = { content: new Map(), caches: new Map(), cacheRoots: [], excluded: [], bytes: 0 };
  const info = lstatSync(host, { bigint: true, throwIfNoEntry: false });
  if (!info) return found;
  if (!info.isDirectory()) {
    found.content.set("", stampOf(info));
    found.bytes = Number(info.size);
    return found;
  }
  let since = performance.now();
  for (const entry of entriesBelow(host, basename(host), options.isExcluded ?? (() => false))) {
    if (entry.role === "excluded") found.excluded.push(entry.path);
    else if (entry.role === "cacheRoot") found.cacheRoots.push(entry.path);
    else {
      // The calls that block are several times cheaper than those that do not, and there are very many of them.
      const at = lstatSync(join(host, entry.path), { bigint: true, throwIfNoEntry: false });
      if (!at) continue;
      found[entry.role].set(entry.path, stampOf(at));
      if (entry.role === "content") found.bytes += Number(at.size);
    }
    // Whatever else is going on gets its turn.
    if (performance.now() - since < 10) continue;
    await new Promise((resolve) => setImmediate(resolve));
    options.signal?.throwIfAborted();
    since = performance.now();
  }
  return found;
}

interface Entry {
  path: string;
  role: "content" | "caches" | "cacheRoot" | "excluded";
}

function* entriesBelow(
  host: string,
  name: string,
  isExcluded: (path: string) => boolean,
  prefix = "",
  inCache = false,
): Generator<Entry> {
  const entries = listed(join(host, prefix));
  const beside = new Set(entries.map((entry) => entry.name));
  for (const entry of entries) {
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    // A link shows no content of its own, and nothing can be mounted over it.
    if (isExcluded(path)) {
      if (!entry.isSymbolicLink()) yield { path, role: "excluded" };
      continue;
    }
    const begins = !inCache && isCache(entry.name, entry.isDirectory(), name, (other) => beside.has(other));
    if (begins && !entry.isSymbolicLink()) yield { path, role: "cacheRoot" };
    const within = inCache || begins;
    if (entry.isDirectory()) yield* entriesBelow(host, entry.name, isExcluded, path, within);
    else yield { path, role: within ? "caches" : "content" };
  }
}

/** In order of names. A folder that is gone meanwhile is empty. */
function listed(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

/** `kind size mtime ctime inode device`, times in nanoseconds. Kinds: file, executable, link, other. */
function stampOf(info: BigIntStats): string {
  const kind = info.isSymbolicLink()
    ? "link"
    : !info.isFile()
      ? "other"
      : (info.mode & 0o100n) !== 0n
        ? "executable"
        : "file";
  return `${kind} ${info.size} ${info.mtimeNs} ${info.ctimeNs} ${info.ino} ${info.dev}`;
}

export function kindOf(stamp: string): "file" | "executable" | "link" | "other" {
  return stamp.slice(0, stamp.indexOf(" ")) as ReturnType<typeof kindOf>;
}

/** Bytes. */
export function sizeIn(stamp: string): number {
  return Number(stamp.split(" ")[1]);
}

/** Nanoseconds since 1970 at which the file last changed in any way. */
export function changedAt(stamp: string): bigint {
  const [, , modified = "0", changed = "0"] = stamp.split(" ");
  return BigInt(modified) > BigInt(changed) ? BigInt(modified) : BigInt(changed);
}

/** Paths that are in one only, or differ; in order. */
export function differences(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  const found = [...now.keys()].filter((path) => before.get(path) !== now.get(path));
  for (const path of before.keys()) if (!now.has(path)) found.push(path);
  return found.sort();
}

/** Cache folders and files that are there and not as they were: what no run may see any more. */
export function changedCaches(before: Survey["caches"], now: Survey): string[] {
  const differing = differences(before, now.caches);
  return now.cacheRoots.filter((root) =>
    differing.some((path) => path === root || path.startsWith(`${root}/`)),
  );
}
