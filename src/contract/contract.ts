import type { MetricSource } from "../metricSources/index.ts";

export type { MetricPreset, MetricSource } from "../metricSources/index.ts";

/** What a person wrote in the front matter of `program.md`, checked and with every default filled in. */
export interface Contract {
  /** One line: what the lab is for. */
  goal: string;
  metric: Metric;
  guards: Guard[];
  /** Globs, relative to the lab folder: the only files that a candidate may touch. */
  change: string[];
  /** The candidate's command, run by `sh -c` in the lab folder inside the sandbox. */
  run: string;
  score?: Score;
  budget: Budget;
  /** Runs once per base, before the baseline; the new files that it leaves become read-only inputs. */
  setup?: Step;
  /** Commands that must exit 0 in the candidate's tree after each of its runs. */
  checks: Step[];
  /**
   * What belongs to the pinned base and is not committed: paths relative to the lab folder (`node_modules`, `data`),
   * absolute paths and paths below the home folder (`~/.cache/x`), globs of all three, and exclusions (`!data/tmp`).
   */
  inputs: string[];
  /** Variables of the run, its checks and the scorer. */
  env: Variable[];
  /** A file of `NAME=value` lines in the lab folder, read on the host. Never shown to a run as a file. */
  envFile?: string;
  /** Variables whose values are never recorded, printed or pinned. */
  secrets: Secret[];
  /** Language models that a run or a scorer may ask through Whetstone, which holds the key. */
  models: ModelGrant[];
  /** Folders of tool caches that outlive a run. */
  caches: CacheGrant[];
  /** `overlay`: a run may write anywhere in its tree, and what it wrote is thrown away. Default `read-only`. */
  tree: "read-only" | "overlay";
  /** A container image (level L3): the candidate runs in it. */
  image?: string;
  /** Unmeasured runs of the untouched code before the baseline; absent: as many as the metric needs. */
  warmup?: number;
  /** Paths in the lab folder that a run may write; emptied before each run. `$OUT` is always writable. */
  write: string[];
  /** Rungs below the last, cheapest first; the last is `run` itself. */
  stages: Stage[];
  holdout?: Holdout;
  /** What happens when the kept gains and the holdout or the guards drift apart. */
  onDivergence: "warn" | "stop";
  /** Share of the evaluation time that goes to the built-in search, for comparison: 0 to 0.9. */
  control?: number;
  session: SessionLimits;
  /** Who proposes; several: the budget goes where gain per cost is best, beginning with their shares. */
  researchers: ResearcherChoice[];
  briefing: BriefingChoice;
  stuck: Stuck;
  decision: DecisionChoice;
  isolation: "best" | "required";
  parallel: number;
}

export type Direction = "minimize" | "maximize";

/**
 * What Whetstone itself can measure of a run: seconds of wall or CPU time, bytes of peak memory (of the machine or of
 * its GPUs), bytes of a path.
 */
export type Clock =
  | { kind: "wall" }
  | { kind: "cpu" }
  | { kind: "memory" }
  | { kind: "gpu-memory" }
  | { kind: "size"; path: string };

export interface Metric {
  name: string;
  direction: Direction;
  unit?: string;
  /** The session ends once an incumbent reaches this value. */
  target?: number;
  /** Improvements smaller than this (in the metric's unit) are not worth keeping. Default 0. */
  minEffect: number;
  /** No honest value is better than this one: what passes it is measured twice over and shown to a person. */
  plausible?: number;
  /** Set when Whetstone measures the metric itself; absent when it is scored or self-reported. */
  clock?: Clock;
  /** Where a tool leaves the value; absent: `name: value` lines and JSON lines of the output. */
  from?: MetricSource;
}

/** A further metric that a kept change must not make worse. */
export interface Guard {
  name: string;
  direction: Direction;
  /** Hard bounds, in the metric's unit. */
  min?: number;
  max?: number;
  /**
   * How much worse than the incumbent is still accepted: a fraction (`relative`) or in units (`absolute`). Default 0;
   * null where a bound was written and no tolerance: then the bound alone counts.
   */
  tolerance: { absolute: number; relative: number } | null;
  clock?: Clock;
  /** Where a tool leaves the value, as for the metric. */
  from?: MetricSource;
}

/** A variable of the environment: its value, or null for the value that it has in the user's environment. */
export interface Variable {
  name: string;
  value: string | null;
}

/** A variable whose value is taken from the user's environment (or the `envFile`) and never recorded. */
export interface Secret {
  name: string;
  /** Who gets it. Default `score`; a run that gets it is labelled. */
  to: "score" | "run";
}

/** A language model that Whetstone's relay answers for, inside the sandbox. */
export interface ModelGrant {
  /** `provider/model`; with a `url` any OpenAI-compatible server. */
  model: string;
  /** Who may ask it. Default: the scorer where there is one, else the run. */
  to: "score" | "run";
  url?: string;
  /** Name of the environment variable that holds the key. Default: the provider's own. */
  key?: string;
  /** Set on every request; absent: what the request says. */
  temperature?: number;
  /** Limits of one evaluation. */
  calls?: number;
  tokens?: number;
  /** US dollars. */
  money?: number;
  /** Limits of the whole session. */
  session: { calls?: number; tokens?: number; money?: number };
  /** True: the same request gets the same answer, for both arms of a pair. */
  cache: boolean;
}

/** A tool's cache that outlives a run. */
export interface CacheGrant {
  /** The variable that tells the tool where its cache is. */
  env: string;
  /** False: each state has a copy of its own, so that no candidate leaves anything to another. */
  shared: boolean;
}

/** Where a run may connect to: nowhere, everywhere, or to these `host:port` alone. */
export type Network = boolean | string[];

export interface Gpus {
  count: number;
  /** Bytes of device memory that each must have. */
  memory?: number;
  kind?: "nvidia" | "amd" | "wsl" | "metal";
}

/** An evaluator that was written for another tool, run by the Python shim that ships with Whetstone. */
export interface ForeignEvaluator {
  kind: "openevolve" | "shinka" | "gepa" | "python";
  /** `evaluator.py`, `module:function` or `file.py:function`, as that tool names it. */
  target: string;
  /** The file of the candidate that the evaluator is given; absent: the only editable Python file. */
  program?: string;
  /** True: the evaluator imports the candidate into its own process, so that its numbers are self-reported. */
  inProcess: boolean;
}

export interface Score {
  /** The trusted scorer, run by `sh -c` in a clean base tree, outside the candidate's reach. */
  command: string;
  /** Set where the scorer is an evaluator of another tool; `command` then starts the shim. */
  evaluator?: ForeignEvaluator;
  network: Network;
  /** True: the scorer talks over a pipe to `run` itself. */
  pipe: boolean;
  /** When set: `run` goes first and leaves artefacts, then the scorer talks to this command. */
  answer?: string;
  /** How many answering processes are started (they cannot see each other). Default 1. */
  copies: number;
  /** Paths in the lab that only the scorer sees. */
  private: string[];
  /** Milliseconds for the whole scoring. Default: the run's budget, at least 60 s. */
  time: number;
}

export interface Budget {
  /** Milliseconds of wall time for one run. Default: 5 minutes. */
  time: number;
  /** Bytes of memory of the whole process tree. */
  memory: number;
  /** Processors the run may use (affinity): how many, or which ones by number (`list`); absent: all. */
  cpus?: number | { list: number[] };
  processes: number;
  /** Bytes of one file. */
  fileSize: number;
  /** Bytes written below the run's writable folders altogether. */
  disk: number;
  /** Bytes of standard output and error together. */
  output: number;
  network: Network;
  gpus?: Gpus;
}

export interface Step {
  command: string;
  /** Milliseconds. */
  time: number;
  network: Network;
}

export interface Stage {
  name: string;
  run: string;
  budget?: Partial<Budget>;
  /** True: candidates are kept, provisionally, on this rung; only the audit is run in full. */
  decides: boolean;
}

export interface Holdout {
  /** The scorer's command on the holdout data. */
  score: string;
  /** Paths that only the holdout scorer sees. */
  private: string[];
  /** How many looks are allowed in all sessions together; absent: no limit. */
  looks?: number;
  /** A third split, which is opened once, by the final audit. */
  sealed?: { score: string; private: string[] };
}

export interface SessionLimits {
  experiments?: number;
  /** Milliseconds. */
  time?: number;
  /** US dollars. */
  money?: number;
  tokens?: number;
}

/**
 * Who proposes. In the contract a string is enough: `search`, `claude`, `command: my-agent --flag`,
 * `acp: gemini --acp`, `model: anthropic/claude-x`; an object adds to it.
 */
export type ResearcherChoice = ResearcherKind & {
  /** For ledger and report; default: what it is. Two of one kind need two names. */
  name: string;
  /** Its part of the proposals before anything is known, relative to the others'. Default 1. */
  share: number;
  /** Prose that its briefing begins with: architect, optimizer, debugger ... */
  role?: string;
};

export type ResearcherKind =
  /** The built-in search, without a model. */
  | { kind: "search"; options: Record<string, unknown> }
  /** A coding agent with a preset. */
  | ({ kind: "agent"; agent: AgentName; model?: string; args: string[] } & AgentBounds)
  /** Any command line that edits files in its working folder; the briefing comes on its standard input. */
  | ({ kind: "command"; command: string } & AgentBounds)
  /** Any agent that speaks the Agent Client Protocol on its standard input and output. */
  | ({ kind: "acp"; command: string } & AgentBounds)
  /** A language model without tools, through its provider's API. */
  | {
      kind: "model";
      /** `provider/model`; with a `url` any OpenAI-compatible server. */
      model: string;
      url?: string;
      /** Name of the environment variable that holds the key. Default: the provider's own. */
      key?: string;
      /** Tokens of one answer. */
      maxOutput: number;
      /** Milliseconds for one answer. */
      time: number;
    };

export type AgentName = "claude" | "codex" | "gemini" | "opencode" | "pi";

export interface AgentBounds {
  /** Milliseconds of one turn. Default 20 minutes. */
  time: number;
  /** Names of environment variables handed to the agent's launcher, besides its provider's key. */
  env: string[];
  /** Hosts that it may reach besides its model's, `name` or `name:port`; an entry `*` means: everything. */
  hosts: string[];
}

export interface BriefingChoice {
  /** Tokens of one briefing, estimated. Default 24,000. */
  tokens: number;
}

/** After how many experiments in a row without a keep the briefing asks for something else. */
export interface Stuck {
  /** Refine near misses. Default 5. */
  refine: number;
  /** Change direction. Default 10. */
  redirect: number;
  /** Go back to an earlier keep, or combine kept ideas. Default 20. */
  rewind: number;
}

export interface DecisionChoice {
  preset: "balanced" | "strict" | "explore" | "quiet" | "expensive";
  /** Single parameters that replace the preset's, by the names in `decision/rule.ts`. */
  parameters: Partial<Record<string, number>>;
}

/** A contract together with where it came from. */
export interface Program {
  contract: Contract;
  /** The Markdown body: instructions for the researcher. */
  instructions: string;
  /** SHA-256 of the whole file, hex. */
  hash: string;
}

/** One thing wrong with a contract, and where. Lines and columns count from 1. */
export interface Problem {
  severity: "error" | "warning";
  line: number;
  column: number;
  /** What is wrong. */
  what: string;
  /** What to write instead. */
  fix: string;
}
