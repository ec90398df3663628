import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { basename, join } from "node:path";

/** Path -> size and hash of every file (links by their target), in order. */
export type Manifest = Record<string, { size: number; sha256: string }>;

/** Path -> what changes whenever a file changes; the change time cannot be set by an ordinary user. */
export type Stamp = Record<
  string,
  { size: bigint; mtimeNs: bigint; ctimeNs: bigint; ino: bigint; kind: string }
>;

/** Reads and hashes everything below a folder. */
export async function manifest(folder: string): Promise<Manifest> {
  const result: Manifest = {};
  for await (const [path, kind] of walk(folder)) {
    const target = join(folder, path);
    if (kind === "link") {
      const link = await readlink(target);
      result[path] = { size: link.length, sha256: createHash("sha256").update(`link:${link}`).digest("hex") };
    } else if (kind === "file") {
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of createReadStream(target)) {
        hash.update(chunk as Buffer);
        size += (chunk as Buffer).length;
      }
      result[path] = { size, sha256: hash.digest("hex") };
    }
  }
  return result;
}

export function manifestHash(manifest: Manifest): string {
  const hash = createHash("sha256");
  for (const path of Object.keys(manifest).sort()) hash.update(`${path}\0${manifest[path]?.sha256}\n`);
  return hash.digest("hex");
}

/** Notices changes without reading: about 20 microseconds a file. A single file has the path "". */
export async function stamp(folder: string): Promise<Stamp> {
  const result: Stamp = {};
  const one = async (path: string) => {
    const info = await lstat(join(folder, path), { bigint: true }).catch(() => null);
    if (!info) return;
    const kind = info.isSymbolicLink() ? "link" : info.isFile() ? "file" : "other";
    result[path] = { size: info.size, mtimeNs: info.mtimeNs, ctimeNs: info.ctimeNs, ino: info.ino, kind };
  };
  const info = await lstat(folder).catch(() => null);
  if (!info) return result;
  if (!info.isDirectory()) {
    await one("");
    return result;
  }
  let pending: Promise<void>[] = [];
  for await (const [path] of walk(folder)) {
    pending.push(one(path));
    if (pending.length >= 256) {
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
  return result;
}

/** Paths that were added, removed or changed since the stamp was taken. */
export async function changedSince(before: Stamp, folder: string): Promise<string[]> {
  const now = await stamp(folder);
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

/** Tools keep caches in node_modules (.cache, .vite ...), which come and go and are no part of what is installed. */
const toolCache = /^\.(?!bin$|pnpm$|package-lock\.json$)/;

/** Everything below a folder that is no folder itself, in sorted order; links are not followed. */
export async function* walk(
  folder: string,
  prefix = "",
): AsyncGenerator<[string, "file" | "link" | "other"]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const isPackages = prefix === "" && basename(folder) === "node_modules";
  for (const entry of entries) {
    if (isPackages && toolCache.test(entry.name)) continue;
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(folder, path);
    else yield [path, entry.isFile() ? "file" : entry.isSymbolicLink() ? "link" : "other"];
  }
}
