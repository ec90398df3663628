import { lstat, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";
import { removeTree } from "../evaluator/index.ts";
import { inside } from "../inside.ts";
import {
  checkoutBase,
  harvestChanges,
  type Manifest,
  manifest,
  mayChange,
  type Repo,
} from "../repo/index.ts";
import { everyPath } from "./everyPath.ts";

/** A working copy of a goal's state, for one task. */
export interface TaskCopy {
  folder: string;
  /** Host paths that links in it lead to. */
  linked: string[];
  manifest: Manifest;
  ignore: string[];
}

/** What a task may bring in all; a coding agent's working copy may hold much. */
const limits = { fileSize: 16 * 2 ** 20, files: 20_000, total: 512 * 2 ** 20 };

/**
 * Lays out a commit in a new folder, with a repository of its own without a commit, so that no git command given in it
 * reaches the user's.
 *
 * @param inputs untracked paths below `root`, shown as links.
 * @param without paths that are left out.
 */
export async function layOut(
  repo: Repo,
  commit: string,
  folder: string,
  { root, inputs, without }: { root: string; inputs: readonly string[]; without: readonly string[] },
): Promise<TaskCopy> {
  await removeTree(folder);
  await checkoutBase(repo, commit, folder);
  for (const path of without) await removeTree(inside(folder, path));
  const git = join(folder, ".git");
  for (const name of ["objects", "refs/heads", "info"]) await mkdir(join(git, name), { recursive: true });
  await writeFile(join(git, "HEAD"), "ref: refs/heads/task\n");
  await writeFile(join(git, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = false\n");
  const linked: string[] = [];
  for (const input of inputs) {
    const real = await realpath(join(root, input)).catch(() => {
      throw new UserError(`the input ${input} is not there`, "make it, or take it out of `inputs`");
    });
    linked.push(real);
    if ((await lstat(join(folder, input)).catch(() => null)) !== null) continue;
    const at = inside(folder, input);
    await mkdir(dirname(at), { recursive: true });
    await symlink(real, at);
  }
  const ignore = [".git", ...inputs];
  return { folder, linked, ignore, manifest: await manifest(folder, ignore) };
}

/** Whether a path is one of those, or below one. */
export function isBelow(path: string, paths: readonly string[]): boolean {
  return paths.some((each) => path === each || path.startsWith(`${each}/`));
}

/**
 * What was changed in a working copy: text files only, links and special files left out.
 *
 * @param without paths that the copy was made without: nothing may be there.
 * @param skip further paths that are not looked at: skills that were laid down.
 * @returns path -> new text, null for a deleted file; and what could not be taken over, one sentence each.
 */
export async function changesIn(
  copy: TaskCopy,
  { protect, without }: { protect: readonly string[]; without: readonly string[] },
  skip: readonly string[],
): Promise<{ changes: Record<string, string | null>; refused: string[] }> {
  const { changes, violations } = await harvestChanges(copy.folder, copy.manifest, everyPath, limits, {
    ignore: [...copy.ignore, ...skip],
  });
  const refused = violations.map(({ path, detail }) => `${path}: ${detail}`);
  for (const path of Object.keys(changes)) {
    if (!isBelow(path, without) && (protect.length === 0 || !mayChange(protect, path))) continue;
    delete changes[path];
    refused.push(`${path}: it is protected`);
  }
  return { changes, refused };
}
