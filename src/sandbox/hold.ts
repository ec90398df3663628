import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";

/** Milliseconds in which all processes have to come to rest. */
const patience = 5000;

/**
 * Stops every process of the innermost process namespace below a process, until they are let go: what they share with
 * this process can then be read and written without a name in it being exchanged meanwhile.
 *
 * @param root the process that the sandbox was started as.
 * @returns what lets them go; null when they did not come to rest.
 */
export async function holdStill(root: number): Promise<(() => void) | null> {
  const until = performance.now() + patience;
  let before = "";
  for (;;) {
    const found = contained(root);
    // Who waits for a process must not hear that it has stopped: parents are stopped first, and go on last.
    for (const { pid } of found) signal(pid, "SIGSTOP");
    const now = found.map(({ pid }) => pid).join(" ");
    if (now === before && found.every(({ pid }) => isStill(pid))) {
      return () => {
        for (const { pid } of found.toReversed()) signal(pid, "SIGCONT");
      };
    }
    before = now;
    if (performance.now() > until) {
      for (const { pid } of contained(root).toReversed()) signal(pid, "SIGCONT");
      return null;
    }
    await later(2);
  }
}

/** The processes below `root` that are in the deepest namespace of processes, parents before their children. */
function contained(root: number): { pid: number; depth: number }[] {
  const parents = new Map<number, { parent: number; levels: number }>();
  for (const entry of readdirSync("/proc")) {
    const status = /^\d+$/.test(entry) ? read(`/proc/${entry}/status`) : null;
    const parent = Number(/^PPid:\s*(\d+)/m.exec(status ?? "")?.[1] ?? Number.NaN);
    const levels = /^NSpid:\s*(.*)$/m.exec(status ?? "")?.[1]?.split("\t").length ?? 0;
    if (!Number.isNaN(parent)) parents.set(Number(entry), { parent, levels });
  }
  const depthOf = (pid: number): number | null => {
    let depth = 0;
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)?.parent, depth++)
      if (at === root) return depth;
    return null;
  };
  const all = [...parents].flatMap(([pid, { levels }]) => {
    const depth = depthOf(pid);
    return depth === null ? [] : [{ pid, levels, depth }];
  });
  const deepest = Math.max(0, ...all.map(({ levels }) => levels));
  return all.filter(({ levels }) => levels === deepest).sort((a, b) => a.depth - b.depth || a.pid - b.pid);
}

/** Whether no thread of a process runs; its first thread may have ended before the others. */
function isStill(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const stat = read(`/proc/${pid}/task/${thread}/stat`);
      return stat === null || "TtZX".includes(stat[stat.lastIndexOf(")") + 2] ?? "R");
    });
  } catch {
    // It has ended.
    return true;
  }
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
