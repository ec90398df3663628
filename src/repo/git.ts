import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";

/**
 * Runs the git binary. Nothing of the user's world can make it run other code: no hooks, no file-system monitor, no
 * system or global configuration, no GIT_* variable of the caller, no prompt, no background maintenance, no fetch of
 * missing objects. (Clean filters are switched off by name where a command would run them: see `withoutFilters`.)
 * Therefore repositories of another owner are no danger here and are read as well (`safe.directory`).
 *
 * @throws UserError when git cannot be started, GitError when it fails.
 */
export async function git(
  folder: string,
  args: readonly string[],
  options: { input?: string | Buffer; env?: Record<string, string> } = {},
): Promise<string> {
  return (await gitBytes(folder, args, options)).toString("utf8");
}

export async function gitBytes(
  folder: string,
  args: readonly string[],
  options: { input?: string | Buffer; env?: Record<string, string> } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      "git",
      [...safeguards, ...args],
      { cwd: folder, env: { ...environment(), ...options.env }, encoding: "buffer", maxBuffer: 2 ** 30 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        reject(
          notStarted(folder, error as NodeJS.ErrnoException) ??
            new GitError(args[0] ?? "", stderr.toString().trim() || error.message),
        );
      },
    );
    // A git that ends early closes the pipe; its exit code says why.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/**
 * One git that answers questions before it is told the rest: `asked` is written, and what `rest` makes of the lines
 * that come back follows.
 *
 * @param lines how many lines the questions are answered with.
 * @returns everything that it said after the answers.
 * @throws UserError, GitError as `git` does.
 */
export async function gitDialogue(
  folder: string,
  args: readonly string[],
  asked: string,
  lines: number,
  rest: (answers: readonly string[]) => Buffer,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    let complaint = "";
    let answered = false;
    let fault: unknown = null;
    const child = spawn("git", [...safeguards, ...args], { cwd: folder, env: environment() });
    const goOn = () => {
      const parts = said.split("\n");
      if (answered || parts.length <= lines) return;
      answered = true;
      said = parts.slice(lines).join("\n");
      try {
        child.stdin.end(rest(parts.slice(0, lines)));
      } catch (error) {
        fault = error;
        child.kill();
      }
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      goOn();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    // A git that ends early closes the pipe; its exit code says why.
    child.stdin.on("error", () => {});
    child.on("error", (error: NodeJS.ErrnoException) => reject(notStarted(folder, error) ?? error));
    child.on("close", (code) => {
      if (fault !== null) reject(fault);
      else if (code === 0 && answered) resolve(said);
      else reject(new GitError(args[0] ?? "", complaint.trim() || `ended with ${code}`));
    });
    child.stdin.write(asked);
    goOn();
  });
}

/** Git with its output as a stream of bytes. */
export function gitStream(folder: string, args: readonly string[], input: string) {
  const child = spawn("git", [...safeguards, ...args], {
    cwd: folder,
    env: environment(),
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.on("error", (error) => child.stdout.destroy(error));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return child;
}

/**
 * Settings that switch off every filter the repository knows (Git LFS and the like): `git status` would otherwise run
 * their clean commands on files that look changed.
 */
export async function withoutFilters(folder: string): Promise<Record<string, string>> {
  const names = await git(folder, ["config", "-z", "--name-only", "--get-regexp", "^filter\\."]).catch(
    (error: unknown) => {
      // Exit code 1 without a word: there are none.
      if (error instanceof GitError) return "";
      throw error;
    },
  );
  const settings: Record<string, string> = {};
  let count = 0;
  for (const name of new Set(names.split("\0"))) {
    if (!/\.(clean|smudge|process|required)$/.test(name)) continue;
    settings[`GIT_CONFIG_KEY_${count}`] = name;
    settings[`GIT_CONFIG_VALUE_${count}`] = name.endsWith(".required") ? "false" : "";
    count++;
  }
  return { ...settings, GIT_CONFIG_COUNT: String(count) };
}

function notStarted(folder: string, error: NodeJS.ErrnoException): UserError | null {
  if (error.code !== "ENOENT") return null;
  return existsSync(folder)
    ? new UserError("git is not installed", "install git 2.31 or newer")
    : new UserError(`the folder ${folder} does not exist`);
}

/** Removes the report that a failed `git fast-import` leaves in the git directory. */
export async function removeCrashReport(gitDir: string, message: string): Promise<void> {
  const report = /fast_import_crash_\d+/.exec(message)?.[0];
  if (report) await rm(join(gitDir, report), { force: true }).catch(() => {});
}

export class GitError extends Error {
  constructor(command: string, message: string) {
    super(`git ${command}: ${message}`);
    this.name = "GitError";
  }
}

const safeguards = [
  ...["-c", "core.hooksPath=/dev/null"],
  ...["-c", "core.fsmonitor=false"],
  ...["-c", "core.attributesFile=/dev/null"],
  ...["-c", "gc.auto=0"],
  ...["-c", "maintenance.auto=false"],
  ...["-c", "core.quotePath=false"],
  // A few objects become loose ones, whatever the repository prefers: a pack per experiment would pile up.
  ...["-c", "fastimport.unpackLimit=100"],
  ...["-c", "safe.directory=*"],
];

function environment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR"]) if (process.env[name]) kept[name] = process.env[name];
  return {
    ...kept,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_LITERAL_PATHSPECS: "1",
    // A missing object of a partial clone would be fetched, through a command that the repository names.
    GIT_NO_LAZY_FETCH: "1",
    GIT_ALLOW_PROTOCOL: "none",
    // For reflogs only. Left to itself, git asks the name service for this machine's domain.
    GIT_COMMITTER_NAME: "Whetstone",
    GIT_COMMITTER_EMAIL: "whetstone@localhost",
  };
}
