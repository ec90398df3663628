import type { Insertable, Selectable, Updateable } from "kysely";
import type { Ledger } from "./ledger.ts";
import type { SkillEvaluationTable, TrialTable } from "./schema.ts";
import type { SkillEvaluationRow } from "./skillLibrary.ts";
import type { Arm, Trial } from "./trial.ts";

export type EvaluationKind = SkillEvaluationTable["kind"];

/** What makes two evaluations the same one, to be gone on with. */
export interface EvaluationKey {
  skillVersionId: number | null;
  kind: EvaluationKind;
  suiteHash: string;
  /** JSON; all that its runs depend on. */
  setup: string;
  agent: string;
}

/** The newest evaluation with this key that is over, or that was begun and is not; null: there is none. */
export async function evaluationOf(
  ledger: Ledger,
  { skillVersionId, kind, suiteHash, setup, agent }: EvaluationKey,
  { ended }: { ended: boolean },
): Promise<SkillEvaluationRow | null> {
  const row = await ledger.db
    .selectFrom("skillEvaluations")
    .selectAll()
    .where("skillVersionId", skillVersionId === null ? "is" : "=", skillVersionId)
    .where("kind", "=", kind)
    .where("suiteHash", "=", suiteHash)
    .where("setup", "=", setup)
    .where("agent", "=", agent)
    .where("endedAt", ended ? "is not" : "is", null)
    .orderBy("id", "desc")
    .executeTakeFirst();
  return row ?? null;
}

export async function addSkillEvaluation(
  ledger: Ledger,
  evaluation: Omit<Insertable<SkillEvaluationTable>, "id">,
): Promise<SkillEvaluationRow> {
  return ledger.db.insertInto("skillEvaluations").values(evaluation).returningAll().executeTakeFirstOrThrow();
}

export async function updateSkillEvaluation(
  ledger: Ledger,
  id: number,
  fields: Updateable<SkillEvaluationTable>,
): Promise<void> {
  await ledger.db.updateTable("skillEvaluations").set(fields).where("id", "=", id).execute();
}

/** All evaluations, or those of some kinds; newest first. */
export async function evaluationRows(
  ledger: Ledger,
  { kinds, limit = 100 }: { kinds?: readonly EvaluationKind[]; limit?: number } = {},
): Promise<SkillEvaluationRow[]> {
  let query = ledger.db.selectFrom("skillEvaluations").selectAll().orderBy("id", "desc").limit(limit);
  if (kinds) query = query.where("kind", "in", kinds);
  return query.execute();
}

export async function evaluationRow(ledger: Ledger, id: number): Promise<SkillEvaluationRow | null> {
  return (
    (await ledger.db.selectFrom("skillEvaluations").selectAll().where("id", "=", id).executeTakeFirst()) ??
    null
  );
}

/** A recorded run of an A/B test. */
export interface TrialRow extends Omit<Selectable<TrialTable>, "trial" | "arm"> {
  arm: Arm;
  trial: Trial;
}

/** Records one run, in the order of the test's questions; a recorded one never changes. */
export async function addTrial(ledger: Ledger, row: Omit<TrialRow, "id">): Promise<void> {
  await ledger.db
    .insertInto("trials")
    .values({ ...row, trial: JSON.stringify(row.trial) })
    .execute();
}

/** The runs of one evaluation, in the order of the test's questions. */
export async function trialsOf(ledger: Ledger, evaluationId: number): Promise<TrialRow[]> {
  const rows = await ledger.db
    .selectFrom("trials")
    .selectAll()
    .where("evaluationId", "=", evaluationId)
    .orderBy("position")
    .execute();
  return rows.map(parsed);
}

/** A run together with what was tested, and with whom. */
export interface TestedTrial extends TrialRow {
  skillVersionId: number;
  skill: string;
  version: number;
  agent: string;
  agentVersion: string | null;
  model: string | null;
  kind: EvaluationKind;
}

/** Every run of every test of a skill: for the transfer matrix. */
export async function testedTrials(
  ledger: Ledger,
  { skill, kinds = ["test", "sealed"] }: { skill?: string; kinds?: readonly EvaluationKind[] } = {},
): Promise<TestedTrial[]> {
  let query = ledger.db
    .selectFrom("trials as t")
    .innerJoin("skillEvaluations as e", "e.id", "t.evaluationId")
    .innerJoin("skillVersions as v", "v.id", "e.skillVersionId")
    .innerJoin("skills as s", "s.id", "v.skillId")
    .selectAll("t")
    .select([
      "v.id as skillVersionId",
      "s.name as skill",
      "v.version",
      "e.agent",
      "e.agentVersion",
      "e.model",
    ])
    .select("e.kind")
    .where("e.kind", "in", kinds)
    .orderBy("t.id");
  if (skill !== undefined) query = query.where("s.name", "=", skill);
  return (await query.execute()).map((row) => ({ ...row, ...parsed(row) }));
}

function parsed(row: Selectable<TrialTable>): TrialRow {
  return { ...row, arm: row.arm as Arm, trial: JSON.parse(row.trial) as Trial };
}

/**
 * Notes that a suite's sealed goals are opened for a version: once each. The counter is over all versions: each opening
 * tells the library something about these goals.
 *
 * @returns `first`: it was not open for this version before.
 */
export async function openSealed(
  ledger: Ledger,
  suiteHash: string,
  skillVersionId: number,
  openedAt: number,
): Promise<{ first: boolean; openings: number }> {
  const result = await ledger.db
    .insertInto("sealedOpenings")
    .values({ suiteHash, skillVersionId, openedAt })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return {
    first: (result.numInsertedOrUpdatedRows ?? 0n) > 0n,
    openings: await sealedOpenings(ledger, suiteHash),
  };
}

/** For how many versions a suite's sealed goals were opened. */
export async function sealedOpenings(ledger: Ledger, suiteHash: string): Promise<number> {
  const row = await ledger.db
    .selectFrom("sealedOpenings")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("suiteHash", "=", suiteHash)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Goals by their ids, as far as it takes to know them again: what taught a skill is never a test for it. */
export async function goalTexts(
  ledger: Ledger,
  goals: readonly number[],
): Promise<{ id: number; hash: string; title: string; text: string; family: string }[]> {
  const all: { id: number; hash: string; title: string; text: string; family: string }[] = [];
  for (let start = 0; start < goals.length; start += 10_000) {
    const rows = await ledger.db
      .selectFrom("goals")
      .select(["id", "goalHash as hash", "title", "goal", "family"])
      .where("id", "in", goals.slice(start, start + 10_000))
      .execute();
    for (const { goal, ...row } of rows) {
      const { text = row.title } = JSON.parse(goal) as { text?: string };
      all.push({ ...row, text });
    }
  }
  return all;
}

/**
 * What tests and the forge have taken since a time, whoever began them: runs of goals, tokens and dollars as far as they
 * were told, milliseconds of all turns.
 */
export async function forgeSpending(
  ledger: Ledger,
  since: number,
): Promise<{ runs: number; tokens: number; dollars: number; ms: number }> {
  const { runs } = await ledger.db
    .selectFrom("goals")
    .where("purpose", "=", "trial")
    .where("createdAt", ">=", since)
    .select((eb) => eb.fn.countAll<number>().as("runs"))
    .executeTakeFirstOrThrow();
  const { tokensIn, tokensOut, dollars, ms } = await ledger.db
    .selectFrom("turns")
    .where("startedAt", ">=", since)
    .where((eb) =>
      eb.or([
        eb("purpose", "=", "forge"),
        eb("goalId", "in", eb.selectFrom("goals").select("id").where("purpose", "=", "trial")),
      ]),
    )
    .select((eb) => [
      eb.fn.coalesce(eb.fn.sum<number>("tokensIn"), eb.lit(0)).as("tokensIn"),
      eb.fn.coalesce(eb.fn.sum<number>("tokensOut"), eb.lit(0)).as("tokensOut"),
      eb.fn.coalesce(eb.fn.sum<number>("dollars"), eb.lit(0)).as("dollars"),
      eb.fn.coalesce(eb.fn.sum<number>("wallMs"), eb.lit(0)).as("ms"),
    ])
    .executeTakeFirstOrThrow();
  return {
    ...{ runs: Number(runs), tokens: Number(tokensIn) + Number(tokensOut) },
    ...{ dollars: Number(dollars), ms: Number(ms) },
  };
}
