import { join } from "node:path";
import { UserError } from "../errors.ts";
import { branchState, clearStaleLock, identity } from "./commits.ts";
import { GitError, git } from "./git.ts";
import type { Repo } from "./repo.ts";

/**
 * What stands against `checkpoint` on a branch; null: nothing.
 *
 * `foreign`: its tip is none that `checkpoint` left there. It would not be lost, but the next commit would undo what it
 * brought.
 */
export async function branchObstacle(repo: Repo, branch: string): Promise<Obstacle | null> {
  return (await look(repo, branch)).obstacle;
}

type Obstacle = "checked out" | "foreign";

async function look(repo: Repo, branch: string): Promise<{ tip: string | null; obstacle: Obstacle | null }> {
  const { tip, worktree } = await branchState(repo, branch);
  if (tip !== null) {
    const mark = await commitAt(repo, markOf(branch));
    // A kill may have come between the mark and the branch.
    if (mark === null || (tip !== mark && tip !== (await commitAt(repo, `${mark}^`))))
      return { tip, obstacle: "foreign" };
  }
  return { tip, obstacle: worktree === null ? null : "checked out" };
}

/** Where our last commit on a branch is remembered. */
function markOf(branch: string): string {
  return `refs/whetstone/tip/${branch}`;
}

async function commitAt(repo: Repo, name: string): Promise<string | null> {
  return (await git(repo.root, ["rev-parse", "--verify", "--quiet", name]).catch(() => "")).trim() || null;
}

/**
 * Puts the files of a commit on a branch as one more commit on top of it, whatever the branch held before.
 *
 * Doing it twice with the same message and time adds nothing.
 *
 * @param what.commit whose files; also where a new branch begins unless `what.base` is given.
 * @param what.base where a new branch begins.
 * @param what.when milliseconds since the epoch.
 * @returns the branch's new tip.
 * @throws UserError when the branch is checked out somewhere, holds somebody else's commits, or moves meanwhile.
 */
export async function checkpoint(
  repo: Repo,
  branch: string,
  what: { commit: string; base: string; message: string; when: number },
): Promise<string> {
  const { tip, obstacle } = await look(repo, branch);
  if (obstacle === "foreign")
    throw new UserError(
      `the branch ${branch} holds commits that are not Whetstone's`,
      `keep them under another name: git branch -m ${branch} ${branch}-mine`,
    );
  if (obstacle === "checked out")
    throw new UserError(
      `the branch ${branch} is checked out; it cannot be moved there`,
      "switch to your own branch first (git switch -)",
    );
  const who = /^(.*) <(.*)>$/.exec(await identity(repo));
  const date = `@${Math.floor(what.when / 1000)} +0000`;
  const env = Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((role) => [
      [`GIT_${role}_NAME`, who?.[1] ?? "Whetstone"],
      [`GIT_${role}_EMAIL`, who?.[2] ?? "whetstone@localhost"],
      [`GIT_${role}_DATE`, date],
    ]),
  );
  const tree = `${what.commit}^{tree}`;
  const commit = async (parent: string) =>
    (await git(repo.root, ["commit-tree", tree, "-p", parent], { input: what.message, env })).trim();
  if (tip !== null) {
    const parent = await commitAt(repo, `${tip}^`);
    if (parent !== null && (await commit(parent)) === tip) return tip;
  }
  const next = await commit(tip ?? what.base);
  await move(repo, markOf(branch), next, null);
  await move(repo, `refs/heads/${branch}`, next, tip ?? "0".repeat(next.length));
  return next;
}

/** @param from where it must be; null: wherever it is. */
async function move(repo: Repo, ref: string, to: string, from: string | null): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await git(repo.root, ["update-ref", ref, to, ...(from === null ? [] : [from])]);
      return;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      // A killed git leaves its lock behind.
      if (attempt === 0 && (await clearStaleLock(join(repo.gitDir, `${ref}.lock`)))) continue;
      throw new UserError(`git could not move ${ref}: ${error.message}`, "try again");
    }
  }
}
