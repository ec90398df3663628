import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { blobContents, parseTree } from "./base.ts";
import { branchState, lockLife, switchAway } from "./commits.ts";
import { GitError, git, gitBytes } from "./git.ts";
import { mayChange } from "./harvest.ts";
import type { Repo } from "./repo.ts";

export interface CommitFacts {
  parents: string[];
  message: string;
}

/** The commits that the repository holds among these ids; one that is missing is not in the result. */
export async function commitFacts(repo: Repo, ids: readonly string[]): Promise<Map<string, CommitFacts>> {
  const found = new Map<string, CommitFacts>();
  if (ids.length === 0) return found;
  const out = await gitBytes(repo.root, ["cat-file", "--batch"], { input: `${ids.join("\n")}\n` });
  for (let at = 0; at < out.length; ) {
    const end = out.indexOf(10, at);
    const [id = "", type, size] = out.subarray(at, end).toString().split(" ");
    at = end + 1;
    if (size === undefined) continue;
    const text = out.subarray(at, at + Number(size)).toString();
    at += Number(size) + 1;
    if (type !== "commit") continue;
    const head = text.slice(0, text.indexOf("\n\n"));
    found.set(id, {
      parents: [...head.matchAll(/^parent ([0-9a-f]+)$/gm)].map((match) => match[1] as string),
      message: text.slice(head.length + 2),
    });
  }
  return found;
}

/** References below a prefix (`refs/whetstone/lab/nov21`) and what they point at. */
export async function refsBelow(repo: Repo, prefix: string): Promise<Map<string, string>> {
  const out = await git(repo.root, ["for-each-ref", "--format=%(refname) %(objectname)", prefix]);
  return new Map(
    out
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ") as [string, string]),
  );
}

/** The editable files of the lab as a commit holds them. */
export async function editableFiles(
  repo: Repo,
  commit: string,
  globs: readonly string[],
): Promise<Record<string, string>> {
  const where = repo.labPath === "" ? commit : `${commit}:${repo.labPath}`;
  const entries = parseTree(await git(repo.root, ["ls-tree", "-r", "-z", "--full-tree", where])).filter(
    ({ mode, path }) =>
      (mode === "100644" || mode === "100755") &&
      !/(^|\/)(node_modules|\.whetstone)\//.test(path) &&
      mayChange(globs, path),
  );
  const files: Record<string, string> = {};
  let next = 0;
  for await (const content of blobContents(repo, entries))
    files[entries[next++]?.path as string] = content.toString();
  return files;
}

/** Paths, from the repository's top, in which a commit differs from another: those that are new, and all others. */
export async function differingPaths(
  repo: Repo,
  from: string,
  to: string,
): Promise<{ made: string[]; changed: string[] }> {
  const out = await git(repo.root, ["diff-tree", "-r", "-z", "--no-renames", "--name-status", from, to]);
  const fields = out.split("\0");
  const made: string[] = [];
  const changed: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2)
    (fields[at] === "A" ? made : changed).push(fields[at + 1] as string);
  return { made, changed };
}

/** Paths of all files and links of a commit, from the repository's top. */
export async function pathsAt(repo: Repo, commit: string): Promise<string[]> {
  return (await git(repo.root, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit]))
    .split("\0")
    .filter(Boolean);
}

/** Lets a reference below refs/whetstone/ name a commit that is there again. */
export async function restoreRef(repo: Repo, ref: string, commit: string): Promise<void> {
  if (!ref.startsWith("refs/whetstone/")) throw new Error(`${ref} is not ours`);
  await git(repo.root, ["update-ref", ref, commit]);
}

/** Whether one commit is reached from another by going back. */
export async function isAncestor(repo: Repo, commit: string, from: string): Promise<boolean> {
  return git(repo.root, ["merge-base", "--is-ancestor", commit, from]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof GitError) return false;
      throw error;
    },
  );
}

/**
 * Moves a branch forward, from the tip that was seen.
 *
 * @throws UserError when it has moved since, is checked out, or would not go forward.
 */
export async function forwardBranch(repo: Repo, branch: string, from: string, to: string): Promise<void> {
  const { worktree } = await branchState(repo, branch);
  if (worktree !== null)
    throw new UserError(
      `the branch ${branch} is checked out in ${worktree}; it cannot be moved there`,
      switchAway(worktree),
    );
  if (!(await isAncestor(repo, from, to)))
    throw new UserError(`the branch ${branch} would not go forward from ${from.slice(0, 10)}`);
  try {
    await git(repo.root, ["update-ref", `refs/heads/${branch}`, to, from]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new UserError(`git could not move the branch ${branch}: ${error.message}`, "try again");
  }
}

/**
 * Locks that a killed git left on these references: absolute paths. A living git holds one for milliseconds.
 *
 * @param prefixes references, or folders of them (`refs/whetstone/lab`).
 */
export async function staleLocks(repo: Repo, prefixes: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const look = async (path: string) => {
    const info = await lstat(path).catch(() => null);
    if (!info) return;
    if (info.isDirectory()) for (const name of await readdir(path)) await look(join(path, name));
    else if (path.endsWith(".lock") && Math.abs(Date.now() - info.mtimeMs) >= lockLife) found.push(path);
  };
  for (const prefix of prefixes) {
    await look(join(repo.gitDir, `${prefix}.lock`));
    await look(join(repo.gitDir, prefix));
  }
  return found;
}

export async function removeLocks(locks: readonly string[]): Promise<void> {
  for (const path of locks) await rm(path, { force: true });
}
