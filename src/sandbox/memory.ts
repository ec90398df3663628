import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/** Bytes of memory that processes have mapped, each page counted once however many share it. */
export interface Mapped {
  /** Private memory, what was swapped out included. */
  own: number;
  /** Shared memory: of System V, of memory files, of file systems in memory. */
  shared: number;
}

/**
 * What the processes hold by their proportional shares (PSS; smaps_rollup of proc(5), Linux 5.4). Pages of files are not
 * counted: the kernel can drop them whenever it needs room.
 *
 * @param processes the folder of each in a /proc.
 * @returns null when the kernel does not tell it of one that still runs; then only resident sizes are known.
 */
export function mappedMemory(processes: readonly string[]): Mapped | null {
  const total: Mapped = { own: 0, shared: 0 };
  for (const folder of processes) {
    try {
      const share = mappedIn(readFileSync(`${folder}/smaps_rollup`, "latin1"));
      if (share === null) return null;
      total.own += share.own;
      total.shared += share.shared;
    } catch (error) {
      // ESRCH: it ended meanwhile. What may not be read, or is not there at all, leaves the sum unknown.
      if (!["ESRCH", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "") || !hasRollup())
        return null;
    }
  }
  return total;
}

/** The sums of one smaps_rollup; null when it is older than Linux 5.4. An empty one is of a process that has ended. */
export function mappedIn(text: string): Mapped | null {
  if (text === "") return { own: 0, shared: 0 };
  const bytes = (name: string) => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
    return found === undefined ? null : Number(found) * 1024;
  };
  const [own, shared, swapped] = [bytes("Pss_Anon"), bytes("Pss_Shmem"), bytes("SwapPss")];
  return own === null || shared === null ? null : { own: own + (swapped ?? 0), shared };
}

let rollup: boolean | null = null;
function hasRollup(): boolean {
  rollup ??= statSync("/proc/self/smaps_rollup", { throwIfNoEntry: false }) !== undefined;
  return rollup;
}

/** What open files hold that have no name, and so are found in no folder. */
export interface Nameless {
  /** Bytes of files in memory (memfd). */
  memory: number;
  /** Bytes of removed files on disk. */
  disk: number;
}

/**
 * Looks through the open files of processes: about 10 µs for each.
 *
 * @param processes the folder of each in a /proc.
 * @param devices numbers of the file systems on which removed files count as disk.
 */
export function namelessFiles(processes: readonly string[], devices: ReadonlySet<number>): Nameless {
  const seen = new Set<string>();
  const total: Nameless = { memory: 0, disk: 0 };
  for (const folder of processes) {
    for (const fd of listed(`${folder}/fd`)) {
      const path = `${folder}/fd/${fd}`;
      try {
        const name = readlinkSync(path);
        if (!name.endsWith(" (deleted)")) continue;
        const { dev, ino, nlink, blocks } = statSync(path);
        if (nlink > 0 || seen.has(`${dev} ${ino}`)) continue;
        seen.add(`${dev} ${ino}`);
        if (name.startsWith("/memfd:")) total.memory += 512 * blocks;
        else if (devices.has(dev)) total.disk += 512 * blocks;
      } catch {
        // It was closed meanwhile, or the process has ended.
      }
    }
  }
  return total;
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
