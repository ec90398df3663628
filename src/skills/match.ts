import { type CatalogueRow, catalogueRows, type Ledger, skillRelationRows } from "../ledger/index.ts";
import type { SkillStatus } from "./skill.ts";

/** A skill as a choice among many sees it. */
export interface CatalogueEntry {
  skillId: number;
  versionId: number;
  version: number;
  name: string;
  description: string;
  category: string | null;
  status: SkillStatus;
  /** Names of its allowed tools, in small letters, without what stands in parentheses. */
  tools: string[];
  /** Ids of skills that it depends on, and that it supersedes. */
  dependsOn: number[];
  supersedes: number[];
}

/** What may be offered unasked: only what was proven. */
export const proven: readonly SkillStatus[] = ["validated", "gold"];

/** The skills in use, in the order of their names. */
export async function catalogueOf(
  ledger: Ledger,
  statuses: readonly SkillStatus[] = proven,
): Promise<CatalogueEntry[]> {
  const rows = await catalogueRows(ledger, statuses);
  const relations = Map.groupBy(await skillRelationRows(ledger), (row) => row.fromSkill);
  return rows.map((row) => {
    const own = relations.get(row.skillId) ?? [];
    const to = (kind: string) => own.filter((each) => each.kind === kind).map((each) => each.toSkill);
    return entryOf(row, to("depends on"), to("supersedes"));
  });
}

export function entryOf(
  row: CatalogueRow,
  dependsOn: number[] = [],
  supersedes: number[] = [],
): CatalogueEntry {
  const { allowedTools, status, ...rest } = row;
  const tools = (JSON.parse(allowedTools) as string[]).map(toolName);
  return { ...rest, status: status as SkillStatus, tools, dependsOn, supersedes };
}

/** What is to be done, as far as it helps to choose skills. */
export interface SkillTask {
  /** Goal and task in prose. */
  text: string;
  tools?: readonly string[];
  category?: string;
}

export interface Match {
  entry: CatalogueEntry;
  /** 0 to 1. */
  score: number;
  /** In words. */
  why: string;
}

/**
 * The entries that have something to do with a task, best first.
 *
 * A score is the weighted mean of what is known of both: text .6 (the share of the description's words that the task
 * has, each weighted by how rare it is in the catalogue, and of the name's), category .2 (the same or not), tools .2 (the
 * share of the skill's tools that the task has). An entry without a common word or category is no match, whatever its
 * tools.
 */
export function matchSkills(entries: readonly CatalogueEntry[], task: SkillTask): Match[] {
  const asked = wordsOf(task.text);
  const tools = new Set((task.tools ?? []).map(toolName));
  const category = task.category?.toLowerCase();
  const read = entries.map((entry) => ({
    entry,
    name: wordsOf(entry.name),
    words: wordsOf(`${entry.name} ${entry.description}`),
  }));
  const held = new Map<string, number>();
  for (const { words } of read) for (const word of words) held.set(word, (held.get(word) ?? 0) + 1);
  const rarity = (word: string) => Math.log(1 + entries.length / (held.get(word) ?? 1));
  const share = (words: ReadonlySet<string>) => {
    let all = 0;
    let common = 0;
    for (const word of words) {
      const weight = rarity(word);
      all += weight;
      if (asked.has(word)) common += weight;
    }
    return all === 0 ? 0 : common / all;
  };

  const matches: Match[] = [];
  for (const { entry, name, words } of read) {
    const text = 0.7 * share(words) + 0.3 * share(name);
    const same =
      category === undefined || entry.category === null ? null : entry.category.toLowerCase() === category;
    if (text === 0 && same !== true) continue;
    const fitting = entry.tools.filter((tool) => tools.has(tool)).length;
    const equipped = entry.tools.length === 0 || tools.size === 0 ? null : fitting / entry.tools.length;
    const parts: [number, number | null][] = [
      [0.6, text],
      [0.2, same === null ? null : Number(same)],
      [0.2, equipped],
    ];
    const known = parts.filter((part): part is [number, number] => part[1] !== null);
    const score =
      known.reduce((sum, [weight, value]) => sum + weight * value, 0) /
      known.reduce((sum, [weight]) => sum + weight, 0);
    const why = [
      `words ${text.toFixed(2)}`,
      ...(same === null ? [] : [same ? `category ${entry.category}` : `another category`]),
      ...(equipped === null ? [] : [`${fitting} of ${entry.tools.length} tools`]),
    ].join(", ");
    matches.push({ entry, score, why });
  }
  return matches.sort((a, b) => b.score - a.score || (a.entry.name < b.entry.name ? -1 : 1));
}

/** `Bash(git:*)` is `bash`. */
function toolName(tool: string): string {
  return tool.replace(/\(.*$/s, "").toLowerCase();
}

const common = new Set(
  "a an and any are as at be by can do each else for from has have how if in into is it its more must no not of on only or other so such than that the their them then there these they this to use used user using was what when where which who will with work you your".split(
    " ",
  ),
);

/** Words in small letters, plural and verb endings cut off, common ones left out. */
function wordsOf(text: string): Set<string> {
  const words = new Set<string>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]{2,}/gu))
    if (!common.has(word)) words.add(word.length > 4 ? word.replace(/(?:ies|es|s|ing|ed|e)$/, "") : word);
  return words;
}
