import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import type { Connection, Environment, ProviderName } from "./providers.ts";

/** What one agent needs to be known about it: how it is started, and how its output is read. */
export interface Preset {
  name: string;
  /** A program to be found on the PATH, or a command line for the shell. */
  program: { name: string /** What to do when it is missing. */; install: string } | { shell: string };
  /** Whether it says what a turn costs; absent: that depends on its model. */
  reports?: { tokens: boolean; dollars: boolean };
  /** How it reaches its model, from the user's environment and files. */
  connect(env: Environment, model: string | undefined): Connection;
  /** Files of the user's that it wants in its home, as a copy: path below that -> path on the host. */
  brings?(env: Environment): Record<string, string>;
  /** Its command line, environment and configuration for one turn. */
  plan(setting: Setting): Plan;
  /** A reader of its standard output, for one turn. */
  reader(): Reader;
}

/** What an agent's process finds when it starts; paths and addresses as it sees them. */
export interface Setting {
  /** The APIs of the connection's keys, each with the token to be sent there as a key. None with a login. */
  providers: Reached[];
  /** A folder of its own, empty but for `Plan.files`. */
  home: string;
  model: string | undefined;
  /** True: the sandbox keeps its hands off everything else, so that its own permissions may all be granted. */
  confined: boolean;
  dollars: number | undefined;
  mcp: { name: string; url: string; token: string } | undefined;
}

export interface Reached {
  name: ProviderName;
  base: string;
  token: string;
  /** The variable that holds a key of this kind. */
  variable: string;
}

export interface Plan {
  args: string[];
  env: Record<string, string>;
  /** Path below the home folder -> text. */
  files: Record<string, string>;
}

/** Reads one turn's output, line by line. */
export interface Reader {
  /** What a line of standard output says; null: it is not one of the agent's events. */
  read(line: string, at: number): TraceEvent[] | null;
  /** Called once at the end of the stream: a final event for agents that write none. */
  end(at: number): TraceEvent[];
  /** What it said last. */
  readonly text: string;
  /** What its own words say about an ending that is not good, if anything. */
  readonly sign: TurnEnding | null;
}
