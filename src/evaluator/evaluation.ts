import type { Channel } from "../contract/index.ts";
import type { Used } from "../relay/index.ts";
import type { Neighbours } from "../sandbox/index.ts";

export type FailureKind =
  | "crash"
  | "timeout"
  | "memory"
  | "processes"
  | "cpus"
  | "disk"
  | "output"
  | "no-metric"
  | "bad-metric"
  | "check"
  | "protocol"
  | "scorer"
  | "model" // a limit of a granted model was met
  | "tampered"
  | "cancelled";

/** One run of one state under the budget: one sample of the metrics, or a failure with its kind. */
export interface Evaluation {
  /** Content hash of the state's editable files. */
  state: string;
  seed: number;
  /** Primary metric, guards and whatever else was reported; empty on failure. */
  metrics: Record<string, number>;
  failure: {
    kind: FailureKind;
    message: string;
    /** What the scorer's output holds instead of the metric: for the person alone, and never recorded. */
    details?: string;
  } | null;
  /** Milliseconds since the epoch. */
  startedAt: number;
  wallMs: number;
  cpuMs: number;
  peakBytes: number;
  exitCode: number | null;
  /**
   * Last lines of what the candidate printed, at most 4 KiB. After a failure of the kind `scorer` those of the scorer
   * instead: for the person, never for whoever proposes.
   */
  logTail: string;
  checks: { command: string; passed: boolean; message: string }[];
  channel: Channel;
  level: string;
  /** Hash of everything that judged this run: contract, base tree, inputs, setup outputs. */
  pins: string;
  /** What else the machine did during the run; null where the system does not say. */
  machine: Neighbours | null;
  /** Highest memory of the run's GPUs, bytes, sampled; null where it has none or nothing measures them. */
  gpuPeakBytes: number | null;
  /** Milliseconds of the whole evaluation, scoring and checks included, once it was its turn: the wait is no cost. */
  spentMs: number;
  /** What it used of its grants; null where none is counted. */
  used: Used | null;
}
