import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A pipe of the kernel's between this process and a child. */
export interface Pipe {
  /** Our end. */
  stream: Socket;
  /** The child's end, to be put into its descriptors and closed here once it has started. */
  theirs: number;
}

/** Pipes that are made at once: to start `mkfifo` for each would cost every run a few milliseconds. */
const batch = 24;
/** Descriptors of pipes that nobody has used yet. */
const unused: number[] = [];
let possible = process.platform === "linux";

/**
 * A pipe for a child's standard stream. Node itself gives a child sockets, and the kernel refuses to open a socket anew
 * (ENXIO), so that `tee /dev/stderr` and `open("/dev/stdin")` would fail. Each pipe is new: nothing that one child left in
 * it can reach another.
 *
 * @param ours what this process does with it.
 * @returns null where the system has no such pipes; then Node's own serve.
 */
export function openPipe(ours: "read" | "write"): Pipe | null {
  const pipe = unused.pop() ?? makePipes();
  if (pipe === null) return null;
  // Only a description of its own can be blocking for the child and not for us; `pipe` keeps both openings from waiting.
  const at = `/proc/self/fd/${pipe}`;
  const opened: number[] = [];
  try {
    const open = (flags: number) => {
      const fd = openSync(at, flags);
      opened.push(fd);
      return fd;
    };
    const reads = ours === "read";
    const theirs = open(reads ? constants.O_WRONLY : constants.O_RDONLY);
    const fd = open((reads ? constants.O_RDONLY : constants.O_WRONLY) | constants.O_NONBLOCK);
    return { stream: new Socket({ fd, readable: reads, writable: !reads }), theirs };
  } catch {
    for (const fd of opened) closeSync(fd);
    possible = false;
    return null;
  } finally {
    closeSync(pipe);
  }
}

/** Makes named pipes, opens them and takes their names away at once, so that nothing of them lies anywhere. */
function makePipes(): number | null {
  if (!possible) return null;
  const folder = mkdtempSync(join(tmpdir(), "whet-pipes-"));
  try {
    const names = Array.from({ length: batch }, (_, index) => join(folder, String(index)));
    execFileSync("mkfifo", ["-m", "600", ...names], { stdio: "ignore", env: { PATH: process.env.PATH } });
    for (const name of names) unused.push(openSync(name, constants.O_RDWR | constants.O_NONBLOCK));
  } catch {
    possible = false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return unused.pop() ?? null;
}
