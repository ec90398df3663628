import type { ResearcherChoice } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import { Interrupted, RunFailed } from "../errors.ts";
import { SessionSpent } from "../evaluator/index.ts";
import type { LabFolder } from "../lab/index.ts";
import { counts, reviewCount, type Spending, spendingOf, updateSession } from "../ledger/index.ts";
import {
  auditSession,
  closeSession,
  evaluate,
  finishOpen,
  holdoutIsUsedUp,
  openSession,
  probe,
  refuseChangedYardstick,
  type Session,
  type SessionOptions,
  settled,
} from "../session/index.ts";
import type { Incumbent } from "../strategy/index.ts";
import { alarm, decidingStage, type Limits, limitsOf, reached } from "../strategy/index.ts";
import {
  type Backoff,
  type Given,
  refuseHopeless,
  researchersOf,
  type Turns,
  takeTurns,
  takeUpAsked,
  whilePaused,
} from "../turns/index.ts";

export interface RunOptions extends SessionOptions {
  /** Total experiments of the session, earlier ones included. */
  experiments?: number;
  /** Total milliseconds of the session, earlier runs included. */
  time?: number;
  /** The session ends once the incumbent is at this value. */
  until?: number;
  /** Pairs of the final audit; 0: none. Default 8. */
  auditPairs?: number;
  /** Tokens of the session, read and written, earlier ones included. */
  tokens?: number;
  /** US dollars of the session, earlier ones included. */
  money?: number;
  /** Who proposes; default: those that the contract names. */
  researcher?: Given;
  /** The same as a choice, as a contract would make it. */
  choice?: ResearcherChoice;
  /** False: no control arm, whatever the contract says. */
  control?: boolean;
  /** How long is waited for a provider that refuses or cannot be reached. */
  backoff?: Backoff;
  /** False: do not try Whetstone's own cheats on the evaluator before the first experiment. */
  probe?: boolean;
  /** Called after each decision, e.g. to bring results.tsv up to date. */
  afterExperiment?: (session: Session) => Promise<void>;
}

export interface RunResult {
  tag: string;
  /** Why it ended, for a person. */
  reason: string;
  /** True when it can go on only with other limits. */
  final: boolean;
}

/**
 * The loop: propose, evaluate, decide, record, until a limit is reached or it is asked to stop.
 *
 * Every step is in the ledger before the next begins, so whatever ends the process, the next call goes on from there
 * and no finished evaluation is repeated.
 */
export async function runSession(lab: LabFolder, options: RunOptions = {}): Promise<RunResult> {
  // The wall clock may jump; a limit of hours must not.
  const begun = performance.now();
  let paused = 0;
  await refuseHopeless(lab, options);
  let session: Session;
  try {
    session = await openSession(lab, options);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const reason = "stopped by hand before the first experiment";
    options.listener?.({ type: "stop", reason, final: false });
    return { tag: options.tag ?? "", reason, final: false };
  }
  let reason = "interrupted";
  try {
    const { row, listener, ledger } = session;
    await updateSession(ledger, row.id, { status: "running", stopReason: null });
    row.status = "stopped";
    let course = await settled(session);
    const tally = await counts(ledger, row.id);
    listener({
      type: "session",
      tag: row.tag,
      branch: row.branch,
      resumed: session.resumed && course.decided > 0,
      experiments: course.decided,
      keeps: tally.keep ?? 0,
      discards: tally.discard ?? 0,
      best: course.incumbent.value,
      baseCommit: row.baseCommit,
    });
    const limits = limitsOf(session, options);
    const researchers = await researchersOf(session, options);
    let alarmed: string | null = null;
    let noted = performance.now();
    const spent = () => row.spentMs + performance.now() - begun - paused;
    await takeUpAsked(session);
    const turns: Turns = takeTurns(session, researchers, limits, spent, options.backoff);

    if (course.decided === 0) for (const message of session.remarks) listener({ type: "notice", message });
    if (options.probe !== false && course.decided === 0) await probe(session);
    course = await finishOpen(session, course);
    for (;;) {
      await options.afterExperiment?.(session);
      await tellRelays(session, limits);
      const limit = reached(limits, course, spent(), session) ?? session.relays?.full() ?? null;
      if (limit) {
        reason = limit;
        break;
      }
      if (session.stop.requested) throw new Interrupted();
      // Nobody works meanwhile: a pause takes nothing from the limit on time.
      paused += await whilePaused(session);
      if (await holdoutIsUsedUp(session, 0)) {
        reason = `the holdout has been looked at ${session.contract.holdout?.looks} times, which is the limit: nothing more can be kept until it has fresh data`;
        break;
      }
      await refuseChangedYardstick(session);
      if ((await reviewCount(ledger.db, row.id)) !== course.reviewed) course = await settled(session);
      const apart = alarm(session, course);
      if (apart !== null && apart !== alarmed) {
        alarmed = apart;
        listener({ type: "alarm", message: apart });
        if (session.contract.onDivergence === "stop") {
          reason = apart;
          break;
        }
      }
      const taken = await turns.next(course);
      if (taken === "again") continue;
      if ("end" in taken) {
        reason = taken.end;
        break;
      }
      course = await evaluate(session, course, taken);
      // Else the hours of a run that is killed would not count towards the limit.
      if (performance.now() - noted > 5000) {
        noted = performance.now();
        await updateSession(ledger, row.id, { spentMs: Math.round(spent()) });
      }
    }
    // Provisional keeps rest on the audit alone: there it cannot be switched off.
    const wanted = options.auditPairs ?? 8;
    const provisional = session.rule.maxPairs === 0 || decidingStage(session.contract) !== null;
    const pairs = provisional ? Math.max(wanted, 2) : wanted;
    session.noise = course.noise;
    if (pairs > 0 && course.incumbent.number > 0) await auditIfPaid(session, course.incumbent, pairs);
    await options.afterExperiment?.(session);
    listener({ type: "stop", reason, final: true });
    return { tag: row.tag, reason, final: true };
  } catch (error) {
    if (error instanceof Interrupted) {
      reason = "stopped by hand";
      session.listener({ type: "stop", reason, final: false });
      return { tag: session.row.tag, reason, final: false };
    }
    if (error instanceof SessionSpent) {
      reason = error.message;
      session.listener({ type: "stop", reason, final: true });
      return { tag: session.row.tag, reason, final: true };
    }
    if (error instanceof decision.IncumbentFails) {
      reason = error.message;
      throw new RunFailed(
        error.message,
        "the evaluator or the machine has a problem: see `whet failures`; `whet run` goes on from here",
      );
    }
    reason = error instanceof Error ? error.message : String(error);
    throw error;
  } finally {
    await closeSession(session, reason, Math.round(performance.now() - begun - paused));
  }
}

/** The final audit, unless no call of a model that it needs is left. */
async function auditIfPaid(session: Session, incumbent: Incumbent, pairs: number): Promise<void> {
  try {
    await auditSession(session, incumbent, pairs);
  } catch (error) {
    if (!(error instanceof SessionSpent)) throw error;
    session.listener({ type: "notice", message: `there was no room for the audit: ${error.message}` });
  }
}

/** A session's money is one purse: what its researchers spend is not there for the models of runs and scorers. */
async function tellRelays({ relays, ledger, row }: Session, { tokens, money }: Limits): Promise<void> {
  if (relays === null) return;
  const spending = await spendingOf(ledger, row.id);
  const sum = (part: (each: Spending) => number) => spending.reduce((total, each) => total + part(each), 0);
  relays.whole = {
    most: { tokens: tokens ?? undefined, money: money ?? undefined },
    elsewhere: {
      calls: 0,
      tokens: sum((each) => (each.tokensIn ?? 0) + (each.tokensOut ?? 0)),
      dollars: sum((each) => each.dollars ?? 0),
    },
  };
}
