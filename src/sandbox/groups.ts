import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";

/** A folder of the kernel's control groups below which a group with a count of memory can be made. */
export interface GroupPlace {
  version: 1 | 2;
  parent: string;
}

/** A control group for one run: everything that its processes hold is counted, whoever holds it and how. */
export interface Group {
  /** Writing `0` there puts the writer and its later children into it. */
  entrance: string;
  /** Bytes now: private and shared memory, files in memory and, as far as it is told, what the kernel keeps for them. */
  used(): number | null;
  /** Whether the kernel has ended a process since there was no room left. */
  overrun(): boolean;
  /** The group goes as soon as its last process is gone. */
  remove(): void;
}

/**
 * Looks for a place by doing: the group that this process is in, or the one above it (with version 2 a group that holds
 * processes can have no groups with counts below).
 *
 * @param works whether a command succeeds.
 */
export async function findGroupPlace(
  works: (argv: readonly string[]) => Promise<boolean>,
  own = read("/proc/self/cgroup") ?? "",
  mountInfo = read("/proc/self/mountinfo") ?? "",
): Promise<GroupPlace | null> {
  for (const place of groupPlaces(own, mountInfo)) {
    removeAbandoned(place);
    const group = openGroup(place, 2 ** 26);
    if (!group) continue;
    const enters = await works(["sh", "-c", 'echo 0 > "$0"', group.entrance]);
    const counts = group.used() !== null;
    group.remove();
    if (enters && counts) return place;
  }
  return null;
}

/**
 * Where groups may be made, the best first.
 *
 * @param own /proc/self/cgroup, lines of `id:controllers:path`.
 * @param mountInfo /proc/self/mountinfo.
 */
export function groupPlaces(own: string, mountInfo: string): GroupPlace[] {
  const places: GroupPlace[] = [];
  for (const line of mountInfo.split("\n")) {
    const [front = "", back = ""] = line.split(" - ");
    const [, , , root = "", at = ""] = front.split(" ");
    const [type, , options = ""] = back.split(" ");
    const version = type === "cgroup2" ? 2 : type === "cgroup" ? 1 : null;
    if (version === null || (version === 1 && !options.split(",").includes("memory"))) continue;
    const path = own
      .split("\n")
      .map((each) => /^\d+:([^:]*):(.*)$/.exec(each))
      .find((each) => (version === 2 ? each?.[1] === "" : each?.[1]?.split(",").includes("memory")))?.[2];
    if (path === undefined) continue;
    const here = posix.join(at, posix.relative(root, path));
    if (!here.startsWith(at)) continue;
    places.push({ version, parent: here });
    if (version === 2 && here !== at) places.push({ version, parent: posix.dirname(here) });
  }
  return places;
}

let made = 0;

/** @param memory bytes at which the kernel itself steps in; null when the group cannot be made. */
export function openGroup({ version, parent }: GroupPlace, memory: number): Group | null {
  const folder = join(parent, `whetstone-${process.pid}-${made++}`);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  const set = (file: string, value: string) => {
    try {
      writeFileSync(join(folder, file), value);
      return true;
    } catch {
      return false;
    }
  };
  const limited = set(version === 2 ? "memory.max" : "memory.limit_in_bytes", String(Math.ceil(memory)));
  if (!limited) {
    removeGroup(folder);
    return null;
  }
  // Without these the kernel swaps, or ends one process and leaves the others: both are seen by looking.
  if (version === 2) {
    set("memory.swap.max", "0");
    set("memory.oom.group", "1");
  }
  return {
    entrance: join(folder, "cgroup.procs"),
    used: () => {
      const stat = read(join(folder, "memory.stat"));
      if (stat === null) return null;
      return version === 2 ? usedOf2(stat) : usedOf1(stat, read(join(folder, "memory.kmem.usage_in_bytes")));
    },
    overrun: () =>
      /^oom_kill [1-9]/m.test(
        read(join(folder, version === 2 ? "memory.events" : "memory.oom_control")) ?? "",
      ),
    remove: () => removeGroup(folder),
  };
}

/**
 * memory.stat of version 2: private memory, files in memory, and what the kernel keeps (pipes, page tables, sockets)
 * but for what it would give back, such as names of files. Null when the controller does not count.
 */
export function usedOf2(stat: string): number | null {
  const value = valuesOf(stat);
  const [own, shared] = [value("anon"), value("shmem")];
  if (own === null || shared === null) return null;
  const kernel = Math.max(0, (value("kernel") ?? 0) - (value("slab_reclaimable") ?? 0));
  return own + shared + kernel + (value("sock") ?? 0);
}

/** Bytes that version 1 may count for the kernel without them counting: names of files are among them. */
const kernelAllowance = 2 ** 26;

/** The same of version 1, which does not tell what the kernel would give back of its own part. */
export function usedOf1(stat: string, kernel: string | null): number | null {
  const value = valuesOf(stat);
  const [own, shared] = [value("total_rss"), value("total_shmem")];
  if (own === null || shared === null) return null;
  const beyond = Math.max(0, Number(kernel ?? 0) - kernelAllowance);
  return own + shared + (value("total_swap") ?? 0) + beyond;
}

function valuesOf(stat: string): (name: string) => number | null {
  const values = new Map(stat.split("\n").map((line) => line.split(" ") as [string, string]));
  return (name) => {
    const value = values.get(name);
    return value === undefined ? null : Number(value);
  };
}

/** Milliseconds between two tries at the most. */
const longestPause = 5_000;

/**
 * Processes that are being torn down hold their group, most for an instant, one in an uninterruptible call for as long as
 * that takes: it is tried again, less and less often, until the group is gone. What this process leaves behind at its own
 * end, the next one removes.
 */
function removeGroup(folder: string, pause = 10): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") return;
    setTimeout(() => removeGroup(folder, Math.min(1.3 * pause, longestPause)), pause).unref();
  }
}

/** Groups of processes that are gone. */
function removeAbandoned({ parent }: GroupPlace): void {
  for (const name of folders(parent)) {
    const pid = Number(/^whetstone-(\d+)-\d+$/.exec(name)?.[1]);
    if (!Number.isInteger(pid) || isRunning(pid)) continue;
    try {
      rmdirSync(join(parent, name));
    } catch {
      // Somebody else's, or still in use.
    }
  }
}

function folders(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
