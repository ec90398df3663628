import { execFile } from "node:child_process";
import { findGroupPlace, type GroupPlace } from "./groups.ts";
import { allowedProcessors, chosenProcessors } from "./processors.ts";
import type { Limits } from "./sandbox.ts";

/** What the machine offers, found by doing. */
export interface Tools {
  pageSize: number;
  prlimit: boolean;
  taskset: boolean;
  /** `unshare ...` for a namespace of processes that dies with its first process, or null. */
  processNamespace: string[] | null;
  /** Where control groups can be made, or null. */
  groups: GroupPlace | null;
  /** What this machine's bubblewrap can do, found by the canary. */
  bubblewrap: Bubblewrap;
  /** `setpriv ...` for a command that can gain no rights and has none over the system, or null. */
  fewerRights: string[] | null;
}

/** Parts of a bubblewrap sandbox that older versions, kernels or processors do not offer. */
export interface Bubblewrap {
  /** Calls of the kernel are refused by a seccomp filter. */
  filter: boolean;
  /** No user namespace can be made inside (bubblewrap 0.8). */
  noUserNamespaces: boolean;
}

export async function findTools(): Promise<Tools> {
  const linux = process.platform === "linux";
  const [pageSize, prlimit, taskset, processNamespace, fewerRights, groups] = await Promise.all([
    tryOut(["getconf", "PAGE_SIZE"]).then((out) => Number(out) || 4096),
    linux ? works(["prlimit", "--core=0", "true"]) : false,
    linux ? works(["taskset", "-c", "0", "true"]) : false,
    linux ? findNamespace() : null,
    linux ? findFewerRights() : null,
    linux ? findGroupPlace(works) : null,
  ]);
  const bubblewrap = { filter: false, noUserNamespaces: false };
  return { pageSize, prlimit, taskset, processNamespace, bubblewrap, fewerRights, groups };
}

/**
 * The first process of a namespace ignores signals that it does not handle, its own included: a small shell takes that
 * place, so that the command behaves as it would anywhere. As root it also caps the numbers that the namespace can give
 * out (its own pid_max, since Linux 6.14), so that the kernel itself stops a fork bomb; elsewhere the write fails and
 * is passed over.
 */
const firstProcess = [
  "sh",
  "-c",
  '(echo "$1" > /proc/sys/kernel/pid_max) 2>/dev/null; shift; "$@"; exit $?',
  "sh",
];

/** Root needs no user namespace; others get one in which they keep their own number, so that files keep their owner. */
async function findNamespace(): Promise<string[] | null> {
  const user = isRoot ? [] : ["--user", "--map-current-user"];
  for (const extra of [["--ipc", "--mount-proc"], ["--ipc"], []]) {
    const prefix = ["unshare", ...user, "--pid", "--fork", "--kill-child", ...extra];
    const out = await tryOut(["setpriv", "--pdeathsig", "KILL", ...prefix, "sh", "-c", "echo $$"]);
    if (out === "1") return prefix;
  }
  return null;
}

/**
 * No `sudo` and no other setuid program; as root also none of the powers over the machine that ordinary work does not
 * need: unmounting our /proc and so finding every process, typing into a terminal, raising limits, making device nodes.
 */
async function findFewerRights(): Promise<string[] | null> {
  const powers = ["admin", "ptrace", "module", "rawio", "boot", "time", "resource"].map(
    (name) => `-sys_${name}`,
  );
  powers.push("-net_admin", "-mknod", "-linux_immutable");
  const prefix = ["setpriv", "--no-new-privs", ...(isRoot ? ["--bounding-set", powers.join(",")] : [])];
  return (await works([...prefix, "true"])) ? prefix : null;
}

/** Runs what follows as a namespace of processes that is gone with its first; null where that cannot be had. */
export function contain(argv: readonly string[], limits: Limits, tools: Tools): string[] | null {
  if (tools.processNamespace === null) return null;
  // Threads take numbers too, and after the first round the kernel never gives out one below 300 again.
  const highest = 301 + 4 * limits.processes;
  return [
    "setpriv",
    "--pdeathsig",
    "KILL",
    ...tools.processNamespace,
    ...firstProcess,
    String(highest),
    ...argv,
  ];
}

/** Whether a namespace that `contain` makes has a /proc that shows its own processes alone. */
export function hasOwnProc({ processNamespace }: Tools): boolean {
  return processNamespace?.includes("--mount-proc") ?? false;
}

/** The kernel counts processes of a user only for users other than root. */
export const isRoot = process.getuid?.() === 0;

/** Binds what follows to the processors that its budget gives it. */
export function processorPrefix(limits: Limits, tools: Tools): string[] {
  if (limits.cpus === undefined || !tools.taskset) return [];
  return ["taskset", "-c", chosenProcessors(limits.cpus, allowedProcessors()).join(",")];
}

/** Limits that the kernel itself keeps, set before the command begins. */
export function limitPrefix(limits: Limits, tools: Tools): string[] {
  if (!tools.prlimit) return [];
  const prefix = ["prlimit", "--core=0", "--nofile=4096", `--fsize=${limits.fileSize}`];
  // Within a user namespace of its own the count is this run's alone.
  if (!isRoot && tools.processNamespace !== null) prefix.push(`--nproc=${4 * limits.processes}`);
  return prefix;
}

export function commandArgv(command: string | readonly string[]): string[] {
  return typeof command === "string" ? ["sh", "-c", command] : [...command];
}

export async function works(argv: readonly string[]): Promise<boolean> {
  return (await tryOut(argv)) !== null;
}

/** Milliseconds that a probe may take: on a busy machine a start alone can take seconds. */
const patience = 10_000;

/** Output of a command that succeeded in time, trimmed; otherwise null. */
export function tryOut(argv: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" };
    execFile(
      argv[0] as string,
      argv.slice(1),
      { timeout: patience, killSignal: "SIGKILL", env },
      (error, stdout) => resolve(error ? null : stdout.trim()),
    );
  });
}
