import * as decision from "../decision/index.ts";
import { Interrupted, RunFailed, UserError } from "../errors.ts";
import type { LabFolder } from "../lab/index.ts";
import { type AuditRow, type ExperimentRow, latestAudit, reviewsOf } from "../ledger/index.ts";
import { type Finalized, partsOf, standingKeeps, withSession } from "../notebook/index.ts";
import {
  auditSession,
  letGo,
  openSession,
  refuseChangedRecord,
  replay,
  type Session,
  type SessionOptions,
} from "../session/index.ts";
import type { Incumbent } from "../strategy/index.ts";
import { ablate, openFinal, takeOut } from "./ablate.ts";
import { reviewGroups, staleBranches, writeBranches } from "./reviewBranches.ts";
import { openSealed } from "./sealed.ts";

export interface FinalizeOptions extends Pick<SessionOptions, "listener" | "abort" | "stop"> {
  /** The session; default: the newest. */
  tag?: string;
  /** Pairs of each comparison, 2 or more. Default 8. */
  pairs?: number;
  /** False: measure only, write no branch. */
  branches?: boolean;
}

/**
 * Measures what each kept change is worth in the final state, looks for a leaner state, and writes review branches.
 *
 * Every run is recorded: an interrupted call goes on where it stopped, and a finished one repeats nothing.
 *
 * @throws UserError when nothing was kept, a keep waits for its review, or what judges has changed.
 * @throws RunFailed when it was asked to stop, or a state fails that the parts are compared with.
 */
export async function finalizeSession(lab: LabFolder, options: FinalizeOptions = {}): Promise<Finalized> {
  const pairs = options.pairs ?? 8;
  if (!Number.isInteger(pairs) || pairs < 2)
    throw new UserError(`${pairs} pairs give no interval`, "2 pairs or more, better 8");
  // Looked up first, since opening would begin a session where there is none to go on with.
  const { tag, level } = await withSession(lab.programFile, options.tag, async (_, row) => row);
  const { listener, abort, stop } = options;
  try {
    const session = await openSession(lab, {
      tag,
      ...(listener ? { listener } : {}),
      ...(abort ? { abort } : {}),
      ...(stop ? { stop } : {}),
      // A headline rests on git and contents, not on what earlier processes left.
      thorough: true,
      // What is compared with a session's figures is measured as they were.
      ...(level === "L0" ? { level } : {}),
    });
    try {
      return await finalizeOpened(session, pairs, options);
    } finally {
      // The session itself is as it was: finalizing is no part of its research.
      await letGo(session);
    }
  } catch (error) {
    if (error instanceof Interrupted)
      throw new RunFailed(
        "stopped by hand before the end",
        "`whet finalize` goes on; no finished run is repeated",
      );
    throw error;
  }
}

async function finalizeOpened(session: Session, pairs: number, options: FinalizeOptions): Promise<Finalized> {
  await refuseChangedRecord(session.ledger);
  const { course } = await replay(session);
  session.noise = course.noise;
  const keeps = await judgedKeeps(session, course.incumbent);
  await auditSession(session, course.incumbent, pairs);
  const audit = (await latestAudit(session.ledger, session.row.id)) as AuditRow;
  const sealed = await openSealed(session, course.incumbent, pairs);
  const final = await openFinal(session, course.incumbent, keeps, pairs);

  await ablate(final);
  const { changes } = await partsOf(session.ledger, session.contract, audit);
  const kept = await takeOut(final, changes);
  const groups = await reviewGroups(final, audit, kept, changes);
  const parts = await partsOf(session.ledger, session.contract, audit);
  const branches = options.branches === false ? [] : await writeBranches(final, parts, groups, kept.lean);
  return {
    lab: session.lab.name,
    tag: session.row.tag,
    base: session.row.baseCommit,
    metric: {
      name: session.contract.metric.name,
      direction: session.contract.metric.direction,
      ...(session.contract.metric.unit === undefined ? {} : { unit: session.contract.metric.unit }),
    },
    channel: session.evaluator.channel,
    level: session.row.level,
    deterministic: session.noise.deterministic,
    sigma: decision.sigma(session.noise),
    pairs,
    audit: {
      n: audit.pairs,
      baselineMean: audit.baselineMean as number,
      finalMean: audit.finalMean as number,
      effect: audit.effect as number,
      interval: [audit.low as number, audit.high as number],
      relative: (audit.effect as number) / Math.abs(audit.baselineMean as number),
    },
    sealed,
    ...parts,
    branches,
    notes: [...kept.notes, ...(options.branches === false ? [] : await staleBranches(final, branches))],
  };
}

/** The kept changes that the final state is made of. @throws UserError when there is none, or one waits for a person. */
async function judgedKeeps(session: Session, incumbent: Incumbent): Promise<ExperimentRow[]> {
  const { ledger, row } = session;
  const keeps = await standingKeeps(ledger, row.id, incumbent.number);
  if (keeps.length === 0)
    throw new UserError(
      `session "${row.tag}" has kept nothing, so there is nothing to finalize`,
      "`whet log` shows what was tried, `whet run` goes on",
    );
  const reviewed = new Set((await reviewsOf(ledger, row.id)).map((review) => review.experimentId));
  const waiting = keeps.filter((keep) => keep.decision?.doubt != null && !reviewed.has(keep.id));
  if (waiting.length > 0)
    throw new UserError(
      `${waiting.map((keep) => `experiment ${keep.number}`).join(", ")} waits for a person: ${waiting[0]?.decision?.doubt}`,
      "review it first: whet review",
    );
  return keeps;
}
