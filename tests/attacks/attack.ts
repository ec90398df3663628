import type { Evaluation, Place } from "../../src/evaluator/index.ts";
import type { Isolation, Sandbox } from "../../src/sandbox/index.ts";

/**
 * What came of an attack.
 * - blocked: its aim was not reached, and no better value came of it.
 * - detected: the same, and the evaluation is a failure that says why.
 * - not covered: the aim was reached; then what is printed with every session must admit it (`Attack.admits`).
 */
export type Verdict = "blocked" | "detected" | "not covered";

export const groups = ["score forging", "reach", "resources", "statistics"] as const;
export type Group = (typeof groups)[number];

export type AttackedLevel = "L0" | "L2";

/** Text of the candidate's editable files; null deletes one. What is not named stays as the start has it. */
export type CandidateFiles = Readonly<Record<string, string | null>>;

/** What a lab finds outside of its sandbox, made for one bench. */
export interface Outside {
  /** Words in the lab's and the candidate's files, and what stands for them. */
  words: Readonly<Record<string, string>>;
  /** Finds the address of a host. */
  find: (name: string) => Promise<string>;
  /** What reached the servers there. */
  seen: Seen[];
  close(): Promise<void>;
}

/** A request that reached a server outside. */
export interface Seen {
  server: string;
  path: string;
  body: string;
}

/** Where an attack takes place. */
export interface Context {
  level: AttackedLevel;
  /** Absolute path of the lab's repository on the host. */
  folder: string;
  place: Place;
  sandbox: Sandbox;
  /** Null for labs that have no way out. */
  outside: Outside | null;
  /** The attack's runs so far, oldest first. */
  evaluations: readonly Evaluation[];
  /** The last of them. */
  evaluation: Evaluation | null;
  /** Runs another candidate on the next seed, e.g. to see what the attack left behind; it joins `evaluations`. */
  evaluate(files: CandidateFiles): Promise<Evaluation>;
}

export interface Attack {
  /** Fragment of a sentence; goes into the table of docs/security.md. */
  name: string;
  group: Group;
  /** Key of `labs`. */
  lab: string;
  files: CandidateFiles | ((context: Context) => CandidateFiles | Promise<CandidateFiles>);
  /** How often the candidate is run, each time with another seed. Default 1. */
  runs?: number;
  expect: Record<AttackedLevel, Verdict>;
  /** The sentence, printed with every session of the lab at that level, that admits what is not covered. */
  admits?: RegExp;
  /** For aims other than a better value: what was reached, in words, or null. Asked after the last run. */
  harmed?: (context: Context) => string | null | Promise<string | null>;
  /** Whether this machine offers what the attack or its expectation rests on. Default: it does. */
  possible?: (isolation: Isolation) => boolean;
  prepare?: (context: Context) => unknown;
  cleanup?: (context: Context) => unknown;
}

/** An attack at a level, and what came of it. */
export interface Finding {
  attack: Attack;
  level: AttackedLevel;
  verdict: Verdict;
  /** What was seen, for a person. */
  what: string;
  /** The printed sentence that admits it; null when there is none, or none is needed. */
  admitted: string | null;
}
