import type { Outcome } from "../../sandbox/index.ts";

/** An agent's command line to be started in the sandbox, with a folder to work in. */
export interface LaunchOrder {
  /** Passed to `sh -c`. */
  command: string;
  /** Host path of the folder that the agent may write. */
  folder: string;
  /** Where in it the command begins, relative. */
  cwd: string;
  /** Names of environment variables that are handed on. */
  env: readonly string[];
  /** Hosts beside those of known models that it may reach. */
  hosts: readonly string[];
  /** Milliseconds; then the whole process tree is gone. */
  time: number;
  onLine: (line: string, stream: "stdout" | "stderr") => void;
}

/** A started agent: two streams of lines, and an end. */
export interface Launched {
  /** Where the agent sees the folder. */
  seen: string;
  write(line: string): void;
  closeStdin(): void;
  /** Ends the whole process tree now. */
  kill(): void;
  readonly done: Promise<Outcome>;
  enforced: string[];
  notEnforced: string[];
}

export type Launcher = (order: LaunchOrder) => Promise<Launched>;
