import type { Insertable, Kysely, Selectable } from "kysely";
import { UserError } from "../errors.ts";
import { added, type Usage, unknownUsage } from "../trace.ts";
import { type Box, boxExperiment } from "./boxes.ts";
import { link } from "./chain.ts";
import type { Ledger } from "./ledger.ts";
import type {
  AuditTable,
  DecisionTable,
  EvaluationTable,
  ExperimentTable,
  ProbeTable,
  ReviewTable,
  Schema,
  SessionTable,
  ViolationTable,
} from "./schema.ts";
import { insertTurns, type NewTurn } from "./turns.ts";

/** Everything that is known of a proposal before it is measured. */
export interface NewExperiment extends Omit<Insertable<ExperimentTable>, "id" | "number" | "commitId"> {
  changes: { after: Record<string, string | null>; before: Record<string, string | null>; diff: string };
  violations: Omit<Insertable<ViolationTable>, "id" | "experimentId">[];
  proposeMs: number;
  /** How many verdicts of a person its incumbent reckons with. */
  reviewed: number;
  /** What a researcher that is asked in words was told and did; recorded with the proposal, or neither is. */
  turns?: readonly NewTurn[];
  /** Ids of turns before these that came to nothing new by themselves. */
  earlierTurns?: readonly number[];
  /** The sandbox in which the agent is that tried it; absent: none is known. */
  box?: Box;
}

export async function addSession(ledger: Ledger, session: Insertable<SessionTable>): Promise<number> {
  return ledger.db.transaction().execute(async (tx) => {
    const taken = await tx
      .selectFrom("sessions")
      .select("id")
      .where("tag", "=", session.tag)
      .executeTakeFirst();
    if (taken)
      throw new UserError(
        `there is already a session "${session.tag}" in this lab`,
        "choose another with --tag NAME",
      );
    const { id } = await tx.insertInto("sessions").values(session).returning("id").executeTakeFirstOrThrow();
    await link(tx, "sessions", id);
    return id;
  });
}

/**
 * Takes a session for this process; only one process can hold a session of a lab at a time.
 *
 * @param alive whether the process that holds it (`<pid>:<start time>`) still runs: a dead holder is replaced.
 * @throws UserError when a living process holds any session of this lab.
 */
export async function holdSession(
  ledger: Ledger,
  id: number,
  holder: string,
  now: number,
  alive: (holder: string) => boolean,
): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const held = await tx
      .selectFrom("sessions")
      .select(["id", "tag", "holder"])
      .where("holder", "is not", null)
      .execute();
    for (const other of held) {
      if (other.holder === null || other.holder === holder) continue;
      if (alive(other.holder))
        throw new UserError(
          `session "${other.tag}" is already running in this lab (process ${other.holder.split(":")[0]})`,
          "watch it with `whet status`, or stop it there with Ctrl-C first",
        );
      await tx
        .updateTable("sessions")
        .set({ holder: null, status: "stopped", stopReason: "interrupted" })
        .where("id", "=", other.id)
        .where("status", "!=", "baseline")
        .execute();
      await tx.updateTable("sessions").set({ holder: null }).where("id", "=", other.id).execute();
    }
    await tx
      .updateTable("sessions")
      .set((eb) => ({ holder, startedAt: eb.fn.coalesce(eb.ref("startedAt"), eb.val(now)) }))
      .where("id", "=", id)
      .execute();
  });
}

/** Takes a session from a process that is gone; does nothing when another one has it by now. */
export async function releaseHolder(ledger: Ledger, id: number, holder: string): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const held = tx.updateTable("sessions").where("id", "=", id).where("holder", "=", holder);
    await held
      .set({ status: "stopped", stopReason: "interrupted" })
      .where("status", "!=", "baseline")
      .execute();
    await held.set({ holder: null }).execute();
  });
}

/** What may be said of a session later: where it stands, never what was measured. */
export async function updateSession(
  ledger: Ledger,
  id: number,
  fields: Partial<
    Pick<
      Selectable<SessionTable>,
      "status" | "stopReason" | "holder" | "endedAt" | "spentMs" | "isolation" | "level" | "pins"
    >
  >,
): Promise<void> {
  await ledger.db.updateTable("sessions").set(fields).where("id", "=", id).execute();
}

/** A proposal rests on an incumbent that a person's verdict may have taken away. */
export class StaleIncumbent extends Error {}

/**
 * Records a proposal with its change, violations and cost in one transaction and gives it the next number.
 *
 * @throws StaleIncumbent when a person has given a verdict meanwhile: the incumbent may be another one.
 */
export async function addExperiment(
  ledger: Ledger,
  experiment: NewExperiment,
): Promise<{ id: number; number: number }> {
  const { changes, violations, proposeMs, reviewed, turns = [], earlierTurns = [], box, ...row } = experiment;
  return ledger.db.transaction().execute(async (tx) => {
    if ((await reviewCount(tx, row.sessionId)) !== reviewed) throw new StaleIncumbent();
    const last = await tx
      .selectFrom("experiments")
      .select("number")
      .where("sessionId", "=", row.sessionId)
      .orderBy("number", "desc")
      .limit(1)
      .executeTakeFirst();
    const number = (last?.number ?? 0) + 1;
    const { id } = await tx
      .insertInto("experiments")
      .values({ ...row, number })
      .returning("id")
      .executeTakeFirstOrThrow();
    await tx
      .insertInto("changes")
      .values({
        experimentId: id,
        after: JSON.stringify(changes.after),
        before: JSON.stringify(changes.before),
        diff: changes.diff,
      })
      .execute();
    await link(tx, "experiments", id);
    if (box) await boxExperiment(tx, { sessionId: row.sessionId, experimentId: id }, box);
    await link(tx, "changes", id);
    if (violations.length > 0) {
      const found = await tx
        .insertInto("violations")
        .values(violations.map((violation) => ({ ...violation, experimentId: id })))
        .returning("id")
        .execute();
      for (const violation of found) await link(tx, "violations", violation.id);
    }
    await insertTurns(tx, row.sessionId, id, turns);
    if (earlierTurns.length > 0)
      await tx.updateTable("turns").set({ experimentId: id }).where("id", "in", earlierTurns).execute();
    const { input, output, dollars } = await usageOfTurns(tx, id);
    await tx
      .insertInto("costs")
      .values({
        ...{ experimentId: id, kind: "propose", ms: proposeMs },
        ...{ tokensIn: input, tokensOut: output, dollars },
      })
      .execute();
    return { id, number };
  });
}

/** What the turns of an experiment cost together; unknown as soon as one of them does not say. */
async function usageOfTurns(tx: Kysely<Schema>, experimentId: number): Promise<Usage> {
  const turns = await tx
    .selectFrom("turns")
    .select(["tokensIn", "tokensOut", "tokensCached", "dollars"])
    .where("experimentId", "=", experimentId)
    .execute();
  let sum: Usage = unknownUsage;
  for (const turn of turns)
    sum = added(sum, {
      ...{ input: turn.tokensIn, output: turn.tokensOut, cached: turn.tokensCached, dollars: turn.dollars },
    });
  const whole = (part: "tokensIn" | "tokensOut" | "dollars", value: number | null) =>
    turns.some((turn) => turn[part] === null) ? null : value;
  return {
    input: whole("tokensIn", sum.input),
    output: whole("tokensOut", sum.output),
    cached: sum.cached,
    dollars: whole("dollars", sum.dollars),
  };
}

export async function setCandidateCommit(
  ledger: Ledger,
  experimentId: number,
  commit: string,
): Promise<void> {
  await ledger.db
    .updateTable("experiments")
    .set({ commitId: commit })
    .where("id", "=", experimentId)
    .execute();
}

export async function setLesson(
  ledger: Ledger,
  experimentId: number,
  verdict: "confirmed" | "refuted" | null,
  lesson: string,
): Promise<void> {
  await ledger.db
    .updateTable("experiments")
    .set({ verdict, lesson })
    .where("id", "=", experimentId)
    .execute();
}

export async function addEvaluation(ledger: Ledger, evaluation: Insertable<EvaluationTable>): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const { id } = await tx
      .insertInto("evaluations")
      .values(evaluation)
      .returning("id")
      .executeTakeFirstOrThrow();
    await link(tx, "evaluations", id);
  });
}

/** Records a decision, what measuring it cost and, where a machine draws one, its lesson: all of it or nothing. */
export async function addDecision(
  ledger: Ledger,
  decision: Insertable<DecisionTable>,
  lesson: { verdict: "confirmed" | "refuted" | null; text: string } | null = null,
): Promise<void> {
  const { experimentId, wallMs } = decision;
  await ledger.db.transaction().execute(async (tx) => {
    await tx.insertInto("decisions").values(decision).execute();
    await link(tx, "decisions", experimentId);
    await tx.insertInto("costs").values({ experimentId, kind: "evaluate", ms: wallMs }).execute();
    if (lesson)
      await tx
        .updateTable("experiments")
        .set({ verdict: lesson.verdict, lesson: lesson.text })
        .where("id", "=", experimentId)
        .execute();
  });
}

export async function setKeepCommit(
  ledger: Ledger,
  experimentId: number,
  commit: string | null,
): Promise<void> {
  await ledger.db
    .updateTable("decisions")
    .set({ keepCommit: commit })
    .where("experimentId", "=", experimentId)
    .execute();
}

export async function addAudit(ledger: Ledger, audit: Insertable<AuditTable>): Promise<number> {
  const { id } = await ledger.db.insertInto("audits").values(audit).returning("id").executeTakeFirstOrThrow();
  return id;
}

export async function endAudit(
  ledger: Ledger,
  id: number,
  result: Pick<Selectable<AuditTable>, "endedAt" | "baselineMean" | "finalMean" | "effect" | "low" | "high">,
): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    await tx.updateTable("audits").set(result).where("id", "=", id).execute();
    await link(tx, "audits", id);
  });
}

/** An audit that was measured while what judges changed: it is never gone on with, and its runs stay on record. */
export async function spoilAudit(ledger: Ledger, id: number): Promise<void> {
  await ledger.db
    .updateTable("audits")
    .set((eb) => ({ finalState: eb(eb.val("spoilt "), "||", eb.ref("finalState")) }))
    .where("id", "=", id)
    .execute();
}

export async function addProbe(ledger: Ledger, probe: Insertable<ProbeTable>): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const { id } = await tx.insertInto("probes").values(probe).returning("id").executeTakeFirstOrThrow();
    await link(tx, "probes", id);
  });
}

/**
 * Records a person's verdict on a keep; what has been proposed until now rests on the incumbent of now.
 *
 * @returns false when there is one already: the first one counts.
 */
export async function addReview(
  ledger: Ledger,
  sessionId: number,
  review: Omit<Insertable<ReviewTable>, "id" | "afterNumber" | "commitId">,
): Promise<boolean> {
  return ledger.db.transaction().execute(async (tx) => {
    const last = await tx
      .selectFrom("experiments")
      .select("number")
      .where("sessionId", "=", sessionId)
      .orderBy("number", "desc")
      .limit(1)
      .executeTakeFirstOrThrow();
    const added = await tx
      .insertInto("reviews")
      .values({ ...review, afterNumber: last.number, commitId: null })
      .onConflict((on) => on.column("experimentId").doNothing())
      .returning("id")
      .executeTakeFirst();
    if (added) await link(tx, "reviews", added.id);
    return added !== undefined;
  });
}

/** How many verdicts have been given in a session. */
export async function reviewCount(db: Kysely<Schema>, sessionId: number): Promise<number> {
  const { n } = await db
    .selectFrom("reviews as r")
    .innerJoin("experiments as e", "e.id", "r.experimentId")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where("e.sessionId", "=", sessionId)
    .executeTakeFirstOrThrow();
  return Number(n);
}

export async function setReviewCommit(
  ledger: Ledger,
  experimentId: number,
  commit: string | null,
): Promise<void> {
  await ledger.db
    .updateTable("reviews")
    .set({ commitId: commit })
    .where("experimentId", "=", experimentId)
    .execute();
}

export type Table<Name extends keyof Schema> = Selectable<Schema[Name]>;
