import { realpath } from "node:fs/promises";
import { relative, sep } from "node:path";
import { UserError } from "../errors.ts";
import { GitError, git } from "./git.ts";

/** The git repository that a lab lies in. */
export interface Repo {
  /** Absolute path of the working tree's root. */
  root: string;
  /** Absolute path of the (common) git directory. */
  gitDir: string;
  /** The lab folder relative to the root, with `/`; "" when the lab is the root. */
  labPath: string;
  /** Full id of HEAD's commit. */
  head: string;
  /** Null when HEAD is detached. */
  branch: string | null;
}

/** @throws UserError when the lab does not lie in the working tree of a repository with a commit. */
export async function openRepo(labFolder: string): Promise<Repo> {
  const lab = await realpath(labFolder);
  let facts: string[];
  try {
    facts = (
      await git(lab, [
        "rev-parse",
        "--path-format=absolute",
        "--is-bare-repository",
        "--is-inside-git-dir",
        "--git-common-dir",
        "--show-superproject-working-tree",
      ])
    )
      .trimEnd()
      .split("\n");
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new UserError(
      `${labFolder} is not in a git repository (${error.message})`,
      "make it one: git init && git add -A && git commit -m start",
    );
  }
  const [bare, inside, gitDir, superproject] = facts;
  if (bare === "true" || inside === "true")
    throw new UserError(
      `${labFolder} lies in a bare repository: there are no files to work on`,
      "clone it and work in the clone",
    );
  const root = (await git(lab, ["rev-parse", "--path-format=absolute", "--show-toplevel"])).trimEnd();
  if (superproject)
    throw new UserError(
      `${labFolder} lies in the submodule ${root}`,
      "clone that repository on its own and run the lab there",
    );
  const head = await git(lab, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).catch(() => "");
  if (head === "")
    throw new UserError(
      "the repository has no commit yet",
      "git add -A && git commit -m start, then try again",
    );
  const branch = await git(lab, ["symbolic-ref", "--quiet", "--short", "HEAD"]).catch(() => "");
  return {
    root: await realpath(root),
    gitDir: gitDir as string,
    labPath: relative(await realpath(root), lab)
      .split(sep)
      .join("/"),
    head: head.trim(),
    branch: branch.trim() || null,
  };
}

export interface Dirty {
  /** Relative to the lab folder. */
  path: string;
  state: "modified" | "untracked" | "deleted";
}

/** Uncommitted work in the lab folder: the pinned base will not contain it. */
export async function dirty(repo: Repo): Promise<Dirty[]> {
  const out = await git(repo.root, [
    ...["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules"],
    ...["--", repo.labPath || "."],
  ]);
  const result: Dirty[] = [];
  for (const entry of out.split("\0")) {
    if (entry === "") continue;
    const code = entry.slice(0, 2);
    const path = repo.labPath === "" ? entry.slice(3) : entry.slice(3 + repo.labPath.length + 1);
    const state = code === "??" ? "untracked" : code.includes("D") ? "deleted" : "modified";
    result.push({ path, state });
  }
  return result;
}

/** The commit that a branch points at, or null. */
export async function branchTip(repo: Repo, branch: string): Promise<string | null> {
  return (
    (
      await git(repo.root, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`]).catch(
        () => "",
      )
    ).trim() || null
  );
}
