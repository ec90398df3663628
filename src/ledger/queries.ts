import { type Selectable, sql } from "kysely";
import { RunFailed } from "../errors.ts";
import type { Ledger } from "./ledger.ts";
import type {
  AuditTable,
  DecisionTable,
  EvaluationTable,
  ExperimentTable,
  ProbeTable,
  ReviewTable,
  SessionTable,
} from "./schema.ts";

export type SessionRow = Selectable<SessionTable>;
export type EvaluationRow = Selectable<EvaluationTable>;
export type DecisionRow = Selectable<DecisionTable>;
export type AuditRow = Selectable<AuditTable>;
export type ReviewRow = Selectable<ReviewTable>;
export type ProbeRow = Selectable<ProbeTable>;

/** An experiment with its decision; `decision` is null while it is being evaluated. */
export interface ExperimentRow extends Selectable<ExperimentTable> {
  decision: DecisionRow | null;
}

export interface ChangeRow {
  after: Record<string, string | null>;
  before: Record<string, string | null>;
  diff: string;
}

/** Newest first. */
export async function sessions(ledger: Ledger): Promise<SessionRow[]> {
  return (await ledger.db.selectFrom("sessions").selectAll().orderBy("id", "desc").execute()).map(asNamed);
}

/**
 * A session's names become folders, branches and arguments of git: what could not have been given one is not taken from
 * a record that was edited, or is somebody else's.
 */
function asNamed(row: SessionRow): SessionRow {
  const faulty = [row.tag, row.branch, row.baseCommit].find((name) => !/^(?!.*\.\.)[\w][\w./-]*$/.test(name));
  if (faulty === undefined) return row;
  throw new RunFailed(
    `the ledger holds a session with an impossible name: ${faulty.slice(0, 100)}`,
    "it was edited, or is not this lab's; nothing was done",
  );
}

export async function sessionByTag(ledger: Ledger, tag: string): Promise<SessionRow | null> {
  const row = await ledger.db.selectFrom("sessions").selectAll().where("tag", "=", tag).executeTakeFirst();
  return row ? asNamed(row) : null;
}

/** Whether more than a baseline was asked for: `whet check` alone begins a session that waits for work. */
export function wasPutToWork({ status }: SessionRow): boolean {
  return status !== "baseline" && status !== "ready";
}

/** The researcher that proposals of an agent that drives are recorded under, in a box or not. */
export const drivingAgent = "agent";

/** How many experiments of a session ended in which way; `open` counts those without a decision. */
export async function counts(ledger: Ledger, sessionId: number): Promise<Record<string, number>> {
  // Counted in passing: to group a hundred thousand takes SQLite a tree of them.
  return ledger.db
    .selectFrom("experiments as e")
    .leftJoin("decisions as d", "d.experimentId", "e.id")
    .select(({ fn }) => [
      ...(["keep", "discard", "crash", "timeout", "invalid"] as const).map((kind) =>
        fn.countAll<number>().filterWhere("d.kind", "=", kind).as(kind),
      ),
      fn.countAll<number>().filterWhere("d.kind", "is", null).as("open"),
    ])
    .where("e.sessionId", "=", sessionId)
    .executeTakeFirstOrThrow();
}

export interface Page {
  /** At most so many; absent: all. */
  limit?: number;
  /** Only numbers below this one. */
  before?: number;
  kinds?: readonly DecisionRow["kind"][];
}

/** Experiments of a session with their decisions, the newest `limit` of them, oldest first. */
export async function experiments(
  ledger: Ledger,
  sessionId: number,
  page: Page = {},
): Promise<ExperimentRow[]> {
  let query = experimentQuery(ledger).orderBy("e.number", "desc");
  // Few among many: the plus keeps SQLite from walking through the whole session instead of the decisions of these kinds.
  if (page.kinds) query = query.where(sql`+e.session_id`, "=", sessionId).where("d.kind", "in", page.kinds);
  else query = query.where("e.sessionId", "=", sessionId);
  if (page.before !== undefined) query = query.where("e.number", "<", page.before);
  if (page.limit !== undefined) query = query.limit(page.limit);
  return (await query.execute()).map(unpack).reverse();
}

export async function experimentByNumber(
  ledger: Ledger,
  sessionId: number,
  number: number,
): Promise<ExperimentRow | null> {
  const row = await experimentQuery(ledger)
    .where("e.sessionId", "=", sessionId)
    .where("e.number", "=", number)
    .executeTakeFirst();
  return row ? unpack(row) : null;
}

/** The experiment that was being measured when the session stopped, if there is one. */
export async function openExperiment(ledger: Ledger, sessionId: number): Promise<ExperimentRow | null> {
  const row = await experimentQuery(ledger)
    .where("e.sessionId", "=", sessionId)
    .where("d.kind", "is", null)
    .orderBy("e.number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row ? unpack(row) : null;
}

function experimentQuery(ledger: Ledger) {
  return ledger.db
    .selectFrom("experiments as e")
    .leftJoin("decisions as d", "d.experimentId", "e.id")
    .selectAll("e")
    .select([
      "d.experimentId",
      "d.kind",
      "d.effect",
      "d.low",
      "d.high",
      "d.p",
      "d.pReal",
      "d.t",
      "d.df",
      "d.pairs",
      "d.provisional",
      "d.reason",
      "d.value",
      "d.runs",
      "d.peakBytes",
      "d.wallMs",
      "d.decidedAt",
      "d.keepCommit",
      "d.stages",
      "d.doubt",
      "d.raced",
      "d.allowance",
    ]);
}

type Joined = Awaited<ReturnType<ReturnType<typeof experimentQuery>["execute"]>>[number];

function unpack(row: Joined): ExperimentRow {
  const { experimentId, kind, effect, low, high, p, pReal, t, df, pairs, provisional, reason, ...rest } = row;
  const {
    value,
    runs,
    peakBytes,
    wallMs,
    decidedAt,
    keepCommit,
    stages,
    doubt,
    raced,
    allowance,
    ...experiment
  } = rest;
  return {
    ...experiment,
    decision:
      kind === null
        ? null
        : ({
            ...{ experimentId, kind, effect, low, high, p, pReal, t, df, pairs, provisional, reason },
            ...{ value, runs, peakBytes, wallMs, decidedAt, keepCommit, stages, doubt, raced, allowance },
          } as DecisionRow),
  };
}

export async function changeOf(ledger: Ledger, experimentId: number): Promise<ChangeRow> {
  const row = await ledger.db
    .selectFrom("changes")
    .selectAll()
    .where("experimentId", "=", experimentId)
    .executeTakeFirstOrThrow();
  return { after: JSON.parse(row.after), before: JSON.parse(row.before), diff: row.diff };
}

/** The changes of several experiments at once, by experiment id. */
export async function changesOf(
  ledger: Ledger,
  experimentIds: readonly number[],
): Promise<Map<number, ChangeRow>> {
  const result = new Map<number, ChangeRow>();
  // SQLite binds at most 32,766 values in one statement.
  for (let start = 0; start < experimentIds.length; start += 10_000) {
    const rows = await ledger.db
      .selectFrom("changes")
      .selectAll()
      .where("experimentId", "in", experimentIds.slice(start, start + 10_000))
      .execute();
    for (const row of rows)
      result.set(row.experimentId, {
        after: JSON.parse(row.after),
        before: JSON.parse(row.before),
        diff: row.diff,
      });
  }
  return result;
}

/** Whose runs: one experiment's, one audit's, or the baseline's. In the order in which they were asked for. */
export type RunsOf = { experiment: number } | { audit: number } | { baseline: number };

export async function evaluationsOf(ledger: Ledger, of: RunsOf): Promise<EvaluationRow[]> {
  const all = ledger.db.selectFrom("evaluations").selectAll().orderBy("position").orderBy("id");
  if ("experiment" in of) return all.where("experimentId", "=", of.experiment).execute();
  if ("audit" in of) return all.where("auditId", "=", of.audit).execute();
  return all
    .where("sessionId", "=", of.baseline)
    .where("purpose", "=", "baseline")
    .where("experimentId", "is", null)
    .execute();
}

/** Failed runs of a session that belong to no experiment: of the baseline and of audits, oldest first. */
export function failedRunsBeside(ledger: Ledger, sessionId: number): Promise<EvaluationRow[]> {
  return ledger.db
    .selectFrom("evaluations")
    .selectAll()
    .where("sessionId", "=", sessionId)
    .where("experimentId", "is", null)
    .where("failureKind", "is not", null)
    .where("purpose", "<>", "holdout")
    .orderBy("id")
    .execute();
}

/** The run of the untouched code on the holdout that a session began with; null when there was none. */
export async function baselineHoldout(ledger: Ledger, sessionId: number): Promise<EvaluationRow | null> {
  const row = await ledger.db
    .selectFrom("evaluations")
    .selectAll()
    .where("sessionId", "=", sessionId)
    .where("purpose", "=", "holdout")
    .where("experimentId", "is", null)
    .where("failureKind", "is", null)
    .executeTakeFirst();
  return row ?? null;
}

/** What of a run counts for its decision; logs stay in the ledger. */
export type RunRow = Pick<
  EvaluationRow,
  | "experimentId"
  | "arm"
  | "purpose"
  | "round"
  | "value"
  | "metrics"
  | "failureKind"
  | "failureMessage"
  | "stage"
>;

/** All runs of a session's experiments, oldest experiment first, streamed so that long sessions fit in memory. */
export async function* eachExperimentRuns(
  ledger: Ledger,
  sessionId: number,
): AsyncGenerator<{ experiment: ExperimentRow; evaluations: RunRow[] }> {
  let after = 0;
  for (;;) {
    const rows = (
      await experimentQuery(ledger)
        .where("e.sessionId", "=", sessionId)
        .where("e.number", ">", after)
        .orderBy("e.number")
        .limit(200)
        .execute()
    ).map(unpack);
    const last = rows.at(-1);
    if (!last) return;
    after = last.number;
    const evaluations = await ledger.db
      .selectFrom("evaluations")
      .select([
        "experimentId",
        "arm",
        "purpose",
        "round",
        "value",
        "metrics",
        "failureKind",
        "failureMessage",
        "stage",
      ])
      .where(
        "experimentId",
        "in",
        rows.map((row) => row.id),
      )
      .orderBy("experimentId")
      .orderBy("position")
      .execute();
    const byExperiment = Map.groupBy(evaluations, (evaluation) => evaluation.experimentId);
    for (const experiment of rows) yield { experiment, evaluations: byExperiment.get(experiment.id) ?? [] };
  }
}

/** What a run says of the machine that it ran on. */
export type MachineRow = Pick<
  EvaluationRow,
  "arm" | "purpose" | "stage" | "state" | "value" | "startedAt" | "wallMs" | "machine"
>;

/** The newest runs of a session, at most so many, oldest first. */
export async function machineRows(ledger: Ledger, sessionId: number, limit: number): Promise<MachineRow[]> {
  const rows = await ledger.db
    .selectFrom("evaluations")
    .select(["arm", "purpose", "stage", "state", "value", "startedAt", "wallMs", "machine"])
    .where("sessionId", "=", sessionId)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.reverse();
}

/** Number and total wall time of all runs of a session. */
export async function evaluationTotals(
  ledger: Ledger,
  sessionId: number,
): Promise<{ runs: number; ms: number }> {
  const row = await ledger.db
    .selectFrom("evaluations")
    .select((eb) => [eb.fn.countAll<number>().as("runs"), eb.fn.sum<number>("wallMs").as("ms")])
    .where("sessionId", "=", sessionId)
    .executeTakeFirstOrThrow();
  return { runs: Number(row.runs), ms: Number(row.ms ?? 0) };
}

/** The newest audit of a kind of a session, finished or not. */
export async function latestAudit(
  ledger: Ledger,
  sessionId: number,
  kind: AuditRow["kind"] = "final",
): Promise<AuditRow | null> {
  return (
    (await ledger.db
      .selectFrom("audits")
      .selectAll()
      .where("sessionId", "=", sessionId)
      .where("kind", "=", kind)
      .orderBy("id", "desc")
      .limit(1)
      .executeTakeFirst()) ?? null
  );
}

/** Audits of some kinds, oldest first. */
export async function auditsOf(
  ledger: Ledger,
  sessionId: number,
  kinds: readonly AuditRow["kind"][],
): Promise<AuditRow[]> {
  return ledger.db
    .selectFrom("audits")
    .selectAll()
    .where("sessionId", "=", sessionId)
    .where("kind", "in", kinds)
    .orderBy("id")
    .execute();
}

/** Every opening of a sealed split, of any session, oldest first. */
export async function sealedAudits(ledger: Ledger): Promise<(AuditRow & { tag: string })[]> {
  return (
    ledger.db
      .selectFrom("audits as a")
      .innerJoin("sessions as s", "s.id", "a.sessionId")
      .selectAll("a")
      .select("s.tag")
      .where("a.kind", "=", "sealed")
      // Nothing came of an opening during which what judges was changed.
      .where("a.finalState", "not like", "spoilt %")
      .orderBy("a.id")
      .execute()
  );
}

/** In how many other experiments of all sessions this holdout data was looked at. */
export async function holdoutLooks(
  ledger: Ledger,
  holdoutData: string,
  exceptExperiment: number,
): Promise<number> {
  const row = await ledger.db
    .selectFrom("evaluations as e")
    .innerJoin("sessions as s", "s.id", "e.sessionId")
    .select((eb) => eb.fn.count<number>("e.experimentId").distinct().as("n"))
    .where("s.holdoutData", "=", holdoutData)
    .where("e.purpose", "=", "holdout")
    // Where it failed for the incumbent already, nothing was learnt of a candidate.
    .where("e.arm", "=", "candidate")
    .where("e.experimentId", "!=", exceptExperiment)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/**
 * The earlier experiment that makes a new look at this state a second chance: the same state in this session, or,
 * in another session judged by the same pins, one that lost against the same incumbent.
 */
export async function earlierLook(
  ledger: Ledger,
  look: { sessionId: number; pins: string; state: string; parentState: string },
): Promise<{ tag: string; number: number } | null> {
  const row = await ledger.db
    .selectFrom("experiments as e")
    .innerJoin("sessions as s", "s.id", "e.sessionId")
    .leftJoin("decisions as d", "d.experimentId", "e.id")
    .select(["s.tag", "e.number"])
    .where("e.state", "=", look.state)
    .where((eb) =>
      eb.or([
        eb("e.sessionId", "=", look.sessionId),
        eb.and([
          eb("e.parentState", "=", look.parentState),
          eb("s.pins", "=", look.pins),
          eb("d.kind", "!=", "keep"),
        ]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** What a candidate brought that it may not, in the order in which it was found. */
export async function violationsOf(
  ledger: Ledger,
  experimentId: number,
): Promise<{ path: string; kind: string; detail: string }[]> {
  return ledger.db
    .selectFrom("violations")
    .select(["path", "kind", "detail"])
    .where("experimentId", "=", experimentId)
    .orderBy("id")
    .execute();
}

/** A person's verdicts on the doubted keeps of a session, in the order in which they were given. */
export async function reviewsOf(
  ledger: Ledger,
  sessionId: number,
): Promise<(ReviewRow & { number: number })[]> {
  return ledger.db
    .selectFrom("reviews as r")
    .innerJoin("experiments as e", "e.id", "r.experimentId")
    .selectAll("r")
    .select("e.number")
    .where("e.sessionId", "=", sessionId)
    .orderBy("r.id")
    .execute();
}

/** What the canaries came to in any session that was judged by the same pins at the same level, in order. */
export async function probesWith(ledger: Ledger, like: { pins: string; level: string }): Promise<ProbeRow[]> {
  return ledger.db
    .selectFrom("probes as p")
    .innerJoin("sessions as s", "s.id", "p.sessionId")
    .selectAll("p")
    .where("s.pins", "=", like.pins)
    .where("s.level", "=", like.level)
    .orderBy("p.id")
    .execute();
}

/** Runs of a session and their wall milliseconds by rung; null is the last one. */
export async function stageTotals(
  ledger: Ledger,
  sessionId: number,
): Promise<{ stage: string | null; runs: number; ms: number }[]> {
  const rows = await ledger.db
    .selectFrom("evaluations")
    .select([
      "stage",
      (eb) => eb.fn.countAll<number>().as("runs"),
      (eb) => eb.fn.sum<number>("wallMs").as("ms"),
    ])
    .where("sessionId", "=", sessionId)
    .groupBy("stage")
    .execute();
  return rows.map(({ stage, runs, ms }) => ({ stage, runs: Number(runs), ms: Number(ms ?? 0) }));
}

/** How the newest candidates of a session did on the rungs below the last: the rungs as JSON, and the final effect. */
export async function climbs(
  ledger: Ledger,
  sessionId: number,
  limit: number,
): Promise<{ stages: string; effect: number | null; pairs: number }[]> {
  const rows = await ledger.db
    .selectFrom("decisions as d")
    .innerJoin("experiments as e", "e.id", "d.experimentId")
    .select(["d.stages", "d.effect", "d.pairs"])
    .where("e.sessionId", "=", sessionId)
    .where("d.stages", "is not", null)
    .orderBy("e.number", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, stages: row.stages as string }));
}

/** Decided experiments and their wall milliseconds by researcher. */
export async function researcherTotals(
  ledger: Ledger,
  sessionId: number,
): Promise<{ researcher: string; experiments: number; ms: number }[]> {
  const rows = await ledger.db
    .selectFrom("experiments as e")
    .innerJoin("decisions as d", "d.experimentId", "e.id")
    .select([
      "e.researcher",
      (eb) => eb.fn.countAll<number>().as("n"),
      (eb) => eb.fn.sum<number>("d.wallMs").as("ms"),
    ])
    .where("e.sessionId", "=", sessionId)
    .groupBy("e.researcher")
    .orderBy("e.researcher")
    .execute();
  return rows.map(({ researcher, n, ms }) => ({ researcher, experiments: Number(n), ms: Number(ms ?? 0) }));
}

/** The runs of some experiments on the holdout, by experiment id. */
export async function holdoutRuns(
  ledger: Ledger,
  experimentIds: readonly number[],
): Promise<Map<number, EvaluationRow[]>> {
  const rows =
    experimentIds.length === 0
      ? []
      : await ledger.db
          .selectFrom("evaluations")
          .selectAll()
          .where("experimentId", "in", experimentIds.slice(-10_000))
          .where("purpose", "=", "holdout")
          .orderBy("position")
          .execute();
  return Map.groupBy(rows, (row) => row.experimentId as number);
}
