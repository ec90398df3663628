import { randomUUID } from "node:crypto";
import { copyFile, lstat, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { UserError } from "../errors.ts";
import { GitError, git, withoutFilters } from "./git.ts";
import { dirty, type Repo } from "./repo.ts";

/** More than this is not put into git's store for one look: what is that large is seldom meant to be committed. */
const mostBytes = 256 * 2 ** 20;

/**
 * The repository of a folder as it would be once its uncommitted work is committed: `head` is a commit of that state.
 * No branch, no index and no file of the user's is touched. The commit hangs on nothing, so git clears it away in time.
 *
 * @returns null when the folder is in no repository.
 * @throws UserError when the uncommitted files are too large, or git cannot read them.
 */
export async function workingState(folder: string): Promise<Repo | null> {
  const facts = await git(folder, [
    ...["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir", "--git-path", "index"],
  ]).catch(nothing);
  const [top, gitDir, index] = facts.split("\n");
  if (!top || !gitDir || !index) return null;
  const root = await realpath(top);
  const labPath = relative(root, await realpath(folder))
    .split(sep)
    .join("/");
  const head = (await git(root, ["rev-parse", "--verify", "--quiet", "HEAD"]).catch(nothing)).trim();
  const paths = (await dirty({ root, labPath }))
    .map(({ path }) => (labPath === "" ? path : `${labPath}/${path}`))
    .filter((path) => !/(^|\/)(node_modules|\.whetstone)\//.test(path));
  await refuseLarge(root, paths);
  const own = join(tmpdir(), `whet-index-${randomUUID()}`);
  const env = { ...(await withoutFilters(root)), ...author, GIT_INDEX_FILE: own };
  try {
    // Without an index (a repository with no commit yet) git begins an empty one.
    await copyFile(index, own).catch(() => {});
    await git(root, ["update-index", "--add", "--remove", "-z", "--stdin"], { env, input: paths.join("\0") });
    const tree = (await git(root, ["write-tree"], { env })).trim();
    const parent = head === "" ? [] : ["-p", head];
    const commit = await git(root, ["commit-tree", tree, ...parent], { env, input: "A look at this folder" });
    return { root, gitDir, labPath, head: commit.trim(), branch: null };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new UserError(`git cannot read the uncommitted files of ${folder}: ${error.message}`);
  } finally {
    await rm(own, { force: true });
    await rm(`${own}.lock`, { force: true });
  }
}

const author = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "Whetstone"],
    [`GIT_${role}_EMAIL`, "whetstone@localhost"],
  ]),
);

async function refuseLarge(root: string, paths: readonly string[]): Promise<void> {
  let bytes = 0;
  for (const path of paths) {
    bytes += (await lstat(join(root, path)).catch(() => null))?.size ?? 0;
    if (bytes > mostBytes)
      throw new UserError(
        `more than ${mostBytes / 2 ** 20} MB lie here and are not committed`,
        "commit what the run needs, and name large data in .gitignore and in `inputs`",
      );
  }
}

/** For questions that git answers with a failure: then the answer is nothing. */
function nothing(error: unknown): string {
  if (error instanceof GitError) return "";
  throw error;
}
