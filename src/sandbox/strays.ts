import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that a run left behind. */
export interface Stray {
  pid: number;
  command: string;
  /** Whether a run of ours started it, by its environment. Without that sign it may be a shell of the user's. */
  ours: boolean;
}

/**
 * Processes that work in a lab's working folder, or were started for it. Linux only; elsewhere null: not known.
 *
 * @param folder absolute path, e.g. of `.whetstone/work`.
 */
export function straysOf(folder: string): Stray[] | null {
  if (process.platform !== "linux") return null;
  const found: Stray[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      const ours = environment.some((each) => each.startsWith("WHET_RUN="));
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const inside = within(readlinkSync(`/proc/${pid}/cwd`), folder);
      const named = command.includes(folder) || environment.some((each) => each.includes(`=${folder}/`));
      if (command !== "" && (inside || (ours && named))) found.push({ pid, command, ours });
    } catch {
      // It ended meanwhile, or belongs to somebody else.
    }
  }
  return found;
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Kills strays of ours; each is looked at again first, since its number may be another process's by now. */
export function endStrays(folder: string): number {
  let ended = 0;
  for (let round = 0; round < 20; round++) {
    const left = (straysOf(folder) ?? []).filter((stray) => stray.ours);
    if (left.length === 0) break;
    for (const { pid } of left) {
      try {
        process.kill(pid, "SIGKILL");
        ended++;
      } catch {
        // It ended meanwhile.
      }
    }
  }
  return ended;
}
