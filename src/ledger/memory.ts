import type { Ledger } from "./ledger.ts";
import type { ExperimentRow } from "./queries.ts";
import type { DecisionTable } from "./schema.ts";

/** What a briefing needs of an experiment. */
export type Remembered = Pick<
  ExperimentRow,
  "id" | "number" | "researcher" | "what" | "mechanism" | "verdict" | "lesson"
> &
  Pick<DecisionTable, "kind" | "effect" | "t" | "value" | "reason">;

/** Which experiments; the newest of them, or those with the highest t. */
export interface Recall {
  kinds: readonly DecisionTable["kind"][];
  /** Only those whose improvement in standard errors is above (or is not above, or is unknown). */
  t?: { above: number } | { notAbove: number };
  order: "newest" | "t";
  limit: number;
  /** Only among so many of the session's newest experiments, which bounds the time that this takes. */
  among: number;
}

/** Decided experiments of a session, in the order that was asked for. */
export async function recall(ledger: Ledger, sessionId: number, wanted: Recall): Promise<Remembered[]> {
  const last = await lastNumber(ledger, sessionId);
  let query = rememberedQuery(ledger)
    .where("e.sessionId", "=", sessionId)
    .where("e.number", ">", last - wanted.among)
    .where("d.kind", "in", wanted.kinds)
    .limit(wanted.limit);
  const { t } = wanted;
  if (t && "above" in t) query = query.where("d.t", ">", t.above);
  if (t && "notAbove" in t)
    query = query.where((eb) => eb.or([eb("d.t", "<=", t.notAbove), eb("d.t", "is", null)]));
  return (wanted.order === "t" ? query.orderBy("d.t", "desc") : query).orderBy("e.number", "desc").execute();
}

/** The newest keeps of a session, newest first; however rare they are, the index on the kind finds them. */
export async function newestKeeps(ledger: Ledger, sessionId: number, limit: number): Promise<Remembered[]> {
  return rememberedQuery(ledger)
    .where("d.kind", "=", "keep")
    .where("e.sessionId", "=", sessionId)
    .orderBy("d.experimentId", "desc")
    .limit(limit)
    .execute();
}

function rememberedQuery(ledger: Ledger) {
  return ledger.db
    .selectFrom("experiments as e")
    .innerJoin("decisions as d", "d.experimentId", "e.id")
    .select(["e.id", "e.number", "e.researcher", "e.what", "e.mechanism"])
    .select(["e.verdict", "e.lesson"])
    .select(["d.kind", "d.effect", "d.t", "d.value", "d.reason"]);
}

async function lastNumber(ledger: Ledger, sessionId: number): Promise<number> {
  const row = await ledger.db
    .selectFrom("experiments")
    .select("number")
    .where("sessionId", "=", sessionId)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.number ?? 0;
}

/** One thing that a researcher was asked for in a session: an experiment, or a turn that came to nothing. */
export interface Pull {
  researcher: string;
  at: number;
  /** Expected gain of a keep, in the metric's unit; 0 otherwise. */
  gain: number;
  /** Milliseconds of evaluation. */
  ms: number;
  /** Null: not known. Mechanical researchers cost none. */
  dollars: number | null;
}

/** The newest pulls of a session, oldest first. */
export async function pulls(ledger: Ledger, sessionId: number, limit: number): Promise<Pull[]> {
  const made = await ledger.db
    .selectFrom("experiments as e")
    .innerJoin("decisions as d", "d.experimentId", "e.id")
    .leftJoin("costs as c", (join) => join.onRef("c.experimentId", "=", "e.id").on("c.kind", "=", "propose"))
    .select([
      "e.researcher",
      "e.proposedAt as at",
      "d.kind",
      "d.effect",
      "d.pReal",
      "d.wallMs as ms",
      "c.dollars",
    ])
    .where("e.sessionId", "=", sessionId)
    .orderBy("e.number", "desc")
    .limit(limit)
    .execute();
  const fruitless = await ledger.db
    .selectFrom("turns")
    .select(["researcher", "startedAt as at", "dollars"])
    .where("sessionId", "=", sessionId)
    .where("experimentId", "is", null)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return [
    ...made.map(({ kind, effect, pReal, ...pull }) => ({
      ...pull,
      gain: kind === "keep" ? Math.max(0, (pReal ?? 1) * (effect ?? 0)) : 0,
    })),
    ...fruitless.map((turn) => ({ ...turn, gain: 0, ms: 0 })),
  ]
    .sort((a, b) => a.at - b.at)
    .slice(-limit);
}
