import { UserError } from "../errors.ts";
import { GitError, git } from "./git.ts";
import type { Repo } from "./repo.ts";

/**
 * Fetches the files of a commit that a partial clone lacks, from the remote that it was cloned from, as `git checkout`
 * would. Nothing is done for a whole clone. Commands that the repository's settings name for the transport are not run.
 *
 * @throws UserError when files are missing and cannot be fetched.
 */
export async function completeCommit(repo: Pick<Repo, "root">, commit: string): Promise<void> {
  const remote = await promisorOf(repo);
  if (remote === null) return;
  const listed = await git(repo.root, ["rev-list", "--objects", "--missing=print", "--no-walk", commit]);
  const missing = listed.split("\n").flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : []));
  if (missing.length === 0) return;
  await git(
    repo.root,
    [
      ...[
        `-c`,
        `remote.${remote}.uploadpack=git-upload-pack`,
        "-c",
        "core.sshCommand=ssh",
        "-c",
        "core.askPass=",
      ],
      ...["-c", "core.gitProxy=", "-c", "credential.helper=", "-c", "fetch.negotiationAlgorithm=noop"],
      ...[
        "fetch",
        remote,
        "--no-tags",
        "--no-write-fetch-head",
        "--recurse-submodules=no",
        "--filter=blob:none",
      ],
      "--stdin",
    ],
    { input: `${missing.join("\n")}\n`, env: { GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh" } },
  ).catch((error: unknown) => {
    if (!(error instanceof GitError)) throw error;
    throw new UserError(
      `this is a partial clone that lacks ${missing.length} of the commit's files, and they could not be fetched from ${remote}: ${error.message}`,
      `get them while the server can be reached: git -C "${repo.root}" fetch --refetch --no-filter ${remote}`,
    );
  });
}

/** The remote that promised what a partial clone left out; null for a whole clone. */
async function promisorOf({ root }: Pick<Repo, "root">): Promise<string | null> {
  const listing = await git(root, [
    "config",
    "-z",
    "--name-only",
    "--get-regexp",
    "^remote\\..*\\.promisor$",
  ]).catch(() => "");
  const [name] = listing.split("\0");
  return name ? name.slice("remote.".length, -".promisor".length) : null;
}

/** Paths of a commit that are submodules, seen from the root: their files are another repository's. */
export async function submodulesAt(repo: Pick<Repo, "root">, commit: string): Promise<string[]> {
  const listing = await git(repo.root, ["ls-tree", "-r", "-z", "--full-tree", commit]);
  return listing
    .split("\0")
    .flatMap((line) => (line.startsWith("160000 ") ? [line.slice(line.indexOf("\t") + 1)] : []));
}
