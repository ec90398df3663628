import type { Contract } from "../../contract/index.ts";

/** What a failed command met, as far as it is known afterwards. */
export interface HintFacts {
  /** What the command wrote, or the part that was kept: standard output and error. */
  log: string;
  /** Which command of the contract it was. */
  part: "run" | "score" | "setup" | "check";
  /** The command line itself. */
  command: string;
  /** The isolation level under which it ran. */
  level: string;
  /** The signal that ended it, where one did. */
  signal?: string | null;
  contract: Contract;
  host: HostView;
}

/** What the machine outside the sandbox holds: looked up, never changed. */
export interface HostView {
  /** The user's home folder. */
  home: string;
  /** Root of the repository, and the lab's folder relative to it ("" for the root). */
  root: string;
  lab: string;
  /** What lies at an absolute path of the host; null: nothing. */
  kindOf(path: string): "file" | "folder" | null;
  /** Whether the pinned tree holds a path (relative to its root). */
  inTree(path: string): boolean;
  /** Where the user's own PATH finds a command; null: nowhere. */
  commandPath(name: string): string | null;
  hasVariable(name: string): boolean;
  /** Whether the machine shows a GPU. */
  hasGpu(): boolean;
}

/** What would open the way: a key of the contract and the value that it needs. */
export type Opening =
  /** An entry of this list is added. */
  | { key: "inputs" | "write" | "env" | "secrets"; add: string }
  | { key: "tree"; value: "overlay" }
  /** `host:port` is added to the list of where the command may connect to; `true`: everywhere. */
  | { key: "network"; of: "budget" | "score" | "setup"; add: string | true }
  | { key: "gpus"; value: number }
  /** The budget of memory or disk is too small. */
  | { key: "memory" | "disk" }
  /** The command line is replaced. */
  | { key: "run"; value: string };

/** One thing that a command met at a limit of the sandbox, and what mends it. */
export interface GrantHint {
  /** What it met: one sentence without a full stop. */
  what: string;
  /** What opens the way; null where no grant does, and `write` says what to do instead. */
  grant: Opening | null;
  /** What to write in program.md, or to do, as a phrase that follows an arrow. */
  write: string;
}

/** A line of front matter that names one value: quoted only where YAML needs it. */
export function yamlLine(key: string, value: string): string {
  return `${key}: [${plain(value)}]`;
}

/** A YAML scalar within a list in brackets. */
export function plain(value: string): string {
  return /^[~/\w.][\w./@+-]*$/.test(value) && !/^(true|false|yes|no|null|~)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
