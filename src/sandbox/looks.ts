import { closeSync, openSync, statSync } from "node:fs";
import { numbersIn, readAll, summed, type TreeSample, treeOf } from "./processes.ts";

/** Looks at the processes of one run, time and again. */
export interface Looks {
  /** @param root the process that was started. Linux only; elsewhere null. */
  look(root: number): TreeSample | null;
  end(): void;
}

/**
 * The /proc of this machine shows every process of it, and tells whose child each is only by reading them all. A run
 * with a process namespace has a /proc that shows its own processes alone: once that is mounted, a look costs no more
 * than the run itself has processes. It also shows those whose parents have ended.
 *
 * @param ownProc true: the run gets such a /proc and cannot change it.
 */
export function openLooks(pageSize: number, ownProc: boolean): Looks {
  let namespace: Namespace | null = null;
  return {
    look(root) {
      if (process.platform !== "linux") return null;
      if (ownProc) namespace ??= findNamespace(root);
      if (!namespace) return summed(treeOf(root, numbersIn("/proc")), [], pageSize);
      const proc = opened(namespace.descriptor);
      return summed(readAll(proc, numbersIn(proc)), readAll("/proc", namespace.launchers), pageSize);
    },
    end() {
      if (namespace) closeSync(namespace.descriptor);
      namespace = null;
    },
  };
}

interface Namespace {
  /** Of its /proc: a path through its first process would lead elsewhere when that process is gone. */
  descriptor: number;
  /** The launchers outside of it, by their numbers on this machine. */
  launchers: number[];
}

/**
 * Goes down from the process that was started to the first one that lives in another namespace and sees that one's
 * /proc: a launcher, since a launcher has made both before anything of the run begins. Null while it has not.
 */
function findNamespace(root: number): Namespace | null {
  // Children have higher numbers than their parents until the numbers begin anew: then every look is at all processes.
  const tree = treeOf(
    root,
    numbersIn("/proc").filter((pid) => pid >= root),
  );
  const launchers: number[] = [];
  for (const { pid } of tree) {
    const descriptor = openOwnProc(pid);
    if (descriptor !== null) return { descriptor, launchers };
    launchers.push(pid);
  }
  return null;
}

/** Opens the /proc that a process sees, if that is the one of the process's own namespace, and not of ours. */
function openOwnProc(pid: number): number | null {
  let descriptor: number | null = null;
  try {
    const own = statSync(`/proc/${pid}/ns/pid`).ino;
    if (own === statSync("/proc/self/ns/pid").ino) return null;
    descriptor = openSync(`/proc/${pid}/root/proc`, "r");
    // Bubblewrap's process sees this machine's /proc until it has changed its root.
    if (statSync(`${opened(descriptor)}/1/ns/pid`).ino === own) return descriptor;
  } catch {
    // It ended meanwhile, has no /proc yet, or is not ours to look into.
  }
  if (descriptor !== null) closeSync(descriptor);
  return null;
}

function opened(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
