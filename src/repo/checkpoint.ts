import { join } from "node:path";
import { UserError } from "../errors.ts";
import { branchState, clearStaleLock, identity } from "./commits.ts";
import { GitError, git } from "./git.ts";
import type { Repo } from "./repo.ts";

/**
 * Puts the files of a commit on a branch as one more commit on top of it, whatever the branch held before.
 *
 * Doing it twice with the same message and time adds nothing.
 *
 * @param what.commit whose files; also where a new branch begins unless `what.base` is given.
 * @param what.base where a new branch begins.
 * @param what.when milliseconds since the epoch.
 * @returns the branch's new tip.
 * @throws UserError when the branch is checked out somewhere, or moves meanwhile.
 */
export async function checkpoint(
  repo: Repo,
  branch: string,
  what: { commit: string; base: string; message: string; when: number },
): Promise<string> {
  const { tip, checkedOut } = await branchState(repo, branch);
  if (checkedOut)
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
    const parent = (
      await git(repo.root, ["rev-parse", "--verify", "--quiet", `${tip}^`]).catch(() => "")
    ).trim();
    if (parent !== "" && (await commit(parent)) === tip) return tip;
  }
  const next = await commit(tip ?? what.base);
  const ref = `refs/heads/${branch}`;
  for (let attempt = 0; ; attempt++) {
    try {
      await git(repo.root, ["update-ref", ref, next, tip ?? "0".repeat(next.length)]);
      return next;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      // A killed git leaves its lock behind.
      if (attempt === 0 && (await clearStaleLock(join(repo.gitDir, `${ref}.lock`)))) continue;
      throw new UserError(`git could not move the branch ${branch}: ${error.message}`, "try again");
    }
  }
}
