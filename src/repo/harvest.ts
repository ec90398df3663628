import { createHash } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink, realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import picomatch from "picomatch";
import { isCache, isSwapFile, isToolFolder } from "./leftovers.ts";
import { type Manifest, walk } from "./manifest.ts";

export interface HarvestLimits {
  /** Bytes of one file. */
  fileSize: number;
  files: number;
  /** Bytes of all files together. */
  total: number;
}

const defaults: HarvestLimits = { fileSize: 2 ** 20, files: 500, total: 16 * 2 ** 20 };

/** Of the base more may be edited than one candidate may change. */
export const baseLimits: HarvestLimits = { fileSize: 2 ** 20, files: 20_000, total: 64 * 2 ** 20 };

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
  return pathFault(path) === null && matcher(globs)(path);
}

/** For plain names, as most contracts have them, picomatch is not even asked: to set up its first match takes 2 ms. */
function matcher(globs: readonly string[]): (path: string) => boolean {
  return globs.every((glob) => /^[\w-]+(?:[./][\w-]+)*$/.test(glob))
    ? (path) => globs.includes(path)
    : picomatch([...globs]);
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
 *
 * @param ignore paths (with all below them) that are not looked at.
 */
export async function harvest(
  folder: string,
  globs: readonly string[],
  limits: HarvestLimits = defaults,
  ignore: readonly string[] = [],
): Promise<Harvest> {
  const root = await realpath(folder);
  const { found, violations } = await listed(root, globs, ignore);
  const read = await readAll(root, found, limits);
  return { files: read.files, violations: [...violations, ...read.violations] };
}

/** What a folder holds for a harvest. */
interface Listed {
  /** Entries that match the globs, in order. */
  found: Candidate[];
  violations: Violation[];
}

interface Candidate {
  path: string;
  /** Anything but a regular file or a link: a socket, a pipe or a device. */
  special: boolean;
  link: boolean;
}

async function listed(root: string, globs: readonly string[], ignore: readonly string[]): Promise<Listed> {
  const match = matcher(globs);
  const found: Candidate[] = [];
  const violations: Violation[] = [];
  const visit = async (prefix: string): Promise<void> => {
    let entries: Dirent[];
    try {
      entries = await readdir(join(root, prefix), { withFileTypes: true });
    } catch (error) {
      if (prefix === "") throw error;
      violations.push({ path: prefix, kind: "unreadable", detail: "the folder cannot be listed" });
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (ignore.includes(path)) continue;
      if (entry.isDirectory()) {
        if (path === ".git" || isCache(entry.name)) continue;
        await visit(path);
      } else if (match(path) || match(path.normalize("NFC")))
        found.push({
          path,
          special: !entry.isFile() && !entry.isSymbolicLink(),
          link: entry.isSymbolicLink(),
        });
    }
  };
  await visit("");
  return { found, violations };
}

/**
 * Reads what was listed, within the limits.
 *
 * @param untouched paths that lie there as they were handed out: they are only names that others must not be twins of.
 */
async function readAll(
  root: string,
  found: readonly Candidate[],
  limits: HarvestLimits,
  untouched: readonly string[] = [],
): Promise<Harvest> {
  // Without a prototype: a file may be called __proto__.
  const files: Record<string, string> = Object.create(null) as Record<string, string>;
  const violations: Violation[] = [];
  const folded = new Map<string, string>();
  for (const path of untouched) caseTwin(folded, path);
  let total = 0;
  let count = 0;
  for (const { path, special } of found) {
    const fault = special ? null : pathFault(path);
    const twin = special || fault ? null : caseTwin(folded, path);
    if (special)
      violations.push({ path, kind: "special file", detail: "it is a socket, a pipe or a device" });
    else if (fault) violations.push({ path, kind: "path", detail: fault });
    else if (twin !== null)
      violations.push({ path, kind: "path", detail: `it differs from ${twin} only in case` });
    else if (++count > limits.files) {
      violations.push({ path, kind: "too many", detail: `more than ${limits.files} files` });
      break;
    } else {
      const read = await readText(root, path, Math.min(limits.fileSize, limits.total - total));
      if ("violation" in read) violations.push({ path, ...read.violation });
      else {
        total += read.size;
        files[path] = read.text;
      }
    }
  }
  return { files, violations };
}

/** Enters a path and its folders; the entered one that differs from it in case alone, or null. */
function caseTwin(folded: Map<string, string>, path: string): string | null {
  for (let end = path.indexOf("/"); ; end = path.indexOf("/", end + 1)) {
    const part = end < 0 ? path : path.slice(0, end);
    const known = folded.get(part.toLowerCase());
    if (known !== undefined && known !== part) return known;
    folded.set(part.toLowerCase(), part);
    if (end < 0) return null;
  }
}

type Fault = { violation: Pick<Violation, "kind" | "detail"> };

const refuse = (kind: Violation["kind"], detail: string): Fault => ({ violation: { kind, detail } });

async function readText(
  root: string,
  path: string,
  limit: number,
): Promise<{ text: string; size: number } | Fault> {
  const read = await readPlain(root, path, limit);
  if ("violation" in read) return read;
  const text = read.content.toString("utf8");
  if (Buffer.compare(Buffer.from(text), read.content) !== 0)
    return refuse("not text", "it is not valid UTF-8");
  return { text, size: read.content.length };
}

/**
 * Reads a regular file of one name, not through any link.
 *
 * @param root a real path (no link in it).
 * @param limit bytes; a larger file is not read at all.
 */
async function readPlain(root: string, path: string, limit: number): Promise<{ content: Buffer } | Fault> {
  const linked = await folderFault(root, path);
  if (linked !== null) return refuse("link", `its folder ${linked} is no real folder`);
  let handle: FileHandle;
  try {
    handle = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
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
    const content = await readUpTo(handle, Number(before.size) + 1);
    const after = await handle.stat({ bigint: true });
    if (
      after.mtimeNs !== before.mtimeNs ||
      after.ctimeNs !== before.ctimeNs ||
      after.size !== before.size ||
      BigInt(content.length) !== before.size
    )
      return refuse("changed while read", "something still writes to it");
    if (!(await liesAt(handle, root, path, before)))
      return refuse("changed while read", "it or its folder was exchanged");
    return { content };
  } finally {
    await handle.close();
  }
}

/** At most so many bytes, however fast the file grows. */
async function readUpTo(handle: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(buffer, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** The part of a path's folders that is a link, or is missing; null when all are real folders. */
async function folderFault(root: string, path: string): Promise<string | null> {
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const folder = parts.slice(0, depth).join("/");
    const info = await lstat(join(root, folder)).catch(() => null);
    if (!info?.isDirectory()) return folder;
  }
  return null;
}

/** Whether the opened file is the one at this path: a folder exchanged for a link between two looks shows here. */
async function liesAt(
  handle: FileHandle,
  root: string,
  path: string,
  opened: { dev: bigint; ino: bigint },
): Promise<boolean> {
  const really = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => null);
  if (really !== null) return really === join(root, path);
  const now = await lstat(join(root, path), { bigint: true }).catch(() => null);
  return now?.dev === opened.dev && now.ino === opened.ino && (await folderFault(root, path)) === null;
}

/** What a working copy changed, as against the base that it was made from. */
export interface Changes {
  /** Path -> new text; null for a file that was deleted. */
  changes: Record<string, string | null>;
  violations: Violation[];
  /**
   * New paths that are no part of the work and can stay where they are: what git ignores, folders of tools. A link is
   * not among them, since whatever is written there later would be written where it leads.
   */
  passedOver: string[];
}

export interface HarvestOptions {
  /** Paths (with all below them) that are not looked at. */
  ignore?: readonly string[];
  /** Paths that are known to be as in the base: they are not read. */
  untouched?: ReadonlySet<string>;
  /** Paths of the base that match the globs and yet are no text that a candidate could bring: they have to stay. */
  fixed?: ReadonlySet<string>;
  /** Which of these new paths the repository's own rules leave out of it (`.gitignore`). */
  ignored?: (paths: readonly string[]) => Promise<ReadonlySet<string>>;
}

/**
 * Harvests a working copy and compares it with its base: the changes within the globs, and a violation for everything
 * else that was created, changed, deleted or made another kind of file. Only what differs is judged: an image, a link or
 * a large file that lies there as it was handed out is no fault of a candidate. After as many violations as files are
 * allowed it looks no further.
 *
 * @param base manifest of the copy as it was handed out.
 */
export async function harvestChanges(
  folder: string,
  base: Manifest,
  globs: readonly string[],
  limits: HarvestLimits = defaults,
  options: HarvestOptions = {},
): Promise<Changes> {
  const { ignore = [], untouched, fixed } = options;
  const root = await realpath(folder);
  const { found, violations } = await listed(root, globs, ignore);
  const isUntouched = async (path: string) => {
    const was = base[path];
    return was !== undefined && (untouched?.has(path) || (await sameContent(root, path, was)));
  };
  const same = new Set<string>();
  for (const { path } of found) if (await isUntouched(path)) same.add(path);
  const leftovers = await newLeftovers(found, base, globs, options);
  const touched = found.filter(({ path }) => !same.has(path) && !leftovers.has(path) && !fixed?.has(path));
  const read = await readAll(root, touched, limits, [...same]);
  violations.push(...read.violations);
  const changes: Changes["changes"] = {};
  // Where every file is a program (a disk of Windows), the bit says nothing.
  const hasModes = Object.values(base).some(({ mode }) => mode === "100644");
  for (const [path, text] of Object.entries(read.files)) {
    const detail = base[path] || !hasModes ? null : await modeFault(root, path, text);
    if (detail === null) changes[path] = text;
    else violations.push({ path, kind: "forbidden", detail });
  }
  const faulty = new Set(violations.map(({ path }) => path));
  const forbid = (path: string, detail: string) => violations.push({ path, kind: "forbidden", detail });
  const harvested = (path: string) =>
    same.has(path) || leftovers.has(path) || Object.hasOwn(read.files, path) || faulty.has(path);
  const walked = await walkOutside(root, options, harvested, async (path) => {
    const was = base[path];
    if (!was) return path.split("/").some(isCache) ? "nothing" : "new";
    if (!untouched?.has(path) && !(await sameAs(root, path, was))) forbid(path, changedWords(fixed, path));
    return violations.length > limits.files ? "enough" : "nothing";
  });
  const passedOver = await leftBehind(walked.fresh, options);
  for (const path of walked.fresh) if (!passedOver.has(path)) forbid(path, "it was created");
  for (const path of leftovers) passedOver.add(path);
  for (const { path, link } of found) if (link) walked.links.add(path);
  for (const path of walked.links) passedOver.delete(path);
  const done = { changes, violations, passedOver: [...passedOver] };
  if (walked.fault && !faulty.has(walked.fault.path)) violations.push(walked.fault);
  if (violations.length > limits.files) {
    // The record is for a person: a flood of files is one thing wrong, not a hundred thousand.
    const path = (violations.splice(limits.files + 1)[0] ?? violations.at(-1))?.path as string;
    violations.push({ path, kind: "too many", detail: "and so on: the rest was not looked through" });
    return done;
  }
  if (walked.fault) return done;
  const match = matcher(globs);
  const ignored = (path: string) => ignore.some((each) => path === each || path.startsWith(`${each}/`));
  for (const path of Object.keys(base)) {
    if (walked.there.has(path) || ignored(path)) continue;
    if (match(path) && pathFault(path) === null && !fixed?.has(path)) changes[path] = null;
    else forbid(path, "it was deleted");
  }
  return done;
}

function changedWords(fixed: ReadonlySet<string> | undefined, path: string): string {
  return fixed?.has(path) ? "it was changed, and it is no text that a candidate may bring" : "it was changed";
}

interface Walked {
  there: Set<string>;
  /** New paths that the globs do not match. */
  fresh: string[];
  /** Links among all these paths. */
  links: Set<string>;
  /** What cannot be looked at is refused as a whole; what is missing in it is not known then. */
  fault: Violation | null;
}

/** Looks at everything that was not harvested. @param judge what a path is; `enough` ends the walk. */
async function walkOutside(
  root: string,
  { ignore = [] }: HarvestOptions,
  harvested: (path: string) => boolean,
  judge: (path: string) => Promise<"new" | "nothing" | "enough">,
): Promise<Walked> {
  const walked: Walked = { there: new Set(), fresh: [], links: new Set(), fault: null };
  try {
    for await (const [path, kind] of walk(root, { ignore })) {
      walked.there.add(path);
      if (kind === "link") walked.links.add(path);
      if (harvested(path)) continue;
      const verdict = await judge(path);
      if (verdict === "new") walked.fresh.push(path);
      if (verdict === "enough") break;
      if (walked.fresh.length > mostLookedAt) {
        walked.fault = { path, kind: "too many", detail: `more than ${mostLookedAt} new files` };
        break;
      }
    }
  } catch (error) {
    const { code, path: absolute } = error as NodeJS.ErrnoException;
    const path = relative(root, absolute ?? root);
    walked.fault = { path, kind: "unreadable", detail: code ?? "it cannot be listed" };
  }
  return walked;
}

/** New paths outside the globs that are looked at: a build may leave very many. */
const mostLookedAt = 100_000;

/** Of the new files within the globs those that are no work: what git ignores, an editor's swap files. */
async function newLeftovers(
  found: readonly Candidate[],
  base: Manifest,
  globs: readonly string[],
  { ignored }: HarvestOptions,
): Promise<Set<string>> {
  // Whoever names a path in full means it.
  const fresh = found.map(({ path }) => path).filter((path) => !base[path] && !globs.includes(path));
  const out = fresh.length > 0 && ignored ? await ignored(fresh) : new Set<string>();
  return new Set(fresh.filter((path) => out.has(path) || isSwapFile(path) || path.split("/").some(isCache)));
}

/** Of the new files outside the globs those that cannot reach a candidate and are meant for nobody. */
async function leftBehind(paths: readonly string[], { ignored }: HarvestOptions): Promise<Set<string>> {
  const tools = paths.filter((path) => isSwapFile(path) || path.split("/").some(isToolFolder));
  const rest = paths.filter((path) => !tools.includes(path));
  const out = rest.length > 0 && ignored ? await ignored(rest) : new Set<string>();
  return new Set([...tools, ...out]);
}

/** A new program says by its first line how it is run: no other mark of it is kept in a state. */
async function modeFault(root: string, path: string, text: string): Promise<string | null> {
  if (text.startsWith("#!")) return null;
  const info = await lstat(join(root, path)).catch(() => null);
  return info?.isFile() && (info.mode & 0o111) !== 0
    ? "a new file is executable only when it begins with #!: add that line, or take the executable bit away"
    : null;
}

/** Whether a file that may be edited holds what it did; its mode is the base's, whatever it became. */
async function sameContent(root: string, path: string, was: Manifest[string]): Promise<boolean> {
  if (was.mode === "120000") return sameAs(root, path, was);
  const info = await lstat(join(root, path)).catch(() => null);
  if (!info?.isFile() || info.size !== was.size) return false;
  const read = await readPlain(root, path, was.size);
  return "content" in read && createHash("sha256").update(read.content).digest("hex") === was.sha256;
}

/** Nothing larger than the original is read. */
async function sameAs(root: string, path: string, was: Manifest[string]): Promise<boolean> {
  const info = await lstat(join(root, path)).catch(() => null);
  if (!info) return false;
  if (was.mode === "120000")
    return (
      info.isSymbolicLink() &&
      was.sha256 ===
        createHash("sha256")
          .update(`link:${await readlink(join(root, path))}`)
          .digest("hex")
    );
  if ((info.mode & 0o100) !== (was.mode === "100755" ? 0o100 : 0)) return false;
  return sameContent(root, path, was);
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
