import { existsSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { UserError } from "../errors.ts";
import { GitError, git, withoutFilters } from "./git.ts";

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

/**
 * @throws UserError when the lab does not lie in the working tree of a repository, is not part of its last commit, or
 * git is missing or older than 2.31.
 */
export async function openRepo(labFolder: string): Promise<Repo> {
  const lab = await realpath(labFolder).catch(() => {
    throw new UserError(`the folder ${labFolder} does not exist`);
  });
  const plain = await plainFacts(lab);
  if (plain) return plain;
  const [version, facts] = await Promise.all([gitVersion(lab), repositoryFacts(lab, labFolder)]);
  if (version !== null && (version.major < 2 || (version.major === 2 && version.minor < 31)))
    throw new UserError(`git ${version.text} is too old`, "install git 2.31 or newer");
  const [bare, inside, gitDir, superproject] = facts;
  if (bare === "true" || inside === "true")
    throw new UserError(
      `${labFolder} lies in a bare repository: there are no files to work on`,
      "clone it and work in the clone",
    );
  const [top, head, branch] = await Promise.all([
    git(lab, ["rev-parse", "--show-toplevel"]),
    git(lab, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).catch(nothing),
    git(lab, ["symbolic-ref", "--quiet", "--short", "HEAD"]).catch(nothing),
  ]);
  const root = await realpath(oneLine(top));
  if (superproject)
    throw new UserError(
      `${labFolder} lies in the submodule ${root}`,
      "clone that repository on its own and run the lab there",
    );
  if (head === "")
    throw new UserError(
      "the repository has no commit yet",
      "git add -A && git commit -m start, then try again",
    );
  const labPath = relative(root, lab).split(sep).join("/");
  if (labPath !== "") await requireCommitted(root, head.trim(), labPath);
  return {
    root,
    gitDir: gitDir as string,
    labPath,
    head: head.trim(),
    branch: branch.trim() || null,
  };
}

/**
 * Everything in one call of git, as it is in almost every case; null where anything is out of the ordinary, to be asked
 * about one by one.
 */
async function plainFacts(lab: string): Promise<Repo | null> {
  const out = await git(lab, [
    ...["rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-inside-git-dir"],
    // To answer this git starts a second git in the folder above, which takes longer than all the rest.
    ...[
      "--git-common-dir",
      ...(isNested(lab) ? ["--show-superproject-working-tree"] : []),
      "--show-toplevel",
    ],
    ...["HEAD^{commit}", "HEAD:./", "--symbolic-full-name", "HEAD"],
  ]).catch(nothing);
  // One line more in a submodule, under an old git, or for a path with a line feed; one less without a commit.
  const lines = oneLine(out).split("\n");
  const [bare, inside, gitDir, top, head, tree, branch] = lines;
  if (lines.length !== 7 || bare !== "false" || inside !== "false" || !gitDir || !top || !head || !branch)
    return null;
  if (![head, tree].every((id) => /^[0-9a-f]{40,64}$/.test(id ?? ""))) return null;
  const root = await realpath(top);
  return {
    root,
    gitDir,
    labPath: relative(root, lab).split(sep).join("/"),
    head,
    branch: branch.startsWith("refs/heads/") ? branch.slice("refs/heads/".length) : null,
  };
}

/** Whether the repository of a folder can be another one's submodule: it lies in the working tree of that one. */
function isNested(folder: string): boolean {
  let found = 0;
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) found++;
    if (at === dirname(at)) return found > 1;
  }
}

async function repositoryFacts(lab: string, labFolder: string): Promise<string[]> {
  try {
    const out = await git(lab, [
      ...["rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-inside-git-dir"],
      ...["--git-common-dir", "--show-superproject-working-tree"],
    ]);
    return oneLine(out).split("\n");
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    // Before 2.38 git heeds only the user's own configuration here, and that is not read.
    if (error.message.includes("dubious ownership"))
      throw new UserError(
        `the repository of ${labFolder} belongs to another user`,
        "give it to yourself (chown -R), or use git 2.38 or newer",
      );
    if (error.message.includes("not a git repository"))
      throw new UserError(
        `${labFolder} is not in a git repository`,
        "make it one: git init && git add -A && git commit -m start",
      );
    throw new UserError(
      `the repository of ${labFolder} cannot be read (${error.message})`,
      "run `git status` there",
    );
  }
}

async function gitVersion(folder: string): Promise<{ text: string; major: number; minor: number } | null> {
  const match = /(\d+)\.(\d+)\S*/.exec(await git(folder, ["version"]));
  return match && { text: match[0], major: Number(match[1]), minor: Number(match[2]) };
}

/** The base is a commit: a lab that is in none has nothing to measure. */
async function requireCommitted(root: string, head: string, labPath: string): Promise<void> {
  const type = await git(root, ["cat-file", "-t", `${head}:${labPath}`]).catch(nothing);
  if (type.trim() === "tree") return;
  const ignored = await git(root, ["check-ignore", "--verbose", "--no-index", "--", labPath], {
    // This command knows no literal mode and takes every path as it is.
    env: { GIT_LITERAL_PATHSPECS: "0" },
  }).catch(nothing);
  if (ignored !== "")
    throw new UserError(
      `the lab folder ${labPath} is ignored by git (${oneLine(ignored).split("\t")[0]})`,
      "take it out of the ignore rules and commit it: what is measured is the committed state",
    );
  throw new UserError(
    `the lab folder ${labPath} is not part of the last commit`,
    `git add "${labPath}" && git commit -m lab: what is measured is the committed state`,
  );
}

/** For questions that git answers with a failure: then the answer is nothing. */
function nothing(error: unknown): string {
  if (error instanceof GitError) return "";
  throw error;
}

/** Without the final line feed only: a path may end in a space. */
function oneLine(text: string): string {
  return text.replace(/\n$/, "");
}

export interface Dirty {
  /** Relative to the lab folder. */
  path: string;
  state: "modified" | "untracked" | "deleted";
}

/** Uncommitted work in the lab folder: the pinned base will not contain it. */
export async function dirty(repo: Pick<Repo, "root" | "labPath">): Promise<Dirty[]> {
  const out = await git(
    repo.root,
    [
      ...["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules"],
      ...["--", repo.labPath || "."],
    ],
    { env: await withoutFilters(repo.root) },
  );
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

/** The same for a folder that may be no lab yet; null when it is in no repository. @throws UserError without git. */
export async function uncommitted(folder: string): Promise<Dirty[] | null> {
  const top = await git(folder, ["rev-parse", "--show-toplevel"]).catch(nothing);
  if (top === "") return null;
  const root = await realpath(oneLine(top));
  return dirty({
    root,
    labPath: relative(root, await realpath(folder))
      .split(sep)
      .join("/"),
  });
}

/** Whether a branch points at this commit. */
export async function isAt(repo: Repo, branch: string, commit: string): Promise<boolean> {
  // As almost every branch lies there that has moved lately; of any other git is asked.
  const file = await readFile(join(repo.gitDir, "refs", "heads", branch), "utf8").catch(() => "");
  return file === `${commit}\n` || (await branchTip(repo, branch)) === commit;
}

/** The commit that a branch points at, or null. */
export async function branchTip(repo: Repo, branch: string): Promise<string | null> {
  const id = await git(repo.root, [
    ...["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`],
  ]).catch(nothing);
  return id.trim() || null;
}

/** A branch `a` and a branch `a/b` cannot both be. */
export function branchInTheWay(error: GitError, branch: string): UserError | null {
  const other = /'refs\/heads\/([^']+)' exists; cannot create/.exec(error.message)?.[1];
  if (!other) return null;
  return new UserError(
    `the branch ${other} is in the way of ${branch}: git cannot hold both names`,
    `rename it: git branch -m ${other} ${other}-old`,
  );
}

/** Claims a branch for a session. @throws UserError when there is one of that name. */
export async function createBranch(repo: Repo, branch: string, commit: string): Promise<void> {
  try {
    await git(repo.root, ["update-ref", `refs/heads/${branch}`, commit, "0".repeat(commit.length)]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if ((await branchTip(repo, branch)) === null)
      throw (
        branchInTheWay(error, branch) ??
        new UserError(
          `git could not create the branch ${branch}: ${error.message}`,
          "see whether `git branch try-it` works there, and mend what it says",
        )
      );
    throw new UserError(`there is a branch ${branch} already`, "choose another --tag");
  }
}

/**
 * The folders that hold what the repository holds: the working tree, its `.git`, and for a linked working tree the
 * shared `.git` and the main working tree besides.
 */
export function foldersOf({ root, gitDir }: Repo): string[] {
  const shared = gitDir.replace(/\/worktrees\/[^/]+$/, "");
  const main = shared !== gitDir && basename(shared) === ".git" ? [dirname(shared)] : [];
  return [...new Set([root, gitDir, shared, ...main])];
}
