import { createHash } from "node:crypto";
import { createReadStream, type Dirent, lstatSync, readdirSync } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";

/** Path -> size, kind and hash of every file (links by their target), in order; modes in git's words. */
export type Manifest = Record<string, { size: number; mode: "100644" | "100755" | "120000"; sha256: string }>;

/** Path -> what changes whenever a file changes; the change time cannot be set by an ordinary user. */
export type Stamp = Record<
  string,
  { size: bigint; mtimeNs: bigint; ctimeNs: bigint; ino: bigint; kind: string }
>;

/**
 * Reads and hashes everything below a folder, several files at a time, none of them whole in memory if large.
 *
 * @param ignore paths (with all below them) that are left out.
 */
export async function manifest(folder: string, ignore: readonly string[] = []): Promise<Manifest> {
  const result: Manifest = {};
  let pending: Promise<void>[] = [];
  for await (const [path, kind] of walk(folder, { ignore })) {
    if (kind === "other") continue;
    // The place is taken now, so that the order is the walk's whichever file is read first.
    const entry: Manifest[string] = { size: 0, mode: "100644", sha256: "" };
    result[path] = entry;
    pending.push(
      (kind === "link" ? hashLink(join(folder, path)) : hashFile(join(folder, path))).then((found) => {
        Object.assign(entry, found);
      }),
    );
    if (pending.length >= 64) {
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
  return result;
}

async function hashLink(path: string): Promise<Manifest[string]> {
  const link = await readlink(path);
  return {
    size: link.length,
    mode: "120000",
    sha256: createHash("sha256").update(`link:${link}`).digest("hex"),
  };
}

async function hashFile(path: string): Promise<Manifest[string]> {
  const info = await lstat(path);
  const mode = info.mode & 0o100 ? "100755" : "100644";
  const hash = createHash("sha256");
  if (info.size <= 2 ** 20) {
    const content = await readFile(path);
    return { size: content.length, mode, sha256: hash.update(content).digest("hex") };
  }
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { size, mode, sha256: hash.digest("hex") };
}

export function manifestHash(manifest: Manifest): string {
  const hash = createHash("sha256");
  for (const path of Object.keys(manifest).sort()) {
    const { mode, sha256 } = manifest[path] as Manifest[string];
    hash.update(`${path}\0${sha256}${mode === "100755" ? " executable" : ""}\n`);
  }
  return hash.digest("hex");
}

export interface StampOptions {
  /**
   * Folders too, the outermost included: one that was put aside and put back shows in no file's times. For trees in
   * which nothing may be created meanwhile.
   */
  folders?: boolean;
  /** Paths (with all below them) that are not looked at. */
  ignore?: readonly string[];
}

/** Notices changes without reading: about 5 microseconds a file. A single file has the path "". */
export async function stamp(folder: string, options: StampOptions = {}): Promise<Stamp> {
  const result: Stamp = {};
  const one = (path: string) => {
    // The calls that block are several times cheaper than those that do not, and there are very many of them.
    const info = lstatSync(join(folder, path), { bigint: true, throwIfNoEntry: false });
    if (!info) return;
    const kind = info.isSymbolicLink()
      ? "link"
      : info.isFile()
        ? "file"
        : info.isDirectory()
          ? "folder"
          : "other";
    result[path] = { size: info.size, mtimeNs: info.mtimeNs, ctimeNs: info.ctimeNs, ino: info.ino, kind };
  };
  const info = await lstat(folder).catch(() => null);
  if (!info) return result;
  if (!info.isDirectory()) {
    one("");
    return result;
  }
  if (options.folders) one("");
  const list = (path: string) => readdirSync(join(folder, path), { withFileTypes: true });
  let since = performance.now();
  for (const path of below(list, options, basename(folder) === "node_modules")) {
    one(path);
    // Whatever else is going on gets its turn.
    if (performance.now() - since > 10) {
      await new Promise((resolve) => setImmediate(resolve));
      since = performance.now();
    }
  }
  return result;
}

/** The same paths as `walk` gives, through calls that block. */
function* below(
  list: (path: string) => Dirent[],
  options: StampOptions,
  isPackages: boolean,
  prefix = "",
): Generator<string> {
  const entries = list(prefix).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (isPackages && prefix === "" && toolCache.test(entry.name)) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (options.ignore?.includes(path)) continue;
    if (entry.isDirectory()) {
      if (options.folders) yield path;
      yield* below(list, options, isPackages, path);
    } else yield path;
  }
}

/** Paths that were added, removed or changed since the stamp was taken. */
export async function changedSince(
  before: Stamp,
  folder: string,
  options: StampOptions = {},
): Promise<string[]> {
  const now = await stamp(folder, options);
  const changed: string[] = [];
  for (const path of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const a = before[path];
    const b = now[path];
    if (
      !a ||
      !b ||
      a.size !== b.size ||
      a.mtimeNs !== b.mtimeNs ||
      a.ctimeNs !== b.ctimeNs ||
      a.ino !== b.ino
    )
      changed.push(path);
  }
  return changed.sort();
}

/** Tools keep caches in node_modules, which come and go and are no part of what is installed. */
const toolCache = /^\.(cache|vite[\w-]*|tmp|temp)$/;

/** Everything below a folder, folders themselves only if asked for, in sorted order; links are not followed. */
export async function* walk(
  folder: string,
  options: StampOptions = {},
  prefix = "",
): AsyncGenerator<[string, "file" | "link" | "folder" | "other"]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const isPackages = prefix === "" && basename(folder) === "node_modules";
  for (const entry of entries) {
    if (isPackages && toolCache.test(entry.name)) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (options.ignore?.includes(path)) continue;
    if (entry.isDirectory()) {
      if (options.folders) yield [path, "folder"];
      yield* walk(folder, options, path);
    } else yield [path, entry.isFile() ? "file" : entry.isSymbolicLink() ? "link" : "other"];
  }
}
