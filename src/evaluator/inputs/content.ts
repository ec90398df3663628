import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { kindOf, type Survey, sizeIn } from "./survey.ts";

/** Files that are read at the same time; with larger ones each holds one mebibyte. */
const atOnce = 16;
const chunk = 2 ** 20;

export interface Reading {
  signal?: AbortSignal;
  /** Called with the bytes that were read since the last call. */
  onBytes?: (bytes: number) => void;
  /** Called with each file once its hash is known. */
  onHash: (path: string, sha256: string) => void;
}

/**
 * Hashes the content of files and links, several at a time, none of them whole in memory if large. A file that is gone
 * meanwhile has the hash "gone".
 *
 * @throws what `signal` was aborted with.
 */
export async function hashAll(
  host: string,
  files: readonly [path: string, stamp: string][],
  reading: Reading,
): Promise<void> {
  let next = 0;
  const work = async () => {
    for (;;) {
      reading.signal?.throwIfAborted();
      const file = files[next++];
      if (!file) return;
      const [path, stamp] = file;
      reading.onHash(path, await hashOne(path === "" ? host : join(host, path), stamp, reading));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, files.length) }, work));
}

async function hashOne(path: string, stamp: string, { signal, onBytes }: Reading): Promise<string> {
  const hash = createHash("sha256");
  try {
    switch (kindOf(stamp)) {
      case "link":
        return hash.update(`link:${await readlink(path)}`).digest("hex");
      case "other":
        return hash.update("neither a file nor a link").digest("hex");
      default: {
        const size = sizeIn(stamp);
        if (size <= chunk) {
          const content = await readFile(path);
          onBytes?.(content.length);
          return hash.update(content).digest("hex");
        }
        for await (const part of createReadStream(path, { highWaterMark: chunk })) {
          signal?.throwIfAborted();
          hash.update(part as Buffer);
          onBytes?.((part as Buffer).length);
        }
        return hash.digest("hex");
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "gone";
    throw error;
  }
}

/**
 * One hash over the content of everything in a survey. A single file's is the hash of its content; a folder's is over
 * its sorted paths with their hashes, so that a change of any file changes it.
 */
export function rootHash(content: Survey["content"], hashes: ReadonlyMap<string, string>): string {
  if (content.size === 1 && content.has("")) return hashes.get("") as string;
  const root = createHash("sha256");
  for (const path of [...content.keys()].sort()) {
    const executable = kindOf(content.get(path) as string) === "executable" ? " executable" : "";
    root.update(`${path}\0${hashes.get(path)}${executable}\n`);
  }
  return root.digest("hex");
}
