import type { Contract } from "../contract/index.ts";
import type * as decision from "../decision/index.ts";
import type { Evaluator, Files, Place } from "../evaluator/index.ts";
import type { LabFolder } from "../lab/index.ts";
import {
  type EvaluationRow,
  type Ledger,
  noteHead,
  reviewsOf,
  type SessionRow,
  updateSession,
} from "../ledger/index.ts";
import type { Listener } from "../notebook/index.ts";
import type { Relays } from "../relay/index.ts";
import type { Repo, Violation } from "../repo/index.ts";
import type { Sandbox } from "../sandbox/index.ts";
import { releaseBranch, settleBranch } from "./branch.ts";
import type { EventRows } from "./eventRows.ts";

/** A session that this process holds, with everything it needs to measure. */
export interface Session {
  lab: LabFolder;
  contract: Contract;
  row: SessionRow;
  repo: Repo;
  ledger: Ledger;
  sandbox: Sandbox;
  place: Place;
  evaluator: Evaluator;
  /** The ways to granted models and hosts; null where nothing is granted that needs one. */
  relays: Relays | null;
  rule: decision.Rule;
  /** The editable files of the untouched base. */
  baseFiles: Files;
  /** Runs of the untouched code on the rung that decides. */
  baseline: EvaluationRow[];
  /** The same on every rung. */
  rungs: EvaluationRow[];
  /** What matches `change` in the base and yet can never be changed by a candidate: images, links, large files. */
  fixed: readonly Violation[];
  /** What a person should mend in the contract, going by the baseline. */
  remarks: string[];
  /** The untouched code's run on the holdout; null without a holdout. */
  holdout: EvaluationRow | null;
  noise: decision.Noise;
  resumed: boolean;
  listener: Listener;
  /** Keeps what the listener is told as rows. */
  events: EventRows;
  /** Ends the evaluation in flight at once; its result is not recorded. */
  abort: AbortController;
  /** Set to ask for an end after the evaluation in flight. */
  stop: { requested: boolean };
  /** When it was last looked whether what judges is as it was pinned (`performance.now`). */
  pinsCheckedAt: number;
}

/** Gives the session back; it can go on later. */
export async function closeSession(session: Session, reason: string, spentMs: number): Promise<void> {
  await releaseBranch(session);
  await letGo(session, {
    status: session.row.status === "baseline" ? "ready" : session.row.status,
    stopReason: reason,
    endedAt: Date.now(),
    spentMs: session.row.spentMs + spentMs,
  });
}

/** Gives the session back without a word about its research. */
export async function letGo(
  session: Session,
  fields: Omit<Parameters<typeof updateSession>[2], "holder"> = {},
): Promise<void> {
  const { ledger, row } = session;
  session.relays?.close();
  await session.events.close();
  try {
    await updateSession(ledger, row.id, { ...fields, holder: null });
    await noteHead(ledger);
    // A verdict that was given while it was held relied on the branch being brought to it; from now on none does.
    const reviews = await reviewsOf(ledger, row.id);
    if (reviews.some(({ verdict, commitId }) => verdict === "reject" && commitId === null))
      await settleBranch(session);
  } finally {
    await ledger.close();
  }
}
