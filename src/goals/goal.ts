import type { CriterionChannel } from "../ledger/index.ts";
/** A goal: what a person (or another program) wants to be true, and how it is seen whether it is. */
export interface Goal {
  title: string;
  /** The goal in prose: the Markdown below the front matter. */
  text: string;
  /** A group of goals of one kind, for transfer: `csv-cleaning`. Default: the file's folder. */
  family: string;
  criteria: Criterion[];
  /** Files (relative to the goal file) that the working folder begins with; empty: the repository's committed state. */
  files: string[];
  /** Untracked paths of the project, such as `node_modules`, that tasks and checks can read. */
  inputs: string[];
  /** Names of tools that agents may use; empty: all that are built in, except `fetch`. */
  tools: string[];
  /** Names of agents (agents/*.md) or of researchers' kinds (`claude`, `command: ...`, `model: ...`). */
  agents: string[];
  /** Who judges rubric items: `provider/model`; absent: no rubric item can be scored. */
  judge?: string;
  /** The built-in agent's model, and that of agents whose file names none: `provider/model`. */
  model?: string;
  /** Who makes plans: `provider/model`; absent: `model`, and without either a plan is one task. */
  planner?: string;
  /** Servers that speak OpenAI's chat completions: the provider in `provider/model` -> address, variable of the key. */
  servers: Record<string, { url: string; key?: string }>;
  /**
   * MCP servers that the built-in agent may use, by name: an address, or a command that is started in the sandbox for each
   * turn, without a network unless it is granted.
   */
  mcp: Record<string, { url: string } | { command: string; network?: boolean }>;
  /** Globs of files that no task may change: what the checks themselves consist of. */
  protect: string[];
  /** Paths (as checks have them) that only checks get: no working copy holds them, no task may make them. */
  hidden: string[];
  /** No planner is asked: the goal is one task. */
  single?: true;
  limits: GoalLimits;
  /** From which score (0 to 100) on the goal is met. Default 80. */
  threshold: number;
}

/**
 * One thing that must be true. Weights are relative; of a hidden one nobody who works on the goal is told before it was
 * missed.
 */
export type Criterion = { name: string; weight: number; hidden?: boolean } & (
  | { kind: "command"; command: string /** Milliseconds. */; time: number }
  /** A file exists and, where given, holds or matches something. */
  | { kind: "file"; path: string; contains?: string; matches?: string; json?: unknown }
  /** The final text of the agents holds or matches something. */
  | { kind: "output"; contains?: string; matches?: string }
  /** In words, for the judge. */
  | { kind: "rubric"; text: string }
);

export interface GoalLimits {
  /** Default 50. */
  iterations: number;
  /** Milliseconds of the whole goal. */
  time?: number;
  tokens?: number;
  dollars?: number;
  /** Milliseconds of one task. */
  taskTime: number;
  /** Tasks at the same time. Default 4. */
  parallel: number;
}

/** How one criterion fared. */
export interface CriterionResult {
  criterion: string;
  kind: Criterion["kind"];
  weight: number;
  /** 0 to 100. */
  score: number;
  explanation: string;
  met: string[];
  missed: string[];
  suggestions: string[];
  /** Who judged; null for a check. */
  judge: string | null;
  /** Files by which a check judges that are the work's own: it made them, or changed what was there before. */
  own: { made: string[]; changed: string[] };
  channel: CriterionChannel;
}

/** One step of a plan: one turn of one agent. */
export interface Task {
  /** Unique in its plan: `t1`. */
  key: string;
  title: string;
  description: string;
  /** Names of tools that it needs. */
  tools: string[];
  dependsOn: string[];
}

export interface Plan {
  tasks: Task[];
}
