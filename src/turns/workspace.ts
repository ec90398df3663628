import { constants, createWriteStream } from "node:fs";
import { lstat, mkdir, open, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { UserError } from "../errors.ts";
import type { Files } from "../evaluator/index.ts";
import { inside } from "../inside.ts";
import { whetstoneFolder } from "../lab/index.ts";
import { applyChange, contentHash, inFolder, type Violation } from "../repo/index.ts";
import type { Session } from "../session/index.ts";
import type { Course } from "../strategy/index.ts";
import { type Copy, openWorkingCopy, reopenWorkingCopy } from "./workingCopy.ts";

/**
 * The workspace as it was left, or a new one; edits in one of another contract or base are kept beside it.
 *
 * @param isLivedIn an agent's sandbox shows it the folder: another folder in its place would be unknown in there.
 * @throws UserError when it is lived in and cannot be taken as it is.
 */
export async function workspaceOf(
  session: Session,
  folder: string,
  files: Files,
  isLivedIn: boolean,
): Promise<Copy> {
  const { lab, listener, repo } = session;
  const inLab = folder.startsWith(`${whetstoneFolder(lab.folder)}/`);
  if (!inLab && (folder === repo.root || `${folder}/`.startsWith(`${repo.root}/`)))
    throw new UserError(
      `the workspace ${folder} would lie in the repository itself`,
      "leave it where it is by default, or name a folder outside",
    );
  const kept = await reopenWorkingCopy(session, folder, lab.programFile);
  if (kept) return kept;
  if (isLivedIn)
    throw new UserError(
      "this sandbox edits a workspace that is no longer the session's",
      "end the sandbox, and start it again: whet start --sandboxed",
    );
  // A link in its place was no workspace; what it leads to is somebody else's.
  if (await isLink(folder)) await unlink(folder);
  if (await exists(folder)) {
    if (!inLab && (await readFile(join(folder, ".git", "whetstone"), "utf8").catch(() => null)) === null)
      throw new UserError(
        `${folder} exists and is no workspace of Whetstone's`,
        "name a folder that does not exist yet",
      );
    const old = await freeName(`${folder}.old`);
    await rename(folder, old);
    listener({
      type: "notice",
      message: `the workspace was of another session or base; it is kept in ${old}`,
    });
  }
  const copy = await openWorkingCopy(session, folder, lab.programFile);
  await copy.put(files);
  return copy;
}

/** What differs in the workspace from the incumbent, also where that has become another one since the last reset. */
export async function harvested(
  copy: Copy,
  { incumbent }: Course,
): Promise<{ changes: Record<string, string | null>; violations: Violation[] }> {
  const found = await copy.harvest();
  if (contentHash(copy.files) === contentHash(incumbent.files)) return found;
  if (Object.keys(found.changes).length === 0 && found.violations.length === 0) {
    await copy.put(incumbent.files);
    return found;
  }
  const before: Record<string, string | null> = {};
  for (const path of Object.keys(found.changes)) before[path] = copy.files[path] ?? null;
  const merged = await applyChange(incumbent.files, { before, after: found.changes });
  if (merged === null)
    throw new UserError(
      "the best state has changed since you began this edit (a review, or another run), and your edit conflicts with it",
      "`whet start` puts the workspace on it and keeps your edits aside; make the change again there",
    );
  const changes: Record<string, string | null> = {};
  for (const path of new Set([...Object.keys(incumbent.files), ...Object.keys(merged)]))
    if (merged[path] !== incumbent.files[path]) changes[path] = merged[path] ?? null;
  return { changes, violations: found.violations };
}

export function asideFolder({ lab, row }: Session, what: number | string): string {
  return inside(join(whetstoneFolder(lab.folder), "aside"), `${row.tag}/${what}`);
}

/** Bytes of files that are set aside at a time: of each, and of all of them together. */
const most = { file: 64 * 2 ** 20, total: 256 * 2 ** 20 };

/**
 * Copies files that were not allowed out of the workspace, before it is put back: nobody measures them, and they are not
 * lost. What is no regular file, or lies behind a link, is no file of the workspace and is not read. Names of files that are
 * too large are left in `not-copied.txt`.
 */
export async function setAside(copy: Copy, violations: readonly Violation[], folder: string): Promise<void> {
  let left = most.total;
  const tooLarge: string[] = [];
  for (const { path } of violations) {
    // Seen from the lab a path may lead upwards; beside the others it must not.
    const name = path.split("/").filter((part) => !["", ".", ".."].includes(part));
    const inTree = posix.join(copy.lab, path);
    if (name.length === 0 || inTree.startsWith("../")) continue;
    const to = inside(folder, name.join("/"));
    const copied = await copyOut(copy.folder, inTree, to, Math.min(most.file, left));
    if (copied === "too large") tooLarge.push(path);
    else left -= copied;
  }
  if (tooLarge.length === 0) return;
  await mkdir(folder, { recursive: true });
  const lines = tooLarge.map((path) => `${JSON.stringify(path)}\n`).join("");
  await writeFile(join(folder, "not-copied.txt"), `These files were too large to be set aside:\n${lines}`);
}

/** Copies one regular file; what cannot be read stays until the workspace is put back. @returns its bytes. */
async function copyOut(root: string, path: string, to: string, limit: number): Promise<number | "too large"> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const take = async (above: string): Promise<number | "too large"> => {
    const from = await open(join(above, posix.basename(path)), flags);
    try {
      const info = await from.stat();
      if (!info.isFile()) return 0;
      if (info.size > limit) return "too large";
      await mkdir(dirname(to), { recursive: true });
      const source = from.createReadStream({ autoClose: false, start: 0, end: Math.max(0, info.size - 1) });
      await pipeline(source, createWriteStream(to, { mode: info.mode & 0o100 ? 0o755 : 0o644 }));
      return info.size;
    } finally {
      await from.close();
    }
  };
  return inFolder(root, posix.dirname(path), take).catch(() => 0);
}

/** Saves edits that were never tried. @returns the folder, null when there are none. */
export async function saveEdits(session: Session, copy: Copy): Promise<string | null> {
  const { changes, violations } = await copy.harvest();
  const texts = Object.entries(changes).filter((entry): entry is [string, string] => entry[1] !== null);
  if (texts.length === 0 && violations.length === 0) return null;
  const folder = await freeName(asideFolder(session, "edits"));
  for (const [path, text] of texts) {
    const to = inside(folder, path);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, text);
  }
  await setAside(copy, violations, folder);
  return (await exists(folder)) ? folder : null;
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isSymbolicLink() ?? false;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function freeName(wanted: string): Promise<string> {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}-${count}`;
    if (!(await exists(name))) return name;
  }
}
