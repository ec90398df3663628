import { rm } from "node:fs/promises";
import { join, posix } from "node:path";
import { UserError } from "../errors.ts";
import { GitError, git } from "./git.ts";
import { branchTip, type Repo } from "./repo.ts";

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
 * Doing it twice gives the same commit, so an interrupted keep is simply repeated.
 *
 * @throws UserError when somebody else has moved the branch, or has it checked out.
 */
export async function recordKeep(repo: Repo, branch: string, commit: NewCommit): Promise<string> {
  const tip = await branchTip(repo, branch);
  // The commit is made under a name of its own first: only then can its id be compared with the branch.
  const staged = `refs/whetstone/keep/${branch}`;
  const id = await fastImport(repo, staged, commit);
  if (tip === id) return id;
  if (tip !== null && tip !== commit.parent)
    throw new UserError(
      `the branch ${branch} was moved by somebody else (it is at ${tip.slice(0, 10)}, the session left it at ${commit.parent.slice(0, 10)})`,
      `put it back with: git branch -f ${branch} ${commit.parent.slice(0, 10)}`,
    );
  await refuseCheckedOut(repo, branch);
  await updateRef(repo, `refs/heads/${branch}`, id, tip);
  return id;
}

/** A branch checked out somewhere would be moved under its owner's feet: the files would look changed. */
async function refuseCheckedOut(repo: Repo, branch: string): Promise<void> {
  const list = await git(repo.root, ["worktree", "list", "--porcelain"]);
  if (list.split("\n").includes(`branch refs/heads/${branch}`))
    throw new UserError(
      `the branch ${branch} is checked out; a session cannot move it there`,
      "switch to your own branch first (git switch -)",
    );
}

async function updateRef(repo: Repo, ref: string, to: string, from: string | null): Promise<void> {
  const args = ["update-ref", ref, to, from ?? "0".repeat(to.length)];
  try {
    await git(repo.root, args);
  } catch (error) {
    if (!(error instanceof GitError) || !error.message.includes(".lock")) throw error;
    // Only the process that holds the session writes this ref: a lock that is there is left over from a kill.
    await rm(join(repo.gitDir, `${ref}.lock`), { force: true });
    await git(repo.root, args);
  }
}

/** One `git fast-import` makes blobs, trees, commit and reference; the ref is overwritten. */
async function fastImport(repo: Repo, ref: string, commit: NewCommit): Promise<string> {
  const who = await identity(repo);
  const parts: (string | Buffer)[] = ["feature done\n", `reset ${ref}\nfrom ${commit.parent}\n\n`];
  const date = `${Math.floor(commit.when / 1000)} +0000`;
  parts.push(
    `commit ${ref}\nmark :1\nauthor ${who} ${date}\ncommitter ${who} ${date}\n`,
    data(commit.message),
  );
  parts.push(`from ${commit.parent}\n`);
  for (const [path, text] of Object.entries(commit.changes)) {
    const name = quote(posix.join(repo.labPath, path));
    if (text === null) parts.push(`D ${name}\n`);
    else
      parts.push(`M ${(await modeOf(repo, commit.parent, path)) ?? "100644"} inline ${name}\n`, data(text));
  }
  parts.push("\nget-mark :1\n", "done\n");
  const input = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const run = () =>
    git(repo.root, ["fast-import", "--quiet", "--force", "--date-format=raw", "--cat-blob-fd=1"], { input });
  try {
    return (await run()).trim().split("\n").at(-1) as string;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (/lock/.test(error.message)) {
      await rm(join(repo.gitDir, `${ref}.lock`), { force: true });
      return (await run()).trim().split("\n").at(-1) as string;
    }
    throw new UserError(
      `git could not store a commit: ${error.message}`,
      "check that the repository is writable and the disk is not full; `whet run` goes on from here",
    );
  }
}

/** An executable file stays one; asked only for trees that have any. */
async function modeOf(repo: Repo, commit: string, path: string): Promise<string | null> {
  const executables = await executablesOf(repo, commit);
  return executables.has(posix.join(repo.labPath, path)) ? "100755" : null;
}

const executableCache = new Map<string, Promise<Set<string>>>();

function executablesOf(repo: Repo, commit: string): Promise<Set<string>> {
  // Candidates change contents, never modes: the first commit asked about speaks for its successors.
  const key = repo.root;
  const known = executableCache.get(key);
  if (known) return known;
  const found = git(repo.root, ["ls-tree", "-r", "-z", "--full-tree", commit]).then(
    (listing) =>
      new Set(
        listing
          .split("\0")
          .filter((line) => line.startsWith("100755"))
          .map((line) => line.slice(line.indexOf("\t") + 1)),
      ),
  );
  executableCache.set(key, found);
  return found;
}

const identityCache = new Map<string, Promise<string>>();

function identity(repo: Repo): Promise<string> {
  const known = identityCache.get(repo.root);
  if (known) return known;
  const ask = (key: string) =>
    git(repo.root, ["config", "--get", key], userConfig()).then(
      (value) => value.trim().replace(/[<>\n]/g, ""),
      () => "",
    );
  const found = Promise.all([ask("user.name"), ask("user.email")]).then(
    ([name, email]) => `${name || "Whetstone"} <${email || "whetstone@localhost"}>`,
  );
  identityCache.set(repo.root, found);
  return found;
}

/** Reading a name is the one thing for which the user's own configuration counts. */
function userConfig() {
  return {
    env: { GIT_CONFIG_GLOBAL: process.env.GIT_CONFIG_GLOBAL ?? `${process.env.HOME ?? ""}/.gitconfig` },
  };
}

function data(content: string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from("\n")]);
}

function quote(path: string): string {
  return `"${path.replace(/["\\]/g, "\\$&")}"`;
}
