import { type Insertable, type Kysely, type Selectable, sql } from "kysely";
import { UserError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";
import type {
  Schema,
  SkillEvaluationTable,
  SkillRelationTable,
  SkillTable,
  SkillUseTable,
  SkillVersionTable,
} from "./schema.ts";

export type SkillRow = Selectable<SkillTable>;
export type SkillVersionRow = Selectable<SkillVersionTable>;
export type SkillEvaluationRow = Selectable<SkillEvaluationTable>;
export type SkillRelationRow = Selectable<SkillRelationTable>;
export type NewSkillVersion = Omit<Insertable<SkillVersionTable>, "id" | "skillId" | "version">;

/**
 * Records a skill with its first version.
 *
 * @throws UserError when the name is taken.
 */
export async function insertSkill(
  ledger: Ledger,
  skill: Omit<Insertable<SkillTable>, "id" | "currentVersion" | "pinned">,
  version: NewSkillVersion,
): Promise<{ skillId: number; versionId: number }> {
  return ledger.db.transaction().execute(async (tx) => {
    const taken = await tx
      .selectFrom("skills")
      .select("id")
      .where("name", "=", skill.name)
      .executeTakeFirst();
    if (taken)
      throw new UserError(
        `there is already a skill "${skill.name}" in the library, and it was not touched`,
        "add a version to it, or choose another name",
      );
    const { id } = await tx
      .insertInto("skills")
      .values({ ...skill, currentVersion: 1 })
      .returning("id")
      .executeTakeFirstOrThrow();
    const row = await tx
      .insertInto("skillVersions")
      .values({ ...version, skillId: id, version: 1 })
      .returning("id")
      .executeTakeFirstOrThrow();
    return { skillId: id, versionId: row.id };
  });
}

/** Records a further version under the next number; which one is in use does not change. */
export async function insertSkillVersion(
  ledger: Ledger,
  skillId: number,
  version: NewSkillVersion,
): Promise<{ id: number; version: number }> {
  return ledger.db.transaction().execute(async (tx) => {
    const { last } = await tx
      .selectFrom("skillVersions")
      .select((eb) => eb.fn.max("version").as("last"))
      .where("skillId", "=", skillId)
      .executeTakeFirstOrThrow();
    return tx
      .insertInto("skillVersions")
      .values({ ...version, skillId, version: (last ?? 0) + 1 })
      .returning(["id", "version"])
      .executeTakeFirstOrThrow();
  });
}

export async function skillRow(ledger: Ledger, name: string): Promise<SkillRow | null> {
  return (
    (await ledger.db.selectFrom("skills").selectAll().where("name", "=", name).executeTakeFirst()) ?? null
  );
}

/** All of them, in the order of their names. */
export async function skillRows(ledger: Ledger): Promise<SkillRow[]> {
  return ledger.db.selectFrom("skills").selectAll().orderBy("name").execute();
}

/** Oldest first. */
export async function skillVersionRows(ledger: Ledger, skillId: number): Promise<SkillVersionRow[]> {
  return ledger.db
    .selectFrom("skillVersions")
    .selectAll()
    .where("skillId", "=", skillId)
    .orderBy("version")
    .execute();
}

export async function skillVersionRow(ledger: Ledger, id: number): Promise<SkillVersionRow | null> {
  return (
    (await ledger.db.selectFrom("skillVersions").selectAll().where("id", "=", id).executeTakeFirst()) ?? null
  );
}

/** Several versions at once, in the order of the ids; those that are not there are left out. */
export async function skillVersionsById(ledger: Ledger, ids: readonly number[]): Promise<SkillVersionRow[]> {
  if (ids.length === 0) return [];
  const rows = await ledger.db.selectFrom("skillVersions").selectAll().where("id", "in", ids).execute();
  return rows.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
}

export async function updateSkill(
  ledger: Ledger,
  id: number,
  fields: Partial<Pick<SkillRow, "status" | "origin" | "currentVersion" | "pinned" | "path">>,
): Promise<void> {
  await ledger.db.updateTable("skills").set(fields).where("id", "=", id).execute();
}

/** What is found out of a version later; its text never changes. A skill in use takes over its version's status. */
export async function updateSkillVersion(
  ledger: Ledger,
  id: number,
  fields: Partial<Pick<SkillVersionRow, "status" | "decision" | "effectivenessScore">>,
): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const row = await tx
      .updateTable("skillVersions")
      .set(fields)
      .where("id", "=", id)
      .returning(["skillId", "version"])
      .executeTakeFirstOrThrow();
    if (fields.status !== undefined)
      await tx
        .updateTable("skills")
        .set({ status: fields.status })
        .where("id", "=", row.skillId)
        .where("currentVersion", "=", row.version)
        .where("status", "!=", "archived")
        .execute();
  });
}

/**
 * Records how one skill stands to another; a second time changes nothing.
 *
 * @throws UserError when skills would, over any number of others, depend on or supersede themselves.
 */
export async function insertSkillRelation(
  ledger: Ledger,
  relation: Insertable<SkillRelationTable>,
): Promise<void> {
  const { fromSkill, toSkill, kind } = relation;
  await ledger.db.transaction().execute(async (tx) => {
    if (fromSkill === toSkill) throw new UserError(`a skill cannot stand in "${kind}" to itself`);
    if (kind !== "composes with") {
      const way = await pathBetween(tx, toSkill, fromSkill, kind);
      if (way !== null) {
        const [first = "", ...rest] = await namesOf(tx, way);
        throw new UserError(
          `that would be a circle: ${[first, ...rest].join(` ${kind} `)} already`,
          `take one of these relations away first: \`whet skill relate ${first} "${kind}" ${rest[0] ?? ""} --remove\``,
        );
      }
    }
    await tx
      .insertInto("skillRelations")
      .values(relation)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

/** @returns false when there was no such relation. */
export async function deleteSkillRelation(
  ledger: Ledger,
  relation: Pick<SkillRelationRow, "fromSkill" | "toSkill" | "kind">,
): Promise<boolean> {
  const { numDeletedRows } = await ledger.db
    .deleteFrom("skillRelations")
    .where("fromSkill", "=", relation.fromSkill)
    .where("toSkill", "=", relation.toSkill)
    .where("kind", "=", relation.kind)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function skillRelationRows(ledger: Ledger): Promise<SkillRelationRow[]> {
  return ledger.db.selectFrom("skillRelations").selectAll().execute();
}

async function pathBetween(
  tx: Kysely<Schema>,
  from: number,
  to: number,
  kind: SkillRelationRow["kind"],
): Promise<number[] | null> {
  const edges = await tx
    .selectFrom("skillRelations")
    .select(["fromSkill", "toSkill"])
    .where("kind", "=", kind)
    .execute();
  const next = Map.groupBy(edges, (edge) => edge.fromSkill);
  const ways: number[][] = [[from]];
  const seen = new Set([from]);
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const last = way.at(-1) as number;
    if (last === to) return way;
    for (const { toSkill } of next.get(last) ?? [])
      if (!seen.has(toSkill)) {
        seen.add(toSkill);
        ways.push([...way, toSkill]);
      }
  }
  return null;
}

async function namesOf(tx: Kysely<Schema>, ids: readonly number[]): Promise<string[]> {
  const rows = await tx.selectFrom("skills").select(["id", "name"]).where("id", "in", ids).execute();
  return ids.map((id) => rows.find((row) => row.id === id)?.name ?? `#${id}`);
}

/** What a choice among skills needs of each one that is in use, without unpacking any. */
export interface CatalogueRow {
  skillId: number;
  versionId: number;
  version: number;
  name: string;
  category: string | null;
  status: string;
  description: string;
  allowedTools: string;
}

export async function catalogueRows(ledger: Ledger, statuses: readonly string[]): Promise<CatalogueRow[]> {
  if (statuses.length === 0) return [];
  // Named as they are wanted: renaming row by row would be a third of the time, in every injection.
  const { rows } = await sql<CatalogueRow>`
    select s.id as "skillId", v.id as "versionId", v.version, s.name, s.category, s.status, v.description,
      v.allowed_tools as "allowedTools"
    from skills s join skill_versions v on v.skill_id = s.id and v.version = s.current_version
    where s.status in (${sql.join(statuses)}) order by s.name`.execute(ledger.db);
  return rows;
}

/** One version for the catalogue, whatever its status and whether it is in use. */
export async function catalogueRow(ledger: Ledger, versionId: number): Promise<CatalogueRow | null> {
  return (
    (await ledger.db
      .selectFrom("skillVersions as v")
      .innerJoin("skills as s", "s.id", "v.skillId")
      .select([
        "s.id as skillId",
        "v.id as versionId",
        "v.version",
        "s.name",
        "s.category",
        "s.status",
        "v.description",
        "v.allowedTools",
      ])
      .where("v.id", "=", versionId)
      .executeTakeFirst()) ?? null
  );
}

/** Records that versions were offered; returns the ids of the uses in the same order. */
export async function insertSkillUses(
  ledger: Ledger,
  uses: readonly Omit<Insertable<SkillUseTable>, "id">[],
): Promise<number[]> {
  if (uses.length === 0) return [];
  const rows = await ledger.db.insertInto("skillUses").values(uses).returning("id").execute();
  return rows.map((row) => row.id).sort((a, b) => a - b);
}

/** Says of a use, once it is known, which turn it belongs to or whether the skill was read. */
export async function updateSkillUse(
  ledger: Ledger,
  id: number,
  fields: Partial<Pick<Selectable<SkillUseTable>, "turnId" | "loaded">>,
): Promise<void> {
  await ledger.db.updateTable("skillUses").set(fields).where("id", "=", id).execute();
}

/** How often a skill's versions were offered, and read, in work: runs of tests are no use of a skill. */
export async function skillUseCounts(
  ledger: Ledger,
): Promise<Map<number, { uses: number; loaded: number; lastUsedAt: number }>> {
  const rows = await ledger.db
    .selectFrom("skillUses as u")
    .innerJoin("skillVersions as v", "v.id", "u.skillVersionId")
    .leftJoin("turns as t", "t.id", "u.turnId")
    .leftJoin("goals as g", "g.id", "t.goalId")
    .where((eb) => eb.or([eb("g.id", "is", null), eb("g.purpose", "=", "goal")]))
    .where((eb) => eb.or([eb("t.id", "is", null), eb("t.purpose", "<>", "forge")]))
    .select((eb) => [
      "v.skillId",
      eb.fn.countAll<number>().as("uses"),
      eb.fn.sum<number | null>("u.loaded").as("loaded"),
      eb.fn.max("u.usedAt").as("lastUsedAt"),
    ])
    .groupBy("v.skillId")
    .execute();
  return new Map(
    rows.map((row) => [
      row.skillId,
      { uses: Number(row.uses), loaded: Number(row.loaded ?? 0), lastUsedAt: row.lastUsedAt },
    ]),
  );
}

/** Evaluations of all versions of a skill, oldest first. */
export async function skillEvaluationRows(ledger: Ledger, skillId: number): Promise<SkillEvaluationRow[]> {
  return ledger.db
    .selectFrom("skillEvaluations as e")
    .innerJoin("skillVersions as v", "v.id", "e.skillVersionId")
    .selectAll("e")
    .where("v.skillId", "=", skillId)
    .orderBy("e.id")
    .execute();
}

/** The runs of one evaluation, by arm: `Trial`s as JSON. */
export async function trialTexts(
  ledger: Ledger,
  evaluationId: number,
): Promise<{ arm: string; trial: string }[]> {
  return ledger.db
    .selectFrom("trials")
    .select(["arm", "trial"])
    .where("evaluationId", "=", evaluationId)
    .orderBy("position")
    .execute();
}
