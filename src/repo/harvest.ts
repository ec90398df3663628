import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import picomatch from "picomatch";

export interface HarvestLimits {
  /** Bytes of one file. */
  fileSize: number;
  files: number;
  /** Bytes of all files together. */
  total: number;
}

const defaults: HarvestLimits = { fileSize: 2 ** 20, files: 500, total: 16 * 2 ** 20 };

/** Something in a working copy that a candidate may not bring. */
export interface Violation {
  path: string;
  kind:
    | "link"
    | "hard link"
    | "special file"
    | "too large"
    | "too many"
    | "path"
    | "not text"
    | "changed while read"
    | "unreadable"
    | "forbidden";
  detail: string;
}

export interface Harvest {
  /** Path relative to the folder, with `/` -> text. */
  files: Record<string, string>;
  violations: Violation[];
}

/** Whether a normalised path may be touched by a candidate. */
export function mayChange(globs: readonly string[], path: string): boolean {
  return pathFault(path) === null && picomatch([...globs])(path);
}

/** Why a path cannot be part of a candidate, or null. */
export function pathFault(path: string): string | null {
  if (path === "" || path.startsWith("/")) return "it is not relative";
  if (path !== path.normalize("NFC")) return "it is not in Unicode normal form C";
  if (/\p{Cc}|\\/u.test(path)) return "it holds a control character or a backslash";
  if (Buffer.byteLength(path) > 1024) return "it is longer than 1024 bytes";
  for (const part of path.split("/")) {
    if (part === "" || part === "." || part === "..") return "it is not normalised";
    // HFS+ ignores these code points and NTFS knows short names: both would reach .git under another spelling.
    const plain = part.replace(/[\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, "").toLowerCase();
    if (plain.replace(/[. ]+$/, "") === ".git" || /^git~\d+$/.test(plain) || plain.startsWith(".git:"))
      return "it reaches into .git";
  }
  return null;
}

/**
 * Collects the files of a working copy that match the globs: regular files of one name, reached through real folders
 * only, within limits, valid UTF-8. Links are not followed, special files not opened, and a file that changes while it
 * is read is refused. Nothing in the folder is executed.
 */
export async function harvest(
  folder: string,
  globs: readonly string[],
  limits: HarvestLimits = defaults,
): Promise<Harvest> {
  const match = picomatch([...globs]);
  const files: Record<string, string> = {};
  const violations: Violation[] = [];
  const folded = new Map<string, string>();
  let total = 0;

  const visit = async (prefix: string): Promise<void> => {
    const entries = await readdir(join(folder, prefix), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) {
        if (path === ".git" || entry.name === "node_modules" || entry.name === ".whetstone") continue;
        await visit(path);
        continue;
      }
      if (!match(path) && !match(path.normalize("NFC"))) continue;
      const fault = pathFault(path);
      if (fault) {
        violations.push({ path, kind: "path", detail: fault });
        continue;
      }
      const twin = folded.get(path.toLowerCase());
      if (twin !== undefined) {
        violations.push({ path, kind: "path", detail: `it differs from ${twin} only in case` });
        continue;
      }
      folded.set(path.toLowerCase(), path);
      if (Object.keys(files).length >= limits.files) {
        violations.push({ path, kind: "too many", detail: `more than ${limits.files} files` });
        return;
      }
      const read = await readPlain(folder, path, Math.min(limits.fileSize, limits.total - total));
      if ("violation" in read) violations.push({ path, ...read.violation });
      else {
        total += read.size;
        files[path] = read.text;
      }
    }
  };
  await visit("");
  return { files, violations };
}

type Fault = { violation: Pick<Violation, "kind" | "detail"> };

async function readPlain(
  folder: string,
  path: string,
  limit: number,
): Promise<{ text: string; size: number } | Fault> {
  const refuse = (kind: Violation["kind"], detail: string): Fault => ({ violation: { kind, detail } });
  // Every parent must be a real folder at the moment of reading, not only when it was listed.
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = await lstat(join(folder, ...parts.slice(0, depth))).catch(() => null);
    if (!parent?.isDirectory())
      return refuse("link", `its folder ${parts.slice(0, depth).join("/")} is no real folder`);
  }
  let handle: FileHandle;
  try {
    handle = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ELOOP" || code === "EMLINK") return refuse("link", "it is a symbolic link");
    if (code === "ENXIO" || code === "EOPNOTSUPP") return refuse("special file", "it is a socket or a pipe");
    return refuse("unreadable", code ?? "it cannot be read");
  }
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return refuse("special file", "it is no regular file");
    if (before.nlink !== 1n) return refuse("hard link", `it has ${before.nlink} names`);
    if (before.size > BigInt(limit)) return refuse("too large", `${before.size} bytes, ${limit} are allowed`);
    const content = await handle.readFile();
    const after = await handle.stat({ bigint: true });
    if (
      after.mtimeNs !== before.mtimeNs ||
      after.size !== before.size ||
      BigInt(content.length) !== before.size
    )
      return refuse("changed while read", "something still writes to it");
    const text = content.toString("utf8");
    if (Buffer.compare(Buffer.from(text), content) !== 0) return refuse("not text", "it is not valid UTF-8");
    return { text, size: content.length };
  } finally {
    await handle.close();
  }
}

/** SHA-256 over paths and contents: two states are the same exactly when their hashes are. */
export function contentHash(files: Readonly<Record<string, string>>): string {
  const hash = createHash("sha256");
  for (const path of Object.keys(files).sort()) {
    const content = Buffer.from(files[path] as string);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
