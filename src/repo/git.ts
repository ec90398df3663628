import { execFile, spawn } from "node:child_process";
import { UserError } from "../errors.ts";

/**
 * Runs the git binary. Nothing of the user's world can make it run other code: no hooks, no file-system monitor, no
 * system or global configuration, no GIT_* variable of the caller, no prompt, no background maintenance.
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
        if ((error as NodeJS.ErrnoException).code === "ENOENT")
          return reject(new UserError("git is not installed", "install git 2.30 or newer"));
        reject(new GitError(args[0] ?? "", stderr.toString().trim() || error.message));
      },
    );
    // A git that ends early closes the pipe; its exit code says why.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** Git with its output as a stream of bytes. */
export function gitStream(folder: string, args: readonly string[], input: string) {
  const child = spawn("git", [...safeguards, ...args], {
    cwd: folder,
    env: environment(),
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return child;
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
  };
}
