import type { TurnEnding } from "../agents/index.ts";
import type { Program } from "../contract/index.ts";
import type { Violation } from "../repo/index.ts";
import type { TraceEvent, Usage } from "../trace.ts";

/** What a researcher is told before it proposes. Plain data: it can be stored and replayed. */
export interface Briefing {
  program: Program;
  /** The incumbent's editable files: path relative to the lab -> text. Files that are not valid UTF-8 are left out. */
  files: Record<string, string>;
  /** Everything tried in this lab so far, oldest first. */
  history: readonly PastExperiment[];
  /** The session's seed: the same briefing gives the same proposal. */
  seed: number;
}

export interface PastExperiment {
  id: number;
  hypothesis: Hypothesis;
  /** Whole new texts of the changed files, null for a deleted file. */
  changes: Record<string, string | null>;
  /** The incumbent's files at the time, only those named in `changes`; null where the file did not exist. */
  before: Record<string, string | null>;
  decision: "keep" | "discard" | "crash" | "timeout" | "invalid";
  /** Improvement in the metric's unit, positive is better; null when nothing was measured. */
  effect: number | null;
  /** The same in standard errors: how near a miss it was. */
  t: number | null;
  reason: string;
}

export interface Hypothesis {
  /** What changes, one line. */
  what: string;
  /** Why it should help. */
  mechanism?: string;
  /** What should be seen if it does. */
  prediction?: string;
}

export interface Proposal {
  hypothesis: Hypothesis;
  /** Whole new texts of the changed files (path relative to the lab), null deletes a file. */
  changes: Record<string, string | null>;
}

/** What a researcher gets for one proposal besides the briefing. */
export interface Task {
  /** Content of proposals that were refused in this turn already (`proposalKey`). */
  refused: ReadonlySet<string>;
  /** The briefing in words, within the contract's token budget, made on demand: what an agent or a model reads. */
  words: () => Promise<string>;
  /** A working copy on the incumbent, made on demand: for researchers that edit files. */
  workingCopy: () => Promise<WorkingCopy>;
  /** Set for the one repair turn after a crash: what was proposed, and how it failed. */
  repair?: { proposal: Proposal; kind: string; reason: string; logTail: string };
  /** What may still be spent in this turn; absent: no limit. */
  tokens?: number;
  dollars?: number;
  signal?: AbortSignal;
  onEvent?: (event: TraceEvent) => void;
}

/** A folder on the incumbent's state, apart from everything of the user's. */
export interface WorkingCopy {
  /** Host path of the tree. */
  folder: string;
  /** The lab's path in it ("" for the root). */
  lab: string;
  /** Host paths outside of it that links in it lead to: the contract's inputs. */
  linked?: string[];
  /** What differs from the incumbent: changes of editable files, and everything else as a violation. */
  harvest(): Promise<{ changes: Record<string, string | null>; violations: Violation[] }>;
}

/** What came of asking a researcher. Every kind may have cost something. */
export type Answer = {
  /** What it was asked and did; absent for mechanical researchers. */
  turns?: TurnRecord[];
} & (
  | { kind: "proposal"; proposal: Proposal; violations?: Violation[] }
  /** It has nothing left to try: the session ends if nobody else has. */
  | { kind: "nothing"; reason: string }
  /** This turn failed (crashed, hung, malformed, changed nothing): recorded, and the next turn begins afresh. */
  | { kind: "failed"; ending: TurnEnding | "malformed" | "unchanged"; reason: string }
  /** The provider refuses for now or cannot be reached: wait, then go on. `afterMs` null: nobody says how long. */
  | { kind: "wait"; reason: string; afterMs: number | null }
  /** Going on is no use: key refused, program missing. The session stops with this. */
  | { kind: "stop"; reason: string }
);

/** One exchange with an agent or a model, as the ledger keeps it. */
export interface TurnRecord {
  purpose: "propose" | "repair";
  prompt: string;
  ending: TurnEnding | "malformed" | "unchanged";
  message: string;
  events: TraceEvent[];
  usage: Usage;
  raw: string;
  startedAt: number;
  wallMs: number;
}

export interface Researcher {
  readonly name: string;
  /** True where a model is asked: such sessions get a control arm by default and count tokens. */
  readonly paid?: boolean;
  /** What it says of its costs; absent: shown by its first turn. A limit that could not be kept is refused at the start. */
  readonly reports?: { tokens: boolean; dollars: boolean };
  /** Milliseconds after which one call is cut off from outside, whatever it does about it itself. */
  readonly time?: number;
  /** What one call will cost at most, as far as that can be known beforehand; dollars null: not known. */
  estimate?(promptTokens: number): { tokens: number; dollars: number | null };
  propose(briefing: Briefing, task: Task): Promise<Answer>;
}

/** The same for proposals that change the same files to the same texts. */
export function proposalKey(proposal: Pick<Proposal, "changes">): string {
  return JSON.stringify(Object.entries(proposal.changes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
