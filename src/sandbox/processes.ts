import { readdirSync, readFileSync, statfsSync, statSync } from "node:fs";

/** What /proc says of a process tree at one moment. */
export interface TreeSample {
  processes: number;
  /** Resident bytes; what several share is in it several times. */
  bytes: number;
  /** Their numbers. */
  pids: number[];
  /** The process with the highest number. */
  newest: number;
  /** User and system time, children waited for included, milliseconds. */
  cpuMs: number;
}

/** A process and everything below it. Zombies do not count. Linux only; elsewhere null. */
export function sampleTree(root: number, pageSize: number): TreeSample | null {
  if (process.platform !== "linux") return null;
  const parents = everyProcess();
  const inside = new Map<number, boolean>([[root, true]]);
  const belongs = (pid: number): boolean => {
    const path: number[] = [];
    let at = pid;
    while (!inside.has(at)) {
      path.push(at);
      const parent = parents.get(at)?.parent ?? 0;
      if (parent <= 1 || path.length > 10_000) {
        inside.set(at, false);
        break;
      }
      at = parent;
    }
    const result = inside.get(at) === true;
    for (const passed of path) inside.set(passed, result);
    return result;
  };
  return sampleOf(parents, belongs, root, pageSize);
}

/**
 * The processes of a container, which are below no process of ours: they are known by their control group, whose path
 * holds the container's number. Linux only; elsewhere null.
 */
export function sampleContainer(number: string, pageSize: number): TreeSample | null {
  if (process.platform !== "linux") return null;
  const belongs = (pid: number) => {
    try {
      const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
      // Podman's own process beside it has a group of a similar name.
      return groups.includes(number) && !groups.includes("conmon");
    } catch {
      return false;
    }
  };
  return sampleOf(everyProcess(), belongs, 0, pageSize);
}

interface ProcessFacts {
  parent: number;
  pages: number;
  ticks: number;
}

function everyProcess(): Map<number, ProcessFacts> {
  const found = new Map<number, ProcessFacts>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const fields = statFields(pid);
    if (!fields || fields[0] === "Z") continue;
    const ticks = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
    found.set(pid, { parent: Number(fields[1]), pages: Number(fields[21]), ticks });
  }
  return found;
}

function sampleOf(
  all: ReadonlyMap<number, ProcessFacts>,
  belongs: (pid: number) => boolean,
  first: number,
  pageSize: number,
): TreeSample {
  const pids: number[] = [];
  let pages = 0;
  let ticks = 0;
  let newest = first;
  for (const [pid, info] of all) {
    if (!belongs(pid)) continue;
    pids.push(pid);
    newest = Math.max(newest, pid);
    pages += info.pages;
    ticks += info.ticks;
  }
  // The unit of /proc is fixed at 100 ticks a second on every Linux.
  return { processes: pids.length, pids, bytes: pages * pageSize, newest, cpuMs: ticks * 10 };
}

/**
 * Bytes in the file systems in memory that a process has of its own at these absolute paths; 0 when it is gone. Until
 * bubblewrap has changed the root, its process still sees the host's, which hold what others left there.
 */
export function tempBytes(pid: number, folders: readonly string[]): number {
  let total = 0;
  for (const folder of folders) {
    try {
      const own = `/proc/${pid}/root${folder}`;
      if (statSync(own).dev === statSync(folder, { throwIfNoEntry: false })?.dev) continue;
      const { type, bsize, blocks, bfree } = statfsSync(own);
      if (type === tmpfs) total += (blocks - bfree) * bsize;
    } catch {
      // It ended meanwhile, or is not ours to look into.
    }
  }
  return total;
}

/** TMPFS_MAGIC of linux/magic.h */
const tmpfs = 0x01021994;

/**
 * Kills every process whose environment carries the marker, again and again until none is left: for systems without
 * process namespaces. One that wiped its environment is not found.
 */
export function sweep(marker: string): number {
  if (process.platform !== "linux") return 0;
  let killed = 0;
  for (let round = 0; round < 50; round++) {
    let found = 0;
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(marker)) continue;
        if (statFields(pid)?.[0] === "Z") continue;
        process.kill(pid, "SIGKILL");
        found++;
      } catch {
        // It ended meanwhile, or is not ours.
      }
    }
    killed += found;
    if (found === 0) break;
  }
  return killed;
}

/** The fields of /proc/PID/stat after the name: state, parent, ... */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
