import type { Server } from "node:net";
import type { Gpu } from "./gpu/gpu.ts";
import type { Neighbours } from "./neighbours.ts";

/**
 * `L0`: process group and limits. `L2`: bubblewrap. `L3`: the candidate's commands in containers of podman or docker, all
 * others as at L2. `macos`: sandbox-exec.
 */
export type Level = "L0" | "L2" | "L3" | "macos";

/** Whether a level shows a command a file system of its own, which it cannot change but where it is let. */
export function isWalled(level: Level): boolean {
  return level === "L2" || level === "L3";
}

/** One command to be run under a budget. Nothing is inherited: neither environment nor descriptors. */
export interface Order {
  /** Passed to `sh -c`, or an argument list that is executed as it is. */
  command: string | readonly string[];
  /** Host path of the folder that the command sees as its tree. */
  tree: string;
  /** Working directory, relative to the tree ("" for its root). */
  cwd: string;
  /** True: the tree itself may be written (setup only). Default false. */
  treeWritable?: boolean;
  /** A layer over the tree that takes what the command writes there. */
  overlay?: Overlay;
  /** Host folders shown at other places of the tree, or at an absolute path. */
  mounts: Mount[];
  /** Paths (relative to the tree) that the command must not see. */
  hidden: string[];
  /** The whole environment besides PATH, HOME, TMPDIR and LANG, which the sandbox sets. */
  env: Record<string, string>;
  /**
   * True: the command must not know of others that run at the same time. At L2 it is refused what would tell it, locks on
   * files that both see among it. Default false.
   */
  apart?: boolean;
  /** True: a command of the candidate's, which runs in the contract's image at L3. Default false. */
  inImage?: boolean;
  /** True: memory is a metric, so that it is counted as exactly as the machine can. Default false. */
  weighMemory?: boolean;
  limits: Limits;
  /** The GPUs that the command may use; all others are hidden where the level can hide them. */
  gpus?: readonly Gpu[];
  /** The one way out of its network, where it has one. */
  door?: Door;
  /**
   * Absent: empty. `"pipe"`: the caller writes lines through the handle. `"ours"`: the command has the three standard
   * streams of this process, through a pseudo-terminal where they are a terminal; nothing of what it prints is kept, and
   * `onLine` hears nothing.
   */
  stdin?: "pipe" | "ours";
  /** Called with each complete line of output as it comes; longer lines are cut at `lineLimit`. */
  onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Characters of one line. Default 64 Ki. */
  lineLimit?: number;
  signal?: AbortSignal;
}

/**
 * A host folder or file made visible to a command.
 * `at`: a path relative to the tree ("" replaces the tree itself), `{ env: NAME }`: the sandbox chooses the place and
 * says it in that variable, `{ home }`: a path below the command's own home folder, or `{ path }`: an absolute path,
 * which only L2 can give it; elsewhere it stays where it is.
 */
export interface Mount {
  host: string;
  at: string | { env: string } | { home: string } | { path: string };
  writable: boolean;
  /** True: it outlives the command, so that only what the command adds counts as written by it. */
  lasting?: boolean;
  /** Paths below it that the command must not see, links not followed. At L0 they are seen. */
  hidden?: readonly string[];
}

export interface Limits {
  /** Milliseconds of wall time; at the deadline the whole tree is gone. */
  time: number;
  /** Bytes of the whole process tree; see `Outcome.peakBytes`. */
  memory: number;
  processes: number;
  /** Bytes of one file. */
  fileSize: number;
  /** Bytes below all writable mounts together. */
  disk: number;
  /** Bytes of output. */
  output: number;
  /** Processors: how many, or which ones (`list`); absent: all. */
  cpus?: number | { list: number[] };
  /** False: none; true: the host's; a list: these `host:port` alone, through a proxy on loopback. */
  network: boolean | readonly string[];
  /** GPUs that the command wants: how many, with so many bytes of memory each, of one kind. */
  gpus?: { count: number; memory?: number; kind?: Gpu["kind"] };
}

/** How a command ended. `ok` is exit code 0 within every limit. */
export type Ending =
  | "ok"
  | "exit" // non-zero exit code
  | "signal" // killed by a signal that was not ours
  | "timeout"
  | "memory"
  | "processes"
  | "cpus"
  | "disk"
  | "output"
  | "cancelled"
  | "start"; // could not be started at all

export interface Outcome {
  ending: Ending;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** From start to exit of the command itself, milliseconds. */
  wallMs: number;
  /** User and system time of the tree, milliseconds; partly sampled, so the last 25 ms may be missing. */
  cpuMs: number;
  /**
   * Highest sampled memory of the tree, bytes: private and shared memory, each page once, and files in memory; pages of
   * files on disk do not count, since the kernel can drop them.
   */
  peakBytes: number;
  /** Highest sampled memory of its GPUs, bytes; null where it has none or nothing measures them. */
  gpuPeakBytes: number | null;
  /** First and last part of the output, each at most 1 MiB; `stdoutCut` says that something between is missing. */
  stdout: string;
  stderr: string;
  stdoutCut: boolean;
  /** What else the machine did meanwhile; null where the system does not say. */
  machine: Neighbours | null;
  /** A sentence for a person when `ending` is not `ok`. */
  message: string;
}

/** A started command. */
export interface Running {
  /** Writes one line (a newline is added) to standard input when the order said `stdin: "pipe"`. */
  write(line: string): void;
  closeStdin(): void;
  /** Ends the whole tree now. */
  kill(): void;
  /**
   * Stops all of its processes until what it gives back is called; null when they do not come to rest. Linux, and a level
   * with a process namespace of its own.
   */
  hold(): Promise<(() => void) | null>;
  readonly done: Promise<Outcome>;
}

/** What a level does and does not enforce on this machine, found by doing. */
export interface Isolation {
  level: Level;
  enforced: string[];
  /** Limits kept by polling: short bursts can pass. */
  watched: string[];
  notEnforced: string[];
  /** How memory that is a metric is counted; absent in records of before, which summed up resident sizes. */
  memory?: "control group" | "shares";
  /**
   * Whether a session's runs had a writable layer over the tree; absent where its contract wants none, and in records of
   * before.
   */
  layer?: boolean;
  /** What was tried and what was seen, one sentence each. */
  evidence: string[];
  /** The engine and the image, at L3. */
  container?: ContainerFacts;
}

/** In what the candidate's commands run at L3. */
export interface ContainerFacts {
  engine: "podman" | "docker";
  version: string;
  /** Whether the engine does without rights of root. */
  rootless: boolean;
  /** The image as the contract names it, and its number: a hash over what it holds. */
  image: string;
  number: string;
  /** Milliseconds that an empty command took, from the start of the container to its end. */
  startMs: number;
}

export interface Sandbox {
  readonly isolation: Isolation;
  /** Host folders of which nothing is shown but what an order names. */
  readonly keptOut: readonly string[];
  start(order: Order): Running;
}

/**
 * A writable layer over a tree: what a command writes, changes or removes there lands in `upper`, and the tree itself
 * stays as it is.
 */
export interface Overlay {
  /** An empty host folder on the file system of the tree. */
  upper: string;
  /** Another one, for the kernel's own use. */
  work: string;
}

/**
 * The one way out of a command's network: a port of its own loopback, whose connections Whetstone takes. At L2 nothing
 * else is there, and nobody but the command is; elsewhere it is a port of the machine's loopback.
 */
export interface Door {
  /** Where the command finds it: `127.0.0.1` and this port. */
  readonly port: number;
  /** The listening socket: for the `listen` of the server that answers. */
  readonly socket: Server;
  /** True: no other process of the machine can connect. */
  readonly isPrivate: boolean;
  /** The namespaces that the command is put into, as descriptors of this process; null: there are none of its own. */
  readonly namespaces: { net: number; user: number } | null;
  /** Ends it; the command must be gone by then. */
  close(): void;
}
