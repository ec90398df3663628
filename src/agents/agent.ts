import type { TraceEvent, Usage } from "../trace.ts";

/** One turn of an agent: a prompt, a folder to work in, and bounds. */
export interface Turn {
  prompt: string;
  /** Host path of the folder that the agent sees as its project and may write. */
  folder: string;
  /** Where in it the agent begins, relative ("" for its root): the lab. */
  cwd: string;
  /** Host paths outside of the folder that links in it lead to: shown read-only, where they are. */
  linked?: readonly string[];
  /** Milliseconds of wall time; then the whole process tree is gone. */
  time: number;
  /** Milliseconds without any event after which it counts as hanging; absent: only `time` counts. */
  idle?: number;
  /** US dollars and tokens that this turn may still spend; handed on where the agent has such a limit, watched elsewhere. */
  dollars?: number;
  tokens?: number;
  signal?: AbortSignal;
  /** Called with each event as it comes. */
  onEvent?: (event: TraceEvent) => void;
  /** An MCP server that the agent may use: Streamable HTTP on loopback with a bearer token. */
  mcp?: { name: string; url: string; token: string };
}

/**
 * How a turn ended. `done`: exit code 0 and a good final event, where the agent has one. Whether anything came of it is
 * for the harvest to say.
 */
export type TurnEnding =
  | "done"
  | "failed" // it said so itself, or its exit code does
  | "timeout" // cut off at its time
  | "idle" // cut off: no event for too long
  | "asked" // it wanted an answer from a person: cut off
  | "limit" // out of turns, tokens or money
  | "rate" // the model's provider refuses for now
  | "outage" // the model cannot be reached, or fails
  | "auth" // key missing or refused: trying again is no use
  | "cancelled"
  | "start"; // could not be started at all

export interface TurnResult {
  ending: TurnEnding;
  /** A sentence for a person when `ending` is not `done`. */
  message: string;
  /** What the agent said last. */
  text: string;
  events: TraceEvent[];
  usage: Usage;
  /** Everything it printed, as it came (each stream at most 16 MiB, the middle cut out). */
  raw: string;
  wallMs: number;
  /** For `rate` and `outage`: when to come again, milliseconds, if the provider says so. */
  retryAfterMs: number | null;
  /** What was enforced upon the agent's process, and what not; one sentence each. */
  enforced: string[];
  notEnforced: string[];
}

/** A coding agent behind one of the adapters. */
export interface Agent {
  /** For ledger and report: `claude`, `codex`, `command`, `acp`. */
  readonly name: string;
  /** Whether it says what a turn costs; absent: that depends on its model. */
  readonly reports?: { tokens: boolean; dollars: boolean };
  turn(turn: Turn): Promise<TurnResult>;
}
