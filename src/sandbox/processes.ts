import { readdirSync, readFileSync, statfsSync, statSync } from "node:fs";

/** What /proc says of a run's processes at one moment. */
export interface TreeSample {
  processes: number;
  /** Resident bytes; what several share is in it several times. */
  bytes: number;
  /** The folder of each in a /proc. */
  folders: string[];
  /** The folder of the process with the highest number; null when nothing is left. */
  newest: string | null;
  /** User and system time, children waited for included, milliseconds. */
  cpuMs: number;
}

/** One process at one moment. */
export interface ProcessFacts {
  pid: number;
  parent: number;
  /** Its folder in a /proc. */
  folder: string;
  /** Pages of memory that are resident. */
  pages: number;
  /** Hundredths of a second of processor time, children waited for included. */
  ticks: number;
}

/** What a /proc tells of one process; null when it is gone or a zombie. */
export function readProcess(proc: string, pid: number): ProcessFacts | null {
  const folder = `${proc}/${pid}`;
  const fields = statFields(folder);
  if (!fields) return null;
  const shown = fields[0] === "Z" ? livingThread(folder, fields) : { folder, fields };
  if (!shown) return null;
  const ticks = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  const pages = Number(shown.fields[21]);
  return { pid, parent: Number(fields[1]), folder: shown.folder, pages, ticks };
}

/**
 * Whoever ends the first thread of a process makes it look like a zombie without memory and files, which the other
 * threads still have: one of those shows them.
 */
function livingThread(process: string, fields: readonly string[]) {
  if (!(Number(fields[17]) > 1)) return null;
  for (const thread of listed(`${process}/task`)) {
    const folder = `${process}/task/${thread}`;
    const own = statFields(folder);
    if (own && own[0] !== "Z" && own[0] !== "X") return { folder, fields: own };
  }
  return null;
}

/** The same of several; those that are gone are left out. */
export function readAll(proc: string, numbers: readonly number[]): ProcessFacts[] {
  return numbers.map((pid) => readProcess(proc, pid)).filter((each) => each !== null);
}

/** The numbers of all processes that a /proc shows. */
export function numbersIn(proc: string): number[] {
  return listed(proc).map(Number).filter(Number.isInteger);
}

/**
 * A process and everything below it, each after its parent. Zombies do not count.
 *
 * @param numbers the processes of this machine to look at.
 */
export function treeOf(root: number, numbers: readonly number[]): ProcessFacts[] {
  const children = new Map<number, ProcessFacts[]>();
  const tree: ProcessFacts[] = [];
  for (const facts of readAll("/proc", numbers)) {
    if (facts.pid === root) tree.push(facts);
    else if (!children.get(facts.parent)?.push(facts)) children.set(facts.parent, [facts]);
  }
  // A parent that is a zombie has no children any more: the kernel gave them to another process before.
  for (const { pid } of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
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
  return summed(readAll("/proc", numbersIn("/proc").filter(belongs)), [], pageSize);
}

/**
 * What processes have together.
 *
 * @param launchers those among them whose numbers are of another namespace than the numbers of the rest.
 */
export function summed(
  rest: readonly ProcessFacts[],
  launchers: readonly ProcessFacts[],
  pageSize: number,
): TreeSample {
  let [pages, ticks] = [0, 0];
  let newest: ProcessFacts | null = null;
  const found = [...launchers, ...rest];
  for (const each of found) {
    pages += each.pages;
    ticks += each.ticks;
  }
  for (const each of rest) if (newest === null || each.pid > newest.pid) newest = each;
  return {
    processes: found.length,
    folders: found.map(({ folder }) => folder),
    bytes: pages * pageSize,
    newest: newest?.folder ?? null,
    // The unit of /proc is fixed at 100 ticks a second on every Linux.
    cpuMs: ticks * 10,
  };
}

/**
 * Bytes in the file systems in memory that a process has of its own at these absolute paths; 0 when it is gone. Until
 * bubblewrap has changed the root, its process still sees the host's, which hold what others left there.
 *
 * @param process its folder in a /proc.
 */
export function tempBytes(process: string, folders: readonly string[]): number {
  let total = 0;
  for (const folder of folders) {
    try {
      const own = `${process}/root${folder}`;
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
    for (const pid of numbersIn("/proc")) {
      if (pid === process.pid) continue;
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(marker)) continue;
        if (readProcess("/proc", pid) === null) continue;
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

/** The fields of a process's or thread's `stat` after the name: state, parent, ... */
function statFields(folder: string): string[] | null {
  try {
    const stat = readFileSync(`${folder}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
