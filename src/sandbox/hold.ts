import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";

/** Milliseconds in which all processes have to come to rest. */
const patience = 5000;

/**
 * Stops every process in a sandbox until they are let go: what they share with this process can then be read and written
 * without a name in it being exchanged meanwhile. What only holds the sandbox together goes on.
 *
 * @param root the process that the sandbox was started as.
 * @returns what lets them go; null when they did not come to rest.
 */
export async function holdStill(root: number): Promise<(() => void) | null> {
  const until = performance.now() + patience;
  // In the order in which they were first stopped. One that has ended meanwhile is merely not there any more.
  const stopped = new Set<number>();
  const letGo = () => {
    for (const pid of [...stopped].reverse()) signal(pid, "SIGCONT");
  };
  let before = "";
  for (;;) {
    const found = contained(root);
    // Who waits for a process must not hear that it has stopped: parents are stopped first, and go on last.
    for (const pid of found) {
      signal(pid, "SIGSTOP");
      stopped.add(pid);
    }
    const now = found.join(" ");
    if (now === before && found.every(isStill)) return letGo;
    before = now;
    if (performance.now() > until) {
      letGo();
      return null;
    }
    await later(2);
  }
}

/**
 * The processes below `root` that are in another namespace of processes than this process, parents before their children;
 * all of them where none is, as at the very start. Where the sandbox cannot refuse namespaces, a command may have made
 * one within its own: all of them count.
 */
function contained(root: number): number[] {
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
  const ours = parents.get(process.pid)?.levels ?? 1;
  const within = all.filter(({ levels }) => levels > ours);
  return (within.length > 0 ? within : all)
    .sort((a, b) => a.depth - b.depth || a.pid - b.pid)
    .map(({ pid }) => pid);
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
