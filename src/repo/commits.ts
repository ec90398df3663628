import { existsSync } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RunFailed, UserError } from "../errors.ts";
import { GitError, git, gitDialogue, removeCrashReport } from "./git.ts";
import { pathFault } from "./harvest.ts";
import { isScript } from "./overlay.ts";
import { branchInTheWay, type Repo } from "./repo.ts";

export interface NewCommit {
  parent: string;
  /** Relative to the lab folder; null deletes. */
  changes: Readonly<Record<string, string | null>>;
  message: string;
  /** Milliseconds since the epoch: part of the commit, so that the same input gives the same id. */
  when: number;
}

/** Records a candidate's tree under `ref` (below refs/whetstone/), so that nothing tried is ever lost. */
export async function recordCandidate(repo: Repo, ref: string, commit: NewCommit): Promise<string> {
  return fastImport(repo, ref, commit);
}

/**
 * Puts a kept change on the session branch.
 *
 * A branch that somebody has checked out is not moved under their feet: the commit waits below refs/whetstone/, and the
 * branch comes to it with the next one that finds it free, or by `bringBranch`. Doing it twice gives the same commit,
 * so an interrupted keep is simply repeated.
 *
 * @returns the commit, and the folder that has the branch checked out where the branch was left alone; null: it moved.
 * @throws UserError when somebody else has moved the branch.
 */
export async function recordKeep(
  repo: Repo,
  branch: string,
  commit: NewCommit,
): Promise<{ commit: string; waitsFor: string | null }> {
  const [{ tip, worktree }] = await Promise.all([branchState(repo, branch), identity(repo)]);
  if (tip !== null && tip !== commit.parent && !(await isWaiting(repo, branch, tip, commit.parent))) {
    // Made under a name of its own first: only then can its id be compared with the branch.
    const id = await fastImport(repo, `refs/whetstone/keep/${branch}`, commit);
    if (tip === id) return { commit: id, waitsFor: null };
    throw new UserError(
      `the branch ${branch} was moved by somebody else (it is at ${tip.slice(0, 10)}, the session left it at ${commit.parent.slice(0, 10)})`,
      `put it back with: git branch -f ${branch} ${commit.parent.slice(0, 10)}`,
    );
  }
  if (worktree !== null)
    return { commit: await fastImport(repo, waitingRef(branch), commit), waitsFor: worktree };
  return { commit: await fastImport(repo, `refs/heads/${branch}`, commit), waitsFor: null };
}

/** The newest commit of a branch that was checked out when it was made. */
function waitingRef(branch: string): string {
  return `refs/whetstone/waiting/${branch}`;
}

/** Whether a branch is behind a commit only because it was checked out when that was made. */
async function isWaiting(repo: Repo, branch: string, tip: string, commit: string): Promise<boolean> {
  const waiting = await git(repo.root, ["rev-parse", "--verify", "--quiet", waitingRef(branch)]).catch(
    () => "",
  );
  if (waiting.trim() !== commit) return false;
  return git(repo.root, ["merge-base", "--is-ancestor", tip, commit]).then(
    () => true,
    () => false,
  );
}

/**
 * Moves a branch forward to the commit that waited for it to be free.
 *
 * @returns `moved`; the folder that has it checked out; null when the branch does not wait for this commit.
 */
export async function bringBranch(
  repo: Repo,
  branch: string,
  commit: string,
): Promise<"moved" | { worktree: string } | null> {
  const { tip, worktree } = await branchState(repo, branch);
  if (tip === null || !(await isWaiting(repo, branch, tip, commit))) return null;
  if (worktree !== null) return { worktree };
  return git(repo.root, ["update-ref", `refs/heads/${branch}`, commit, tip]).then(
    () => "moved" as const,
    () => null,
  );
}

/** The folder that has a branch checked out; null: none has. */
export async function worktreeOf(repo: Repo, branch: string): Promise<string | null> {
  return (await branchState(repo, branch)).worktree;
}

/**
 * Makes a branch of its own out of a few commits on top of `base`.
 *
 * Doing it twice changes nothing. A branch of that name is replaced only when all its commits were made here and are
 * untouched since.
 *
 * @param trailer the line, such as `Whetstone-Review: nov21`, that each message ends with; it tells our commits.
 * @returns the branch's new tip.
 * @throws UserError when the branch holds somebody else's commits, is checked out, or cannot have that name.
 */
export async function recordReview(
  repo: Repo,
  branch: string,
  base: string,
  commits: readonly Omit<NewCommit, "parent">[],
  trailer: string,
): Promise<string> {
  const { tip: old, worktree } = await branchState(repo, branch);
  let tip = base;
  for (const commit of commits)
    tip = await recordCandidate(repo, `refs/whetstone/review/${branch}`, { ...commit, parent: tip });
  if (tip === old) return tip;
  if (old !== null && !(await isOurs(repo, base, old, trailer)))
    throw new UserError(
      `the branch ${branch} holds commits that are not Whetstone's`,
      `keep them under another name: git branch -m ${branch} ${branch}-mine`,
    );
  if (worktree !== null)
    throw new UserError(
      `the branch ${branch} is checked out in ${worktree} and cannot be replaced there`,
      switchAway(worktree),
    );
  const ref = `refs/heads/${branch}`;
  for (let attempt = 0; ; attempt++) {
    try {
      await git(repo.root, ["update-ref", ref, tip, old ?? "0".repeat(tip.length)]);
      return tip;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      if (attempt === 0 && (await clearStaleLock(join(repo.gitDir, `${ref}.lock`)))) continue;
      throw (
        branchInTheWay(error, branch) ??
        new RunFailed(
          `git could not write the branch ${branch}: ${error.message}`,
          "`whet finalize` goes on from here",
        )
      );
    }
  }
}

/** The branches below a name, without it: `a` for `<prefix>/a`. */
export async function branchesBelow(repo: Repo, prefix: string): Promise<string[]> {
  const lines = await git(repo.root, ["for-each-ref", "--format=%(refname)", `refs/heads/${prefix}/`]);
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.slice(`refs/heads/${prefix}/`.length));
}

/** Whether all commits above the base carry the trailer and are as they were made: an amended one has another date. */
async function isOurs(repo: Repo, base: string, tip: string, trailer: string): Promise<boolean> {
  const log = await git(repo.root, [
    ...[
      "log",
      "--no-show-signature",
      "--format=%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x01",
      `${base}..${tip}`,
    ],
  ]);
  const commits = log.split("\u0001").slice(0, -1);
  return commits.every((commit) => {
    const [an, ae, at, cn, ce, ct, body = ""] = commit.replace(/^\n/, "").split("\0");
    return an === cn && ae === ce && at === ct && body.split("\n").includes(trailer);
  });
}

/** What to type where a branch is checked out. */
export function switchAway(worktree: string): string {
  return `switch to another branch there first: git -C "${worktree}" switch -`;
}

/** Where a branch is, and the folder that has it checked out (null: none has). */
export async function branchState(
  repo: Repo,
  branch: string,
): Promise<{ tip: string | null; worktree: string | null }> {
  const ref = `refs/heads/${branch}`;
  const lines = await git(repo.root, [
    "for-each-ref",
    "--format=%(refname)%00%(objectname)%00%(worktreepath)",
    ref,
  ]);
  for (const line of lines.split("\n")) {
    const [name, tip, worktree] = line.split("\0");
    if (name === ref && tip) return { tip, worktree: worktree || null };
  }
  return { tip: null, worktree: null };
}

/**
 * One `git fast-import` makes blobs, trees, commit and reference. A branch only goes forward (git refuses otherwise);
 * a reference below refs/whetstone/ is overwritten.
 */
async function fastImport(repo: Repo, ref: string, commit: NewCommit): Promise<string> {
  const changes = pathsInTree(repo, commit);
  const who = await identity(repo);
  const own = ref.startsWith("refs/whetstone/");
  // The stream is made of lines: a name with a line feed could say anything to git.
  if (/[\s\p{Cc}]/u.test(ref)) throw new Error(`no reference can be called ${JSON.stringify(ref)}`);
  const parts: (string | Buffer)[] = [];
  if (own) parts.push(`reset ${ref}\nfrom ${commit.parent}\n\n`);
  const date = `${Math.floor(commit.when / 1000)} +0000`;
  parts.push(
    `commit ${ref}\nmark :1\nauthor ${who} ${date}\ncommitter ${who} ${date}\n`,
    data(commit.message),
  );
  parts.push(`from ${commit.parent}\n`);
  // What it is now is asked before it is changed: an executable file stays one, and a new script becomes one.
  const asked = ["feature done\n", ...changes.map(([path]) => `ls ${commit.parent} ${quote(path)}\n`)];
  const rest = (answers: readonly string[]): Buffer => {
    const all = [...parts];
    for (const [index, [path, text]] of changes.entries()) {
      const answer = answers[index] ?? "";
      const isProgram = answer.startsWith("missing") ? isScript(text ?? "") : answer.startsWith("100755 ");
      const mode = isProgram ? "100755" : "100644";
      if (text === null) all.push(`D ${quote(path)}\n`);
      else all.push(`M ${mode} inline ${quote(path)}\n`, data(text));
    }
    all.push("\nget-mark :1\n", "done\n");
    return Buffer.concat(all.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  };
  const args = ["fast-import", "--quiet", "--date-format=raw", "--cat-blob-fd=1"];
  if (own) args.push("--force");
  for (let attempt = 0; ; attempt++) {
    try {
      const said = await gitDialogue(repo.root, args, asked.join(""), changes.length, rest);
      return said.trim().split("\n").at(-1) as string;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      await removeCrashReport(repo.gitDir, error.message);
      if (attempt === 0 && (await clearStaleLock(join(repo.gitDir, `${ref}.lock`)))) continue;
      const other = branchInTheWay(error, ref.replace("refs/heads/", ""));
      if (other) throw other;
      throw new RunFailed(
        `git could not store a commit: ${error.message}`,
        "check that the repository is writable and the disk is not full; `whet run` goes on from here",
      );
    }
  }
}

/** Milliseconds after which a lock of a reference is left over from a kill: a living git holds it for a few. */
export const lockLife = 1_500;

/** Waits for a lock to go, or to be old enough to be removed; false when there is none. */
export async function clearStaleLock(lock: string): Promise<boolean> {
  let found = false;
  for (let look = 0; look < 100; look++) {
    const info = await lstat(lock).catch(() => null);
    if (!info) return found;
    found = true;
    if (Math.abs(Date.now() - info.mtimeMs) >= lockLife) {
      await rm(lock, { force: true });
      return true;
    }
    await sleep(50);
  }
  return false;
}

/**
 * The changes with their paths as seen from the root.
 *
 * @throws Error for a path that no candidate may have; the commit's lines are made of these paths.
 */
function pathsInTree(repo: Repo, commit: NewCommit): [string, string | null][] {
  return Object.entries(commit.changes).map(([path, text]) => {
    const fault = pathFault(path);
    if (fault) throw new Error(`${JSON.stringify(path)} cannot be committed: ${fault}`);
    return [posix.join(repo.labPath, path), text];
  });
}

const identityCache = new Map<string, Promise<string>>();

/** Whom commits are by, as `name <address>`: the user of this repository; asked once in a process. */
export function identity(repo: Repo): Promise<string> {
  const known = identityCache.get(repo.root);
  if (known) return known;
  const asked = git(repo.root, ["config", "-z", "--get-regexp", "^user\\.(name|email)$"], userConfig());
  const found = asked
    .catch(() => "")
    .then((listing) => {
      const said = { name: "", email: "" };
      // The last one counts, as for git itself.
      for (const entry of listing.split("\0")) {
        const [, key, value = ""] = /^user\.(name|email)\n([\s\S]*)$/.exec(entry) ?? [];
        if (key === "name" || key === "email") said[key] = value.trim().replace(/[<>\n]/g, "");
      }
      return `${said.name || "Whetstone"} <${said.email || "whetstone@localhost"}>`;
    });
  identityCache.set(repo.root, found);
  return found;
}

/** Takes whom the commits of this process are by as it was found out before. */
export function rememberIdentity(repo: Repo, who: string): void {
  if (/^[^<>\n]+ <[^<>\n]*>$/.test(who)) identityCache.set(repo.root, Promise.resolve(who));
}

/** Reading a name is the one thing for which the user's own configuration counts. */
function userConfig() {
  const own = join(homedir(), ".gitconfig");
  const other = join(process.env.XDG_CONFIG_HOME || join(homedir(), ".config"), "git", "config");
  return { env: { GIT_CONFIG_GLOBAL: process.env.GIT_CONFIG_GLOBAL ?? (existsSync(own) ? own : other) } };
}

function data(content: string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from("\n")]);
}

function quote(path: string): string {
  return `"${path.replace(/["\\]/g, "\\$&")}"`;
}
