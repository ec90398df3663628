import { lstat, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { UserError } from "../errors.ts";
import type { Files } from "../evaluator/index.ts";
import { inside } from "../inside.ts";
import { whetstoneFolder } from "../lab/index.ts";
import { applyChange, contentHash, type Violation } from "../repo/index.ts";
import type { Session } from "../session/index.ts";
import type { Course } from "../strategy/index.ts";
import { type Copy, openWorkingCopy, reopenWorkingCopy } from "./workingCopy.ts";

/** The workspace as it was left, or a new one; edits in one of another contract or base are kept beside it. */
export async function workspaceOf(session: Session, folder: string, files: Files): Promise<Copy> {
  const { lab, listener, repo } = session;
  const inLab = folder.startsWith(`${whetstoneFolder(lab.folder)}/`);
  if (!inLab && (folder === repo.root || `${folder}/`.startsWith(`${repo.root}/`)))
    throw new UserError(
      `the workspace ${folder} would lie in the repository itself`,
      "leave it where it is by default, or name a folder outside",
    );
  const kept = await reopenWorkingCopy(session, folder, lab.programFile);
  if (kept) return kept;
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

/** Moves files that were not allowed out of the workspace: nobody measures them, and nobody loses them. */
export async function setAside(copy: Copy, violations: readonly Violation[], folder: string): Promise<void> {
  for (const { path } of violations) {
    const from = join(copy.folder, copy.lab, path);
    const info = await lstat(from).catch(() => null);
    if (!info?.isFile() || !normalize(from).startsWith(`${copy.folder}/`)) continue;
    // Seen from the lab a path may lead upwards; beside the others it must not.
    const to = inside(folder, path.replaceAll("../", ""));
    await mkdir(dirname(to), { recursive: true });
    // One that cannot be moved stays until the workspace is reset.
    await rename(from, to).catch(() => {});
  }
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
