import type { Direction } from "../printed.ts";

/** What a folder tells about its lab-to-be; every fact with where it was found. */
export interface Detected {
  /** An existing program.md without front matter: its prose stays. */
  hasProse: boolean;
  /** True when program.md already has front matter. */
  isLab: boolean;
  metric?: Fact;
  direction?: Fact<Direction>;
  /** The tool whose output or files hold the metric, by the name that `metric.from` knows. */
  source?: Fact;
  /** Globs, separated by commas. */
  change?: Fact;
  run?: Fact;
  score?: Fact;
  /** An evaluator of another tool, which is the scorer and needs no `run`. */
  evaluator?: Fact<{ kind: "openevolve" | "shinka"; file: string }>;
  checks?: Fact;
  budget?: Fact;
  /** Further limits, where the defaults are known to be too small. */
  limits?: Fact<Record<string, string>>;
  /** Limits of a session. */
  session?: Fact<Record<string, string>>;
  inputs?: Fact<string[]>;
  /** A file with the instructions that another tool's agent was given; they go below the contract. */
  instructions?: Fact;
  /** What Whetstone itself measures as the metric, as the contract's `clock` has it: `size dist`. */
  clock?: Fact;
  /** Folders that the run writes, besides $OUT. */
  write?: Fact<string[]>;
  /** A command that may serve as a check, once it is said what it writes. */
  build?: Fact;
  /** What a person should know and do. */
  notes: string[];
}

export interface Fact<Value = string> {
  value: Value;
  from: string;
}

/** What the machine has, besides the folder. */
export interface Machine {
  /** The user's home folder. */
  home: string;
  /** Whether something lies at an absolute path. */
  has(path: string): boolean;
  /** Whether the user's PATH holds a command. */
  hasCommand(name: string): boolean;
  /** How many GPUs a run could be given. */
  gpus: number;
}

/** How a folder is looked at: names at its top, texts of files ("" where there is none). */
export interface Folder {
  names: string[];
  machine: Machine;
  has(name: string): boolean;
  read(path: string): Promise<string>;
  list(path: string): Promise<string[]>;
  /** Whether a path below the folder leads to something. */
  exists(path: string): boolean;
}

/** Looks for one layout and fills in what it tells. Facts that are there already stay. */
export type Layout = (folder: Folder, found: Detected) => Promise<void>;

/** A layout of another tool, which is the whole folder's where it is there. @returns whether it is. */
export type ToolLayout = (folder: Folder, found: Detected) => Promise<boolean>;

/** Files that a command may start. */
export const program = /\.(m?[jt]s|c[jt]s|py)$/;

export function duration(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
