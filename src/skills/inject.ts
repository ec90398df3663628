import { lstat } from "node:fs/promises";
import { join, posix } from "node:path";
import { UserError } from "../errors.ts";
import {
  catalogueRow,
  insertSkillUses,
  type Ledger,
  skillVersionsById,
  updateSkillUse,
} from "../ledger/index.ts";
import { skillFolders } from "./discover.ts";
import { forAgents } from "./forAgents.ts";
import { skillOfVersion } from "./library.ts";
import {
  type CatalogueEntry,
  catalogueOf,
  entryOf,
  type Match,
  matchSkills,
  proven,
  type SkillTask,
} from "./match.ts";
import type { Skill, SkillStatus } from "./skill.ts";
import { unpacked } from "./stored.ts";
import { writeSkill } from "./write.ts";

/** Whole texts in one prompt: two or three focused skills help most, more distract (SkillsBench). */
const mostWhole = 3;

export interface InjectOptions {
  /** Default: validated and gold. */
  statuses?: readonly SkillStatus[];
  /** Ids of versions that are offered whatever their status, instead of the version in use: the arm of a test. */
  include?: readonly number[];
  /** Names of skills that are not offered: the other arm. */
  exclude?: readonly string[];
  /** True: in prompts whole texts only, whatever their score; what does not fit into the budget is not offered. */
  whole?: boolean;
  /** Tokens that the text may take, estimated at four characters each. Default 4000, of whole texts only 20,000. */
  budget?: number;
  /** From which score (0 to 1) on a skill is in the prompt with its whole text, three at most. Default 0.5. */
  strong?: number;
  /** At most so many skills. Default 20. */
  most?: number;
  /** The turn that they are offered to, where it is recorded already (else `assignUses`). */
  turnId?: number;
  now?: number;
}

/** A skill that was offered. */
export interface Offered {
  /** Id of its row in `skill_uses`. */
  useId: number;
  versionId: number;
  version: number;
  name: string;
  score: number;
  why: string;
  /** True: its whole text is in the prompt. */
  full: boolean;
}

export interface PromptInjection {
  /** For the system prompt; empty when no skill fits. */
  text: string;
  offered: Offered[];
  /** The tool by which the model reads a skill; null when there is none to read. */
  tool: LoadSkillTool | null;
  /** Estimated. */
  tokens: number;
}

export interface LoadSkillTool {
  name: "load_skill";
  description: string;
  /** JSON Schema. */
  parameters: {
    type: "object";
    properties: {
      name: { type: "string"; enum: string[]; description: string };
      file?: { type: "string"; description: string };
    };
    required: ["name"];
    additionalProperties: false;
  };
}

/**
 * Offers fitting skills to a model: name and description of each, the whole text of those that fit strongly, and a tool
 * for the others. Every offer is recorded in `skill_uses`, as read where the whole text is given.
 */
export async function injectIntoPrompt(
  ledger: Ledger,
  task: SkillTask,
  options: InjectOptions = {},
): Promise<PromptInjection> {
  const { include = [], whole = false, budget = whole ? 20_000 : 4000, strong = whole ? 0 : 0.5 } = options;
  const found = chooseSkills(await offerable(ledger, options), task, options);
  let left = budget - tokensOf(introduction.read + skillsBlock(found.map(({ entry }) => entry)));
  const bodies: { name: string; text: string }[] = [];
  const fitting = found.filter(({ score }) => score >= strong).slice(0, mostWhole);
  for (const version of await skillVersionsById(
    ledger,
    fitting.map(({ entry }) => entry.versionId),
  )) {
    const skill = unpacked(version.skill);
    const text = instructionsBlock(skill);
    const cost = tokensOf(text);
    if (cost > left && !(whole && include.includes(version.id))) continue;
    left -= cost;
    bodies.push({ name: skill.name, text });
  }
  const full = new Set(bodies.map(({ name }) => name));
  const chosen = whole ? found.filter(({ entry }) => full.has(entry.name)) : found;
  const offered = await record(ledger, chosen, options, (name) => (full.has(name) ? 1 : 0));
  const toLoad = chosen.map(({ entry }) => entry.name).filter((name) => !full.has(name));
  const versions = await skillVersionsById(
    ledger,
    chosen.map(({ entry }) => entry.versionId),
  );
  const richer = versions
    .map(({ skill }) => forAgents(unpacked(skill)))
    .filter(({ files }) => files.size > 0);
  const tool = loadSkillTool(
    chosen.map(({ entry }) => entry.name),
    toLoad,
    richer.map(({ name }) => name),
  );
  const text = chosen.length === 0 ? "" : promptText(chosen, bodies, toLoad.length > 0);
  return {
    text,
    offered: offered.map((each) => ({ ...each, full: full.has(each.name) })),
    tool,
    tokens: tokensOf(text),
  };
}

/**
 * What `load_skill` answers: the skill's text and the names of its further files, or the text of one of these. Recorded as
 * read.
 *
 * @throws UserError when this skill was not offered, or has no such file with a text.
 */
export async function loadSkill(
  ledger: Ledger,
  offered: readonly Offered[],
  { name, file }: { name: string; file?: string | undefined },
): Promise<{ text: string; skill: Skill }> {
  const offer = offered.find((each) => each.name === name);
  if (!offer)
    throw new UserError(
      `no skill "${name}" is on offer`,
      `these are: ${offered.map((each) => each.name).join(", ") || "none"}`,
    );
  const skill = forAgents((await skillOfVersion(ledger, offer.versionId)).skill);
  const text =
    file === undefined || file === "" || file === "SKILL.md" ? instructionsBlock(skill) : textIn(skill, file);
  await updateSkillUse(ledger, offer.useId, { loaded: 1 });
  return { text, skill };
}

function textIn(skill: Skill, file: string): string {
  const path = posix.normalize(file.replaceAll("\\", "/"));
  const content = skill.files.get(path);
  if (content === undefined)
    throw new UserError(
      `the skill ${skill.name} has no file ${file}`,
      `it has ${[...skill.files.keys()].sort().join(", ") || "none besides its instructions"}`,
    );
  if (content.includes(0)) throw new UserError(`${path} is no text (${content.length} bytes)`);
  return content.toString("utf8");
}

/**
 * Lays down the offered skills that have further files, whole, where coding agents have theirs: a command may be to run
 * one. The project's own skills of the same name stay.
 *
 * @returns folders that were written, relative to the working copy.
 */
export async function layDownFiles(
  ledger: Ledger,
  workingCopy: string,
  offered: readonly Offered[],
): Promise<string[]> {
  const [folder] = skillFolders;
  const written: string[] = [];
  for (const { versionId } of offered) {
    const skill = forAgents((await skillOfVersion(ledger, versionId)).skill);
    const place = `${folder}/${skill.name}`;
    if (skill.files.size === 0 || (await lstat(join(workingCopy, place)).catch(() => null)) !== null)
      continue;
    await requireReal(workingCopy, folder);
    await writeSkill(skill, join(workingCopy, place));
    written.push(place);
  }
  return written;
}

export interface FolderInjection {
  offered: Offered[];
  /** Folders that were written, relative to the working copy, e.g. `.agents/skills/clean-csv`. */
  written: string[];
  /** Folders that were there already: the project's own skills, which stay. */
  kept: string[];
}

/**
 * Lays fitting skills down in a working copy, where coding agents look for them (`.agents/skills`, `.claude/skills`).
 * The project's own skills of the same name stay. Whether one was read is not known here: `recordLoaded` tells, from the
 * trace. Do it before the working copy's manifest is taken, or ignore what was `written` when it is harvested.
 *
 * @throws UserError when these folders are links, which might lead elsewhere.
 */
export async function injectIntoFolder(
  ledger: Ledger,
  workingCopy: string,
  task: SkillTask,
  options: InjectOptions = {},
): Promise<FolderInjection> {
  for (const folder of skillFolders) await requireReal(workingCopy, folder);
  const chosen = chooseSkills(await offerable(ledger, options), task, options);
  const written: string[] = [];
  const kept: string[] = [];
  const laid: Match[] = [];
  for (const match of chosen) {
    const skill = forAgents((await skillOfVersion(ledger, match.entry.versionId)).skill);
    const places = skillFolders.map((folder) => `${folder}/${skill.name}`);
    const taken = await Promise.all(
      places.map(async (place) => (await lstat(join(workingCopy, place)).catch(() => null)) !== null),
    );
    // With one of them the project's and the other ours, two agents would read different texts.
    if (taken.includes(true)) {
      kept.push(...places.filter((_, index) => taken[index]));
      continue;
    }
    for (const place of places) await writeSkill(skill, join(workingCopy, place));
    written.push(...places);
    laid.push(match);
  }
  const offered = await record(ledger, laid, options, () => null);
  return { offered, written, kept };
}

/** Says of what was offered which was read, e.g. by `loadedSkills` of the trace. */
export async function recordLoaded(
  ledger: Ledger,
  offered: readonly Offered[],
  loaded: ReadonlySet<string>,
): Promise<void> {
  for (const { useId, name } of offered)
    await updateSkillUse(ledger, useId, { loaded: loaded.has(name) ? 1 : 0 });
}

/** Says which turn the offers were made to, once it is recorded. */
export async function assignUses(ledger: Ledger, offered: readonly Offered[], turnId: number): Promise<void> {
  for (const { useId } of offered) await updateSkillUse(ledger, useId, { turnId });
}

/** What may be offered: skills in use with a fitting status, as the options add and take away. */
async function offerable(
  ledger: Ledger,
  { statuses = proven, include = [], exclude = [] }: InjectOptions,
): Promise<CatalogueEntry[]> {
  const forced: CatalogueEntry[] = [];
  for (const id of include) {
    const row = await catalogueRow(ledger, id);
    if (!row) throw new UserError(`the library has no skill version #${id}`);
    forced.push(entryOf(row));
  }
  const names = new Set([...exclude, ...forced.map((entry) => entry.name)]);
  const others = (await catalogueOf(ledger, statuses)).filter((entry) => !names.has(entry.name));
  return [...forced, ...others];
}

/**
 * Of all entries those that a task is offered: matches, best first, each with the skills that it depends on; none that
 * another offerable one supersedes; as many as the budget holds. What is included by id comes first, matching or not.
 */
export function chooseSkills(
  entries: readonly CatalogueEntry[],
  task: SkillTask,
  { include = [], budget = 4000, most = 20 }: InjectOptions = {},
): Match[] {
  const byId = new Map(entries.map((entry) => [entry.skillId, entry]));
  const superseded = new Set(entries.flatMap((entry) => entry.supersedes));
  const matches = matchSkills(entries, task);
  const wanted: Match[] = include.map((id) => {
    const entry = entries.find((each) => each.versionId === id) as CatalogueEntry;
    return matches.find((match) => match.entry === entry) ?? { entry, score: 0, why: "asked for" };
  });
  wanted.push(...matches.filter(({ entry }) => !superseded.has(entry.skillId)));

  const chosen = new Map<number, Match>();
  let left = budget - tokensOf(introduction.read + skillsBlock([]));
  for (const match of wanted) {
    const asked = include.includes(match.entry.versionId);
    if (!asked && (left <= 0 || chosen.size >= most)) break;
    const group = withDependencies(match, byId).filter(({ entry }) => !chosen.has(entry.skillId));
    const cost = group.reduce((sum, { entry }) => sum + tokensOf(entryBlock(entry)), 0);
    if (!asked && (cost > left || chosen.size + group.length > most)) continue;
    left -= cost;
    for (const each of group) chosen.set(each.entry.skillId, each);
  }
  return [...chosen.values()];
}

/** A match and, before it, what it depends on, as far as that is on offer. */
function withDependencies(match: Match, byId: ReadonlyMap<number, CatalogueEntry>): Match[] {
  const found = new Map<number, Match>();
  const visit = (each: Match): void => {
    if (found.has(each.entry.skillId)) return;
    found.set(each.entry.skillId, each);
    for (const id of each.entry.dependsOn) {
      const entry = byId.get(id);
      if (entry) visit({ entry, score: match.score, why: `${each.entry.name} depends on it` });
    }
  };
  visit(match);
  return [...found.values()];
}

async function record(
  ledger: Ledger,
  chosen: readonly Match[],
  { turnId, now = Date.now() }: InjectOptions,
  loaded: (name: string) => number | null,
): Promise<Offered[]> {
  const ids = await insertSkillUses(
    ledger,
    chosen.map(({ entry }) => ({
      skillVersionId: entry.versionId,
      turnId: turnId ?? null,
      loaded: loaded(entry.name),
      usedAt: now,
    })),
  );
  return chosen.map(({ entry, score, why }, index) => ({
    useId: ids[index] as number,
    versionId: entry.versionId,
    version: entry.version,
    name: entry.name,
    score,
    why,
    full: false,
  }));
}

const open = "<available_skills>";
const close = "</available_skills>";
const introduction = {
  read: "Skills hold tried instructions for certain kinds of work. When one fits what you are doing, read it with load_skill before you begin; leave the others alone.\n",
  given: "Skills hold tried instructions for certain kinds of work. Follow those below where they fit.\n",
};

/** `<available_skills><skill><name/><description/>...`: the catalogue as models know it. */
export function skillsBlock(
  entries: readonly Pick<CatalogueEntry, "name" | "description" | "category">[],
): string {
  return `${open}\n${entries.map(entryBlock).join("")}${close}\n`;
}

function entryBlock(entry: Pick<CatalogueEntry, "name" | "description" | "category">): string {
  const category = entry.category === null ? "" : `    <category>${escapeXml(entry.category)}</category>\n`;
  return `  <skill>\n    <name>${escapeXml(entry.name)}</name>\n    <description>${escapeXml(entry.description)}</description>\n${category}  </skill>\n`;
}

/** A skill's text; it cannot end its own block early. */
function instructionsBlock(skill: Skill): string {
  const body = skill.instructions.replaceAll(/<(?=\/?skill_instructions)/gi, "&lt;");
  const files = [...forAgents(skill).files.keys()].sort();
  const more = files.length === 0 ? "" : `\n\nFurther files of this skill: ${files.join(", ")}`;
  return `<skill_instructions name="${escapeXml(skill.name)}">\n${body}${more}\n</skill_instructions>\n`;
}

function promptText(
  chosen: readonly Match[],
  bodies: readonly { text: string }[],
  loadable: boolean,
): string {
  const how = loadable ? introduction.read : introduction.given;
  return `${how}${skillsBlock(chosen.map(({ entry }) => entry))}${bodies.map(({ text }) => text).join("")}`;
}

/** @param richer skills with further files, which can be read though the whole text of the skill is given. */
function loadSkillTool(
  chosen: readonly string[],
  toLoad: readonly string[],
  richer: readonly string[],
): LoadSkillTool | null {
  const names = chosen.filter((name) => toLoad.includes(name) || richer.includes(name));
  if (names.length === 0) return null;
  const more = richer.length > 0;
  return {
    name: "load_skill",
    description: `Read the instructions of one of the available skills${more ? ", or one of its further files" : ""}.`,
    parameters: {
      type: "object",
      properties: {
        name: { type: "string", enum: names, description: "name of the skill" },
        ...(more
          ? { file: { type: "string", description: "one of its further files; default: its instructions" } }
          : {}),
      },
      required: ["name"],
      additionalProperties: false,
    },
  };
}

async function requireReal(base: string, folder: string): Promise<void> {
  const parts = folder.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const path = join(base, ...parts.slice(0, depth));
    const info = await lstat(path).catch(() => null);
    if (info === null) return;
    if (!info.isDirectory())
      throw new UserError(
        `${path} is no real folder, so no skills can be laid down below it`,
        "replace it by a folder",
      );
  }
}

/** Tokens of a text, estimated: models differ, and four characters are one in English prose. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4);
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
