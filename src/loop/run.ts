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
  holdoutLimit,
  openSession,
  probe,
  refuseChangedYardstick,
  type Session,
  type SessionOptions,
  settled,
} from "../session/index.ts";
import {
  alarm,
  type Course,
  decidingStage,
  type Incumbent,
  type Limits,
  limitsOf,
  reached,
} from "../strategy/index.ts";
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
  const clock = openClock();
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
    const worked = await work(session, options, clock);
    ({ reason } = worked);
    await finalAudit(session, worked.course, options.auditPairs ?? 8);
    await options.afterExperiment?.(session);
    session.listener({ type: "stop", reason, final: true });
    return { tag: session.row.tag, reason, final: true };
  } catch (error) {
    reason = error instanceof Interrupted ? "stopped by hand" : wordsOf(error);
    return endedBy(error, session, reason);
  } finally {
    await closeSession(session, reason, Math.round(clock.ms()));
  }
}

/** How long a session has been at work. The wall clock may jump; a limit of hours must not. */
interface Clock {
  /** Milliseconds since it was opened, pauses left out. */
  ms(): number;
  /** Nobody works in a pause: it takes nothing from the limit on time. */
  pause(ms: number): void;
}

function openClock(): Clock {
  const begun = performance.now();
  let paused = 0;
  return {
    ms: () => performance.now() - begun - paused,
    pause: (ms) => {
      paused += ms;
    },
  };
}

/** Works on a session until it must end. @returns where it stands, and why it ends. */
async function work(
  session: Session,
  options: RunOptions,
  clock: Clock,
): Promise<{ course: Course; reason: string }> {
  const { row, listener, ledger } = session;
  await updateSession(ledger, row.id, { status: "running", stopReason: null });
  row.status = "stopped";
  let course = await settled(session);
  await tellBeginning(session, course);
  const limits = limitsOf(session, options);
  const researchers = await researchersOf(session, options);
  const spent = () => row.spentMs + clock.ms();
  const watch = openAlarm(session);
  let noted = performance.now();
  await takeUpAsked(session);
  const turns: Turns = takeTurns(session, researchers, limits, spent, options.backoff);

  if (course.decided === 0) for (const message of session.remarks) listener({ type: "notice", message });
  if (options.probe !== false && course.decided === 0) await probe(session);
  course = await finishOpen(session, course);
  for (;;) {
    await options.afterExperiment?.(session);
    await tellRelays(session, limits);
    const limit = reached(limits, course, spent(), session) ?? session.relays?.full() ?? null;
    if (limit) return { course, reason: limit };
    if (session.stop.requested) throw new Interrupted();
    clock.pause(await whilePaused(session));
    const used = await holdoutLimit(session);
    if (used !== null) return { course, reason: used };
    await refuseChangedYardstick(session);
    if ((await reviewCount(ledger.db, row.id)) !== course.reviewed) course = await settled(session);
    const apart = watch(course);
    if (apart !== null) return { course, reason: apart };
    const taken = await turns.next(course);
    if (taken === "again") continue;
    if ("end" in taken) return { course, reason: taken.end };
    course = await evaluate(session, course, taken);
    // Otherwise the hours of a run that is killed would not count towards the limit.
    if (performance.now() - noted > 5000) {
      noted = performance.now();
      await updateSession(ledger, row.id, { spentMs: Math.round(spent()) });
    }
  }
}

async function tellBeginning({ row, listener, ledger, resumed }: Session, course: Course): Promise<void> {
  const tally = await counts(ledger, row.id);
  listener({
    type: "session",
    tag: row.tag,
    branch: row.branch,
    resumed: resumed && course.decided > 0,
    experiments: course.decided,
    keeps: tally.keep ?? 0,
    discards: tally.discard ?? 0,
    best: course.incumbent.value,
    baseCommit: row.baseCommit,
  });
}

/** Tells once that gains do not show on the holdout. @returns why the session ends, where the contract wants that. */
function openAlarm(session: Session): (course: Course) => string | null {
  let told: string | null = null;
  return (course) => {
    const apart = alarm(session, course);
    if (apart === null || apart === told) return null;
    told = apart;
    session.listener({ type: "alarm", message: apart });
    return session.contract.onDivergence === "stop" ? apart : null;
  };
}

/** Measures baseline against best. Provisional keeps rest on the audit alone: there it cannot be switched off. */
async function finalAudit(session: Session, { noise, incumbent }: Course, wanted: number): Promise<void> {
  const isProvisional = session.rule.maxPairs === 0 || decidingStage(session.contract) !== null;
  const pairs = isProvisional ? Math.max(wanted, 2) : wanted;
  session.noise = noise;
  if (pairs > 0 && incumbent.number > 0) await auditIfPaid(session, incumbent, pairs);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What follows from what ended the work: an end like any other, or an error for the person. */
function endedBy(error: unknown, { listener, row }: Session, reason: string): RunResult {
  if (error instanceof decision.IncumbentFails)
    throw new RunFailed(
      reason,
      "the evaluator or the machine has a problem: see `whet failures`; `whet run` goes on from here",
    );
  const final = error instanceof SessionSpent;
  if (!final && !(error instanceof Interrupted)) throw error;
  listener({ type: "stop", reason, final });
  return { tag: row.tag, reason, final };
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
