import * as decision from "../decision/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import { changedPins, type Files } from "../evaluator/index.ts";
import {
  type AuditRow,
  addAudit,
  auditsOf,
  type EvaluationRow,
  endAudit,
  evaluationsOf,
  examineChain,
  type Ledger,
  latestAudit,
  spoilAudit,
} from "../ledger/index.ts";
import { decidingStage, drive, type Incumbent } from "../strategy/index.ts";
import { chainWords } from "./chainWords.ts";
import { measureRun } from "./measure.ts";
import type { Session } from "./session.ts";

/**
 * Measures baseline and final state side by side on fresh seeds: the only source of a headline.
 * Does nothing when this state has been audited already; goes on with an audit that was interrupted.
 *
 * @returns the pairs of an audit that was there already; null: it was measured now.
 */
export async function auditSession(
  session: Session,
  incumbent: Incumbent,
  pairs: number,
): Promise<number | null> {
  await refuseChangedRecord(session.ledger);
  const latest = await latestAudit(session.ledger, session.row.id);
  if (latest?.finalState === incumbent.state && latest.endedAt !== null)
    return pairsRun(session, latest.pairs);
  const audit = await measurePairs(session, {
    kind: "final",
    what: "baseline against final, fresh seeds",
    state: incumbent.state,
    files: incumbent.files,
    against: null,
    subject: null,
    experiment: incumbent.number,
    pairs,
  });
  session.listener({
    type: "audit",
    effect: audit.effect as number,
    interval: [audit.low as number, audit.high as number],
    baselineMean: audit.baselineMean as number,
    finalMean: audit.finalMean as number,
    pairs: pairsRun(session, audit.pairs),
  });
  return null;
}

/** Two states to be measured side by side. */
export interface Comparison {
  kind: AuditRow["kind"];
  /** For the progress. */
  what: string;
  state: string;
  files: Files;
  /** Null: the untouched base. */
  against: { state: string; files: Files } | null;
  /** Experiments left out (`ablation`) or taken alone (`review`); the hash of the data (`sealed`). */
  subject: readonly (number | string)[] | null;
  /** The experiment whose state was the final one. */
  experiment: number;
  pairs: number;
}

/**
 * Interleaved pairs of two states on fresh seeds, every run recorded.
 *
 * The same two states are not measured a second time, unless more pairs are asked for; what was interrupted goes on.
 *
 * @returns the finished audit. Its effect is null where the measured state failed, which is a result for a part of the
 * final state and an error for the whole.
 * @throws RunFailed when the state that it is compared with fails, or the whole final state.
 * @throws UserError when what judges has changed meanwhile.
 */
export async function measurePairs(session: Session, comparison: Comparison): Promise<AuditRow> {
  const { ledger, row, contract, listener } = session;
  const { kind, state, against, subject, experiment, pairs } = comparison;
  const all = await auditsOf(ledger, row.id, [kind]);
  // The headline is the newest audit: a state that is the final one again needs one of its own.
  const earlier = (kind === "final" ? all.slice(-1) : all).filter(
    (audit) => audit.finalState === state && audit.against === (against?.state ?? null),
  );
  const done = earlier.findLast((audit) => audit.endedAt !== null && audit.pairs >= pairs);
  if (done) return done;
  const open = earlier.findLast((audit) => audit.endedAt === null && audit.pairs === pairs);
  const runs: EvaluationRow[] = open ? await evaluationsOf(ledger, { audit: open.id }) : [];
  // A run that failed stays on record and is passed over: the pairs that were measured are kept.
  const recorded = runs.filter((run) => run.failureKind === null);
  const skipped = Math.max(0, (runs.at(-1)?.position ?? -1) + 1 - recorded.length);
  const id = open
    ? open.id
    : await addAudit(ledger, {
        sessionId: row.id,
        kind,
        against: against?.state ?? null,
        subject: subject && JSON.stringify(subject),
        finalState: state,
        experiment,
        pairs,
        startedAt: Date.now(),
      });
  const final = kind === "final" || kind === "sealed";
  listener({
    type: "phase",
    phase: final ? "audit" : "finalize",
    number: final ? experiment : null,
    what: comparison.what,
  });
  const enough = pairsRun(session, pairs);
  // The whole final state has run well before; of a part of it nobody knows that it runs at all.
  const patient = { inARow: final ? 2 : 1, together: enough };
  const asked = decision.repeating(decision.audit(contract.metric, enough), patient);
  const driven = drive(asked, recorded, (ask, position, previousSeed) => {
    const own = ask.arm === "candidate";
    return measureRun(session, {
      ask,
      position: position + skipped,
      previousSeed,
      owner: { experimentId: null, auditId: id, label: `audit ${id}` },
      state: own ? state : (against?.state ?? row.baseState),
      files: own ? comparison.files : (against?.files ?? session.baseFiles),
      rounds: enough,
      label: sideWords(kind, subject, own),
      ...(kind === "sealed" ? { split: "sealed" as const } : {}),
    });
  });
  // However it ended: runs before and after a change are no pairs, and must not be gone on with either.
  await driven.catch(() => {});
  const changed = await changedPins(session.place);
  if (changed.length > 0) {
    await spoilAudit(ledger, id);
    throw new UserError(
      `what judges the session has changed on disk: ${changed.join("; ")}`,
      `put it back and \`whet ${final ? "run" : "finalize"}\` goes on; what was being compared is measured anew`,
    );
  }
  const { result, evaluations } = await driven;
  const failure = "failure" in result;
  if (failure && (final || evaluations.at(-1)?.arm !== "candidate"))
    throw new RunFailed(
      `the audit could not be finished: ${result.failure}`,
      `the pairs that were measured are kept: \`whet ${final ? "run" : "finalize"}\` goes on with it, and \`whet failures\` shows what failed`,
    );
  await endAudit(ledger, id, {
    endedAt: Date.now(),
    baselineMean: failure ? null : result.baselineMean,
    finalMean: failure ? null : result.finalMean,
    effect: failure ? null : result.effect,
    low: failure ? null : (result.interval?.[0] ?? result.effect),
    high: failure ? null : (result.interval?.[1] ?? result.effect),
  });
  return (await auditsOf(ledger, row.id, [kind])).find((audit) => audit.id === id) as AuditRow;
}

/** No headline rests on a record that somebody has changed. @throws UserError */
export async function refuseChangedRecord(ledger: Ledger): Promise<void> {
  const chain = await examineChain(ledger);
  if (chain.faults.length > 0)
    throw new UserError(chainWords(chain), "see `whet doctor`; nothing was measured");
}

/** Which of the two states a run is of, for a person who follows the progress. */
function sideWords(kind: AuditRow["kind"], subject: Comparison["subject"], own: boolean): string {
  const named = (subject ?? []).map((number) => `#${number}`).join(", ");
  if (kind === "ablation") return own ? `final state without ${named}` : "final state";
  if (kind === "review") return own ? `untouched code with ${named}` : "untouched code";
  return own ? "final state" : "baseline";
}

/**
 * A deterministic evaluator gives the same pair again and again: two of them show it. Of the full run nothing is known
 * where candidates are kept on a lower rung.
 */
function pairsRun({ noise, contract }: Session, pairs: number): number {
  return noise.deterministic && decidingStage(contract) === null ? Math.min(2, pairs) : pairs;
}
