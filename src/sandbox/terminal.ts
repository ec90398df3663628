import { accessSync, constants } from "node:fs";
import type { Order } from "./sandbox.ts";

/** util-linux has it everywhere; where a distribution left it out, a command has the terminal without job control. */
const script = "/usr/bin/script";

/**
 * Whether a command is joined to the person's terminal through a pseudo-terminal of its own.
 *
 * The person's terminal itself is never a command's controlling terminal: what could be typed into it (TIOCSTI) would be
 * run by the person's shell after the end of the sandbox. A pseudo-terminal goes with the command, and Ctrl-C, Ctrl-Z and
 * the size of the window reach the command through it.
 */
export function hasOwnTerminal({ stdin }: Order): boolean {
  if (stdin !== "ours" || !process.stdin.isTTY || !process.stdout.isTTY) return false;
  try {
    accessSync(script, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The command line in a new pseudo-terminal; it is gone when this process is. */
export function inTerminal(argv: readonly string[]): string[] {
  const line = `exec ${argv.map(quoted).join(" ")}`;
  return ["setpriv", "--pdeathsig", "KILL", script, "--quiet", "--return", "--command", line, "/dev/null"];
}

/** What `script` and the shell that it starts need besides what a launcher has. */
export function terminalVariables(): Record<string, string> {
  return { SHELL: "/bin/sh", TERM: process.env.TERM ?? "dumb" };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
