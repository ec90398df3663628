import { posix } from "node:path";
import { GitError, git } from "./git.ts";
import type { Repo } from "./repo.ts";

/**
 * Which paths the repository's ignore rules name (`.gitignore`, `.git/info/exclude`), as they lie in the user's own
 * working tree. The paths need not exist there.
 *
 * @param from the folder that the paths are relative to, seen from the repository's root.
 */
export async function ignoredPaths(
  repo: Pick<Repo, "root">,
  from: string,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const inTree = new Map(paths.map((path) => [posix.join(from, path), path]));
  const out = await git(repo.root, ["check-ignore", "--no-index", "-z", "--stdin"], {
    input: [...inTree.keys()].map((path) => `${path}\0`).join(""),
    // This command knows no literal mode and takes every path as it is.
    env: { GIT_LITERAL_PATHSPECS: "0" },
  }).catch((error: unknown) => {
    // Exit code 1: none of them. A path that git cannot place is not ignored either.
    if (error instanceof GitError) return "";
    throw error;
  });
  return new Set(out.split("\0").flatMap((path) => inTree.get(path) ?? []));
}
