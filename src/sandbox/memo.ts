import { createHash } from "node:crypto";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { readNote, writeNote } from "../seal.ts";
import type { Isolation } from "./sandbox.ts";
import type { Tools } from "./tools.ts";

/** What was found by trying, for the next process. */
export interface Findings {
  tools: Tools;
  isolation: Isolation;
}

/** Milliseconds; then it is tried again, whatever seems to be the same. */
const lifetime = 3_600_000;

/** Programs on whose doing the findings rest. */
const programs = ["bwrap", "unshare", "setpriv", "prlimit", "taskset", "getconf", "sh", "bash"];
/** What else decides whether a namespace can be made, and what is seen from within. */
const settings = [
  "/proc/sys/kernel/random/boot_id",
  "/proc/sys/kernel/unprivileged_userns_clone",
  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
  "/proc/sys/user/max_user_namespaces",
  "/proc/sys/user/max_pid_namespaces",
];
const namespaces = ["user", "mnt", "pid", "net", "ipc", "cgroup"];

/**
 * Findings of an earlier process, if nothing that they rest on has changed since: the same boot, the same programs, the
 * same settings of the kernel, the same rights and namespaces of this process, and not long ago.
 */
export async function recalled(file: string, asked: string): Promise<Findings | null> {
  const text = await readNote(file);
  if (text === null) return null;
  try {
    const memo = JSON.parse(text) as Findings & { key: string; at: number };
    const age = Date.now() - memo.at;
    if (memo.key !== ground(asked) || age < 0 || age > lifetime) return null;
    return { tools: memo.tools, isolation: memo.isolation };
  } catch {
    return null;
  }
}

/** Failing to write costs the next process its time, and nothing else. */
export async function remember(file: string, asked: string, findings: Findings): Promise<void> {
  const text = JSON.stringify({ key: ground(asked), at: Date.now(), ...findings });
  await writeNote(file, text).catch(() => {});
}

function ground(asked: string): string {
  const path = process.env.PATH ?? "/usr/bin:/bin";
  const facts: unknown[] = [asked, process.platform, release(), process.getuid?.(), path, tmpdir()];
  // The findings are in the words of this very code.
  facts.push(import.meta.url, identity(new URL(import.meta.url).pathname));
  for (const program of programs)
    facts.push(
      path
        .split(":")
        .map((folder) => identity(join(folder, program)))
        .find((found) => found !== null) ?? null,
    );
  for (const setting of settings) facts.push(read(() => readFileSync(setting, "utf8")));
  for (const name of namespaces) facts.push(read(() => readlinkSync(`/proc/self/ns/${name}`)));
  facts.push(
    read(() => readFileSync("/proc/self/status", "utf8"))?.match(/^(Cap\w+|NoNewPrivs|Seccomp):.*$/gm) ??
      null,
  );
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

function identity(file: string): string | null {
  return read(() => {
    const { size, mtimeMs, ctimeMs, ino, mode } = statSync(file);
    return [file, size, mtimeMs, ctimeMs, ino, mode].join(" ");
  });
}

function read(look: () => string): string | null {
  try {
    return look();
  } catch {
    return null;
  }
}
