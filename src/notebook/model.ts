import type { Channel, Direction } from "../contract/index.ts";
import type { Transfer } from "../decision/index.ts";
import type { ContainerFacts, Level } from "../sandbox/index.ts";
import type { TraceEvent } from "../trace.ts";

/** A session as plain data: everything that a report says, and nothing that must be looked up. */
export interface Notebook {
  lab: string;
  goal: string;
  tag: string;
  branch: string;
  /** The commit that the session started from. */
  base: string;
  metric: ReportMetric;
  channel: Channel;
  isolation: ReportIsolation;
  grade: Grade;
  /** What the contract grants the run and the scorer. */
  grants: ReportGrant[];
  /** What the session has spent on each granted model. */
  models: ModelSpent[];
  /** Where the agents were that drove (`whet try`); all zero and empty where none did. */
  drivers: ReportDrivers;
  /** Milliseconds since the epoch. */
  started: number;
  /** Null while the session runs or can go on. */
  ended: number | null;
  stopReason: string | null;
  /** The process that works on the session now; null when none does. */
  process: number | null;
  preset: string;
  deterministic: boolean;
  /** Standard deviation of one run, in the metric's unit; null before the noise was measured. */
  sigma: number | null;
  /** `peakBytes`: highest of its runs, null when unknown. */
  baseline: { values: number[]; mean: number; peakBytes: number | null };
  /** `experiment` is null while the baseline is still the best. */
  best: { value: number; experiment: number | null };
  /** By number, oldest first; a screen may hold only every keep and the newest. */
  experiments: Row[];
  /** Of all experiments, also those that are not in `experiments`. */
  tally: Counts;
  audit: AuditResult | null;
  /** What each kept change is worth in the final state; null before `whet finalize`. */
  finalized: Parts | null;
  /**
   * How many of the keeps that stand are expected to be chance: the sum of what each lacks to certainty in `pReal`. Null
   * where the evaluator is deterministic or nothing was kept.
   */
  expectedFalseKeeps: number | null;
  /** The cumulative head start given to simplifications, in the metric's unit. */
  allowance: number;
  /** What else the machine did during the session's runs. */
  machine: ReportMachine;
  /** Runs of all arms and purposes. */
  evaluations: number;
  /** Milliseconds that those runs took together. */
  evaluationMs: number;
  /** Keeps that are in doubt until a person has reviewed them, by number. */
  waiting: number[];
  /** True: a person wants no new experiment for now. */
  paused: boolean;
  /** Why kept gains may not be what they seem; null when nothing speaks for it. */
  alarm: string | null;
  /** What each rung of the ladder cost, cheapest first, the deciding one last; empty without a ladder. */
  ladder: LadderRung[];
  /** What each researcher brought, by cost; one entry when there is one researcher. */
  arms: Arm[];
  /** This session and those whose keeps it measured again, newest first. */
  epochs: Epoch[];
}

export interface LadderRung {
  /** "full" for the last one. */
  stage: string;
  runs: number;
  ms: number;
  /** How gains on this rung went over to the next one; null below three candidates that climbed. */
  transfer: Transfer | null;
}

export interface Arm {
  researcher: string;
  experiments: number;
  keeps: number;
  /** Milliseconds of evaluation. */
  ms: number;
  /** Sum over its keeps of probability times effect, in the metric's unit: for comparison only. */
  expectedGain: number;
  /** What asking it cost; absent for one that costs nothing. */
  cost?: ArmCost;
}

/** What the turns of an agent or a model came to: sums of what it said, and how many turns did not say. */
export interface ArmCost {
  turns: number;
  /** Turns that came to no experiment. */
  fruitless: number;
  /** Null: no turn said. */
  tokensIn: number | null;
  tokensOut: number | null;
  dollars: number | null;
  unknownTokens: number;
  unknownDollars: number;
  /** Expected gain for a dollar, in the metric's unit; null where not every turn said what it cost. */
  gainPerDollar: number | null;
}

export interface Epoch {
  epoch: number;
  tag: string;
  baseline: number | null;
  /** The audited gain with its interval; null when there was no audit. */
  audited: { effect: number; interval: [number, number] } | null;
}

/** One of a lab's sessions in a list. */
export interface SessionLine {
  tag: string;
  /** Milliseconds since the epoch. */
  began: number;
  experiments: number;
  keeps: number;
  metric: ReportMetric;
  /** The audited gain with its interval; null when there was no audit. */
  audited: { effect: number; interval: [number, number] } | null;
  /** Why it ended; null while a process works on it, or when it was killed. */
  stopReason: string | null;
  /** The process that works on it now; null when none does. */
  process: number | null;
}

export interface ReportMetric {
  name: string;
  direction: Direction;
  unit?: string;
  /** Where its value is read, in words; absent where it is measured, or on lines of the output. */
  from?: string;
}

export interface ReportIsolation {
  level: Level;
  enforced: string[];
  watched: string[];
  notEnforced: string[];
  /** The engine and the image, at L3. */
  container?: ContainerFacts;
}

/** The machine during a session, as far as the system tells it: shares between 0 and 1. */
export interface ReportMachine {
  /** Whether the metric or a guard depends on how busy the machine is. */
  timed: boolean;
  /** Whether the runs are bound to certain processors. */
  pinned: boolean;
  /** Of the processors' time, what other work used: over all runs, and in the worst one. Null: not known. */
  others: { mean: number; worst: number } | null;
  /** The same of what the hypervisor gave to other machines. */
  steal: { mean: number; worst: number } | null;
  /** Change of unchanged code's value in an hour, in the metric's unit, when it is beyond noise. */
  drift: { perHour: number; p: number } | null;
}

/** How far a session can be trusted, and why not further. */
export interface Grade {
  letter: "A" | "B" | "C" | "D";
  reasons: string[];
}

/** What a contract grants, to whom, and what that opens. */
export interface ReportGrant {
  grant: string;
  opens: string;
}

/** What a session has spent on one granted model, failed calls and audits included. */
export interface ModelSpent {
  model: string;
  asker: "run" | "score";
  calls: number;
  tokens: number;
  /** US dollars at list price; null where no price is known. */
  dollars: number | null;
  /** The session's limits of this model. */
  limits: { calls?: number; tokens?: number; money?: number };
}

/** What the runs of one experiment used of its grants, without looks at a holdout. */
export interface RowUse {
  models: {
    model: string;
    asker: "run" | "score";
    calls: number;
    /** Of the calls, those that an earlier answer served. */
    cached: number;
    failed: number;
    /** Requests that a limit kept back. */
    refused: number;
    tokens: number;
    /** US dollars paid, at list price; null where no price is known. */
    dollars: number | null;
  }[];
  /** Connections by `host:port`. */
  reached: Record<string, number>;
  refused: Record<string, number>;
}

/** Agents that drove: freely, with the user's rights, or each in a sandbox of its own. */
export interface ReportDrivers {
  /** Experiments of an agent that had the user's rights. */
  free: number;
  boxes: {
    level: string;
    /** The program that was started in it. */
    program: string;
    enforced: string[];
    notEnforced: string[];
    granted: string[];
    experiments: number;
  }[];
}

/** A fresh interleaved comparison of the baseline with the final state. */
export interface AuditResult {
  /** Pairs run. */
  n: number;
  baselineMean: number;
  finalMean: number;
  /** In the metric's unit, positive is better. */
  effect: number;
  /** 95 % interval of the effect. */
  interval: [number, number];
  /** Effect as a fraction of the baseline's magnitude. */
  relative: number;
}

/** In the metric's unit, positive is better, with its 95 % interval. */
export interface Estimate {
  effect: number;
  interval: [number, number];
}

/** The parts of a final state, measured one by one at the end. */
export interface Parts {
  /** Every kept change that the final state holds, in the order in which they were kept. */
  changes: Part[];
  /** The final state without what is not shown to carry weight; null when there is nothing to take out. */
  lean: Lean | null;
}

export interface Part {
  experiment: number;
  what: string;
  /** As it was kept: measured while choosing, which flatters it. */
  kept: Estimate | null;
  /** What was taken out to measure it: itself, and the later changes of the same lines that cannot stay without it. */
  together: number[];
  /** Final state minus final state without these; null where that could not be measured. */
  contribution: Estimate | null;
  /**
   * `needed`: without it a run, a check or a guard fails. `worse`: the final state is better without it. `entangled`: it
   * does not come off. `not measured`: not yet.
   */
  verdict: "carries weight" | "needed" | "not shown" | "worse" | "entangled" | "not measured";
  /** What more there is to say of the verdict; empty when it says it all. */
  reason: string;
  /** The changes measured together with it on the untouched code, itself among them; empty when that was not done. */
  group: number[];
  /** That group against the untouched code; null when it failed. */
  alone: Estimate | null;
  /** Why the group does not work on the untouched code; null when it does. */
  aloneFailure: string | null;
}

export interface Lean {
  /** Experiments taken out, and those that are left. */
  removed: number[];
  left: number[];
  /** Against the final state, and against the untouched code. */
  againstFinal: Estimate;
  againstBaseline: Estimate;
}

/** What `whet finalize` found and made. */
export interface Finalized extends Parts {
  lab: string;
  tag: string;
  /** The commit that the branches start from. */
  base: string;
  metric: ReportMetric;
  channel: Channel;
  level: string;
  deterministic: boolean;
  /** Standard deviation of one run, in the metric's unit; 0 when deterministic. */
  sigma: number;
  /** Pairs of each comparison. */
  pairs: number;
  /** Baseline against final: the one number to quote. */
  audit: AuditResult;
  /** The third split; null where there is none. */
  sealed: Sealed | null;
  branches: ReviewBranch[];
  /** Whatever a person should know besides, one sentence each. */
  notes: string[];
}

/** The third split: opened once, by one final state. */
export interface Sealed {
  /** The session that opened it. */
  openedBy: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Null when another state, or another session, has opened it before. */
  result: {
    baselineMean: number;
    finalMean: number;
    effect: number;
    interval: [number, number];
  } | null;
}

export interface ReviewBranch {
  name: string;
  /** Its tip. */
  commit: string;
  /** The changes that it holds. */
  experiments: number[];
}

/**
 * How an experiment was decided. Without a decision: `running` while a process works on its session, else `open`, and
 * the next run finishes it.
 */
export type RowStatus = "keep" | "discard" | "crash" | "timeout" | "invalid" | Undecided;
export type Undecided = "running" | "open";

export function isUndecided(status: RowStatus): status is Undecided {
  return status === "running" || status === "open";
}

/** One experiment. */
export interface Row {
  /** 1-based within the session. */
  id: number;
  status: RowStatus;
  what: string;
  mechanism?: string;
  prediction?: string;
  researcher: string;
  /** Mean of the candidate's runs; null when none succeeded. */
  value: number | null;
  /** Improvement over the incumbent in the metric's unit, positive is better. */
  effect: number | null;
  interval: [number, number] | null;
  p: number | null;
  pReal: number | null;
  /** Improvement in standard errors. */
  t: number | null;
  pairs: number;
  runs: number;
  /** Of them, those whose mean `value` is; null where that was not looked up. */
  valueRuns: number | null;
  reason: string;
  commit: string | null;
  added: number;
  removed: number;
  /** Unified diff. */
  diff: string;
  peakBytes: number | null;
  wallMs: number;
  /** What proposing it cost; absent where nobody was asked. Null: some turn did not say. */
  cost?: { turns: number; tokensIn: number | null; tokensOut: number | null; dollars: number | null };
  /** What its runs asked of models and hosts; absent where nothing. */
  used?: RowUse;
  startedAt: number;
  provisional: boolean;
  /** Why a person should look at this keep. */
  doubt: string | null;
  /** What its researcher says of the hypothesis, after the result. */
  verdict?: "confirmed" | "refuted";
  lesson: string | null;
  logTail: string | null;
  failureKind?: string;
}

const failures: readonly RowStatus[] = ["crash", "timeout", "invalid"];

/** Whether an experiment ended without a value that could be judged. */
export function failed(row: Row): boolean {
  return failures.includes(row.status);
}

export interface Counts {
  all: number;
  keeps: number;
  discards: number;
  failures: number;
  /** Without a decision yet. */
  open: number;
}

/** Experiments by outcome. */
export function count(rows: readonly Row[]): Counts {
  return {
    all: rows.length,
    keeps: rows.filter((row) => row.status === "keep").length,
    discards: rows.filter((row) => row.status === "discard").length,
    failures: rows.filter(failed).length,
    open: rows.filter((row) => isUndecided(row.status)).length,
  };
}

/** One exchange with an agent or a model, as `whet trace` shows it. */
export interface ShownTurn {
  id: number;
  researcher: string;
  purpose: string;
  ending: string;
  message: string;
  /** Null is unknown, never zero. */
  tokensIn: number | null;
  tokensOut: number | null;
  tokensCached: number | null;
  dollars: number | null;
  startedAt: number;
  wallMs: number;
  /** What it was told. */
  prompt: string;
  events: TraceEvent[];
}
