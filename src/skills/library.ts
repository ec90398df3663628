import { UserError } from "../errors.ts";
import {
  deleteSkillRelation,
  insertSkill,
  insertSkillRelation,
  insertSkillVersion,
  type Ledger,
  type SkillRelationRow,
  type SkillRow,
  type SkillVersionRow,
  skillEvaluationRows,
  skillRelationRows,
  skillRow,
  skillVersionRow,
  skillVersionRows,
  updateSkill,
  updateSkillVersion,
} from "../ledger/index.ts";
import { diffText } from "../repo/index.ts";
import { type Ancestor, withoutEvolution } from "./evolution.ts";
import type { Skill, SkillStatus } from "./skill.ts";
import { contentHash, packed, unpacked } from "./stored.ts";
import { substanceHash } from "./substance.ts";
import { validateSkill } from "./validate.ts";
import { filesOf } from "./write.ts";

export type RelationKind = SkillRelationRow["kind"];
export const relationKinds: readonly RelationKind[] = ["composes with", "depends on", "supersedes"];

/** A sentence about a skill with the trace events that it rests on, e.g. `turn 12, event 4`. */
export interface Claim {
  claim: string;
  events: string[];
}

/** Where a version comes from. */
export interface Provenance {
  /** Goals whose traces taught it: never test goals for it. */
  sourceGoals?: readonly number[];
  sourceFamilies?: readonly string[];
  claims?: readonly Claim[];
  traceAnalysisSummary?: string;
}

export interface NewSkill extends Provenance {
  skill: Skill;
  /** `person`, `forge`, or where it was imported from. */
  origin: string;
  category?: string;
  /** Its folder on disk, where it has one. */
  path?: string;
  /** Default `draft`: nothing is proven yet. */
  status?: SkillStatus;
}

export interface VersionKey {
  skillId: number;
  versionId: number;
  version: number;
}

/**
 * Takes a skill into the library as its version 1, a draft.
 *
 * @throws UserError when it is no valid skill, or its name is taken: what is there is never overwritten.
 */
export async function addSkill(ledger: Ledger, given: NewSkill, now = Date.now()): Promise<VersionKey> {
  const skill = withoutEvolution(given.skill);
  requireValid(skill);
  const status = given.status ?? "draft";
  const { skillId, versionId } = await insertSkill(
    ledger,
    {
      name: skill.name,
      status,
      origin: given.origin,
      category: given.category ?? skill.metadata.category ?? null,
      path: given.path ?? null,
      createdAt: now,
    },
    {
      ...columns(skill, given),
      status,
      instructionsDiff: "",
      parentVersionId: null,
      createdAt: now,
    },
  );
  return { skillId, versionId, version: 1 };
}

export interface NewVersion extends Provenance {
  skill: Skill;
  /**
   * `person`, `forge`, ...: who wrote it. `folder`: a person as well, whose text is only looked at: what is in use does not
   * change by that.
   */
  by: string;
  /** Number of the version that it was made from; default: the one in use. */
  parent?: number;
  status?: SkillStatus;
  /** True: what differs in white space, metadata or tests only is no version of its own. Default: so for the forge's. */
  loose?: boolean;
}

/**
 * Records a further version of a skill. A person's own is in use at once, unless another one is pinned; everybody else's
 * waits for `settleVersion`. A text that the library has already is not recorded twice.
 *
 * @throws UserError when there is no such skill or parent, or it is no valid skill.
 */
export async function addVersion(
  ledger: Ledger,
  name: string,
  given: NewVersion,
  now = Date.now(),
): Promise<VersionKey & { fresh: boolean }> {
  const row = await requireSkill(ledger, name);
  const skill = withoutEvolution(given.skill);
  if (skill.name !== name)
    throw new UserError(
      `a version of "${name}" cannot be called "${skill.name}"`,
      `write name: ${name}, or add it as a skill of its own`,
    );
  requireValid(skill);
  const versions = await skillVersionRows(ledger, row.id);
  const hash = contentHash(skill);
  const substance = (given.loose ?? given.by === "forge") ? substanceHash(skill) : null;
  const known = versions.find(
    (each) =>
      each.contentHash === hash || (substance !== null && substanceHash(unpacked(each.skill)) === substance),
  );
  if (known) return { skillId: row.id, versionId: known.id, version: known.version, fresh: false };
  const parent = versionOf(name, versions, given.parent ?? row.currentVersion);
  const status = given.status ?? "draft";
  const { id, version } = await insertSkillVersion(ledger, row.id, {
    ...columns(skill, given),
    status,
    instructionsDiff: difference(unpacked(parent.skill), skill),
    parentVersionId: parent.id,
    createdAt: now,
  });
  // From here on it is a person's text, whoever wrote the versions before.
  if (given.by === "person" || given.by === "folder") await updateSkill(ledger, row.id, { origin: "person" });
  if (given.by === "person" && row.pinned === 0)
    await updateSkill(ledger, row.id, {
      currentVersion: version,
      ...(isPutAway(row, versions) ? {} : { status }),
    });
  return { skillId: row.id, versionId: id, version, fresh: true };
}

/** What was found out about a version. */
export interface Settlement {
  status: SkillStatus;
  /** Why. */
  decision: string;
  /** SES, 0 to 100; null: not measured. */
  score: number | null;
  /** A person has agreed that it takes the place of their own text. */
  agreed?: boolean;
}

/**
 * Records the outcome of testing a version. A proven one (validated, gold) comes into use, except over a pinned version,
 * and over a person's text only where it is a person's as well or the person agreed. That a discard took the skill out of use does not hold up a
 * later version that is proven; that a person archived it does.
 *
 * @returns whether agents are offered it now, and if not, why.
 */
export async function settleVersion(
  ledger: Ledger,
  versionId: number,
  { status, decision, score, agreed = false }: Settlement,
): Promise<{ inUse: boolean; why: string }> {
  const { row, version } = await skillOfVersion(ledger, versionId);
  const versions = await skillVersionRows(ledger, row.id);
  const away = isPutAway(row, versions);
  await updateSkillVersion(ledger, versionId, { status, decision, effectivenessScore: score });
  if (!isProven(status))
    return {
      inUse: false,
      why: `it is ${status === "draft" ? "a draft" : status}, and only what is proven is offered to agents`,
    };
  if (away)
    return {
      inUse: false,
      why: `${row.name} is archived: \`whet skill archive ${row.name} --restore\` takes it back`,
    };
  if (row.currentVersion !== version.version && row.pinned === 1)
    return { inUse: false, why: `version ${row.currentVersion} is pinned` };
  const ownOverForged =
    !isForged(version) && versions.some((each) => each.version === row.currentVersion && isForged(each));
  if (row.currentVersion !== version.version && row.origin === "person" && !agreed && !ownOverForged)
    return {
      inUse: false,
      why: `it would take the place of a person's text: \`whet skill rollback ${row.name} --to ${version.version}\` takes it into use`,
    };
  await updateSkill(ledger, row.id, { currentVersion: version.version, status });
  return { inUse: true, why: "it is proven" };
}

/** The forge says of its versions what it learned them from. */
const isForged = ({ traceAnalysisSummary }: SkillVersionRow) => traceAnalysisSummary !== null;

/** Whether a skill of this status is offered to agents by default. */
export const isProven = (status: string) => status === "validated" || status === "gold";

/** A version's status changes without a new measurement, e.g. to `unverified` when model or tools changed. */
export async function setStatus(ledger: Ledger, versionId: number, status: SkillStatus): Promise<void> {
  await updateSkillVersion(ledger, versionId, { status });
}

/** A skill as it was recorded; default: the version in use. */
export async function skillOf(ledger: Ledger, name: string, version?: number): Promise<Skill> {
  const row = await requireSkill(ledger, name);
  const versions = await skillVersionRows(ledger, row.id);
  return unpacked(versionOf(name, versions, version ?? row.currentVersion).skill);
}

/** The skill of one recorded version. */
export async function skillOfVersion(
  ledger: Ledger,
  versionId: number,
): Promise<{ row: SkillRow; version: SkillVersionRow; skill: Skill }> {
  const version = await skillVersionRow(ledger, versionId);
  if (!version) throw new UserError(`the library has no skill version #${versionId}`);
  const row = await ledger.db
    .selectFrom("skills")
    .selectAll()
    .where("id", "=", version.skillId)
    .executeTakeFirstOrThrow();
  return { row, version, skill: unpacked(version.skill) };
}

/** All goals and families that a version comes from: those that taught it and every version before it. */
export async function sourcesOf(
  ledger: Ledger,
  versionId: number,
): Promise<{ goals: number[]; families: string[] }> {
  const { row } = await skillOfVersion(ledger, versionId);
  const versions = new Map((await skillVersionRows(ledger, row.id)).map((each) => [each.id, each]));
  const goals = new Set<number>();
  const families = new Set<string>();
  for (let each = versions.get(versionId); each; each = versions.get(each.parentVersionId ?? 0)) {
    for (const goal of JSON.parse(each.sourceGoals) as number[]) goals.add(goal);
    for (const family of JSON.parse(each.sourceFamilies) as string[]) families.add(family);
  }
  return { goals: [...goals], families: [...families] };
}

/** The first of `name`, `name-2`, `name-3`, ... that the library does not have. */
export async function freeName(ledger: Ledger, name: string): Promise<string> {
  for (let count = 1; ; count++) {
    const ending = count === 1 ? "" : `-${count}`;
    const candidate = name.slice(0, 64 - ending.length).replace(/-+$/, "") + ending;
    if ((await skillRow(ledger, candidate)) === null) return candidate;
  }
}

/** Unified diff of two versions' folders; default: the version in use against its parent. */
export async function diffVersions(
  ledger: Ledger,
  name: string,
  from?: number,
  to?: number,
): Promise<{ from: number | null; to: number; diff: string }> {
  const row = await requireSkill(ledger, name);
  const versions = await skillVersionRows(ledger, row.id);
  const newer = versionOf(name, versions, to ?? row.currentVersion);
  const older =
    from === undefined
      ? (versions.find((each) => each.id === newer.parentVersionId) ?? null)
      : versionOf(name, versions, from);
  return {
    from: older?.version ?? null,
    to: newer.version,
    diff: difference(older === null ? null : unpacked(older.skill), unpacked(newer.skill)),
  };
}

/**
 * Takes another version into use: the parent of the one in use, or any by number. Nothing is lost.
 *
 * @throws UserError when the version is pinned, or there is nothing to go back to.
 */
export async function rollbackSkill(
  ledger: Ledger,
  name: string,
  to?: number,
): Promise<{ from: number; to: number }> {
  const row = await requireSkill(ledger, name);
  if (row.pinned === 1)
    throw new UserError(
      `"${name}" is pinned at version ${row.currentVersion}`,
      `\`whet skill unpin ${name}\` first`,
    );
  const versions = await skillVersionRows(ledger, row.id);
  const current = versionOf(name, versions, row.currentVersion);
  const target =
    to === undefined
      ? versions.find((each) => each.id === current.parentVersionId)
      : versionOf(name, versions, to);
  if (!target)
    throw new UserError(
      `version ${current.version} of "${name}" was made from none before it`,
      `\`whet skill archive ${name}\` takes the whole skill out of use`,
    );
  await takeIntoUse(ledger, row, versions, target);
  return { from: current.version, to: target.version };
}

/** Fixes a skill at a version (default: the one in use), until it is unpinned. */
export async function pinSkill(ledger: Ledger, name: string, version?: number): Promise<number> {
  const row = await requireSkill(ledger, name);
  const versions = await skillVersionRows(ledger, row.id);
  const target = versionOf(name, versions, version ?? row.currentVersion);
  await takeIntoUse(ledger, row, versions, target);
  await updateSkill(ledger, row.id, { pinned: 1 });
  return target.version;
}

export async function unpinSkill(ledger: Ledger, name: string): Promise<void> {
  await updateSkill(ledger, (await requireSkill(ledger, name)).id, { pinned: 0 });
}

/** Takes a skill out of use. It stays in the library with everything that is known of it. */
export async function archiveSkill(ledger: Ledger, name: string): Promise<void> {
  await updateSkill(ledger, (await requireSkill(ledger, name)).id, { status: "archived" });
}

/** Takes an archived skill back, with the status of its version. */
export async function restoreSkill(ledger: Ledger, name: string): Promise<SkillStatus> {
  const row = await requireSkill(ledger, name);
  const version = versionOf(name, await skillVersionRows(ledger, row.id), row.currentVersion);
  await updateSkill(ledger, row.id, { status: version.status });
  return version.status as SkillStatus;
}

/**
 * @throws UserError when a skill is not in the library, or would depend on (or supersede) itself over any number of
 * others.
 */
export async function relateSkills(
  ledger: Ledger,
  from: string,
  kind: RelationKind,
  to: string,
  now = Date.now(),
): Promise<void> {
  const [a, b] = [await requireSkill(ledger, from), await requireSkill(ledger, to)];
  await insertSkillRelation(ledger, { fromSkill: a.id, toSkill: b.id, kind, addedAt: now });
}

/** @returns false when they did not stand so to each other. */
export async function unrelateSkills(
  ledger: Ledger,
  from: string,
  kind: RelationKind,
  to: string,
): Promise<boolean> {
  const [a, b] = [await requireSkill(ledger, from), await requireSkill(ledger, to)];
  return deleteSkillRelation(ledger, { fromSkill: a.id, toSkill: b.id, kind });
}

/** How a skill stands to others, by name. */
export async function relationsOf(
  ledger: Ledger,
  name: string,
): Promise<{ from: string; kind: RelationKind; to: string }[]> {
  const { id } = await requireSkill(ledger, name);
  const rows = (await skillRelationRows(ledger)).filter((row) => row.fromSkill === id || row.toSkill === id);
  const names = new Map(
    (await ledger.db.selectFrom("skills").select(["id", "name"]).execute()).map((row) => [row.id, row.name]),
  );
  return rows.map((row) => ({
    from: names.get(row.fromSkill) ?? "",
    kind: row.kind,
    to: names.get(row.toSkill) ?? "",
  }));
}

/** All versions of a skill with what was measured and decided, oldest first. */
export async function lineageOf(ledger: Ledger, name: string): Promise<Ancestor[]> {
  const row = await requireSkill(ledger, name);
  const versions = await skillVersionRows(ledger, row.id);
  const evaluations = await skillEvaluationRows(ledger, row.id);
  return versions.map((each) => {
    const test = evaluations.findLast(
      (one) => one.skillVersionId === each.id && one.kind === "test" && one.delta !== null,
    );
    return {
      version: each.version,
      parent: versions.find((other) => other.id === each.parentVersionId)?.version ?? null,
      status: each.status as SkillStatus,
      score: each.effectivenessScore,
      effect:
        test && test.delta !== null && test.low !== null && test.high !== null
          ? { delta: test.delta, low: test.low, high: test.high, pairs: test.pairs }
          : null,
      decision: each.decision,
      sourceGoals: JSON.parse(each.sourceGoals) as number[],
      sourceFamilies: JSON.parse(each.sourceFamilies) as string[],
      claims: JSON.parse(each.claims) as Claim[],
      createdAt: each.createdAt,
    };
  });
}

/** @throws UserError when the library has no skill of this name. */
export async function requireSkill(ledger: Ledger, name: string): Promise<SkillRow> {
  const row = await skillRow(ledger, name);
  if (row) return row;
  throw new UserError(`the library has no skill "${name}"`, "`whet skill list` shows what it has");
}

function versionOf(name: string, versions: readonly SkillVersionRow[], number: number): SkillVersionRow {
  const version = versions.find((each) => each.version === number);
  if (version) return version;
  throw new UserError(
    `"${name}" has no version ${number}`,
    `it has ${versions.map((each) => each.version).join(", ")}`,
  );
}

/** Archived by a person: that archives the skill alone, and a discard the version in use with it. */
function isPutAway(row: SkillRow, versions: readonly SkillVersionRow[]): boolean {
  return row.status === "archived" && versionOf(row.name, versions, row.currentVersion).status !== "archived";
}

async function takeIntoUse(
  ledger: Ledger,
  row: SkillRow,
  versions: readonly SkillVersionRow[],
  version: SkillVersionRow,
): Promise<void> {
  await updateSkill(ledger, row.id, {
    currentVersion: version.version,
    ...(isPutAway(row, versions) ? {} : { status: version.status }),
  });
}

function columns(skill: Skill, from: Provenance) {
  const goals = from.sourceGoals ?? [];
  return {
    description: skill.description,
    allowedTools: JSON.stringify(skill.allowedTools),
    instructions: skill.instructions,
    skill: packed(skill),
    contentHash: contentHash(skill),
    sourceGoalId: goals[0] ?? null,
    sourceGoals: JSON.stringify(goals),
    sourceFamilies: JSON.stringify(from.sourceFamilies ?? []),
    claims: JSON.stringify(from.claims ?? []),
    traceAnalysisSummary: from.traceAnalysisSummary ?? null,
  };
}

function difference(before: Skill | null, after: Skill): string {
  const texts = (skill: Skill | null) =>
    skill === null
      ? {}
      : Object.fromEntries([...filesOf(skill)].map(([path, content]) => [path, content.toString("utf8")]));
  return diffText(texts(before), texts(after));
}

function requireValid(skill: Skill): void {
  const [problem] = validateSkill(skill).filter(({ severity }) => severity === "error");
  if (problem)
    throw new UserError(`"${skill.name}" is no valid skill: ${problem.what}`, `write: ${problem.fix}`);
}
