import type { Program } from "../contract/index.ts";

/** What a researcher is told before it proposes. Plain data: it can be stored and replayed. */
export interface Briefing {
  program: Program;
  /** The incumbent's editable files: path relative to the lab -> text. Files that are not valid UTF-8 are left out. */
  files: Record<string, string>;
  /** Everything tried in this lab so far, oldest first. */
  history: PastExperiment[];
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

export interface Researcher {
  readonly name: string;
  /** The next proposal, or null when there is nothing left to try. `refused` holds proposals already known (same content). */
  propose(briefing: Briefing, refused: ReadonlySet<string>): Promise<Proposal | null>;
}

/** The same for proposals that change the same files to the same texts. */
export function proposalKey(proposal: Pick<Proposal, "changes">): string {
  return JSON.stringify(Object.entries(proposal.changes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
