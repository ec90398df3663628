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
  const entries = new Map(rows.map((row) => [row.skillId, entryOf(row)]));
  for (const { fromSkill, kind, toSkill } of await skillRelationRows(ledger)) {
    if (kind === "depends on") entries.get(fromSkill)?.dependsOn.push(toSkill);
    if (kind === "supersedes") entries.get(fromSkill)?.supersedes.push(toSkill);
  }
  return [...entries.values()];
}

/** Without its relations. */
export function entryOf(row: CatalogueRow): CatalogueEntry {
  const { skillId, versionId, version, name, description, category, status } = row;
  const tools = (JSON.parse(row.allowedTools) as string[]).map(toolName);
  return {
    skillId,
    versionId,
    version,
    name,
    description,
    category,
    status: status as SkillStatus,
    tools,
    dependsOn: [],
    supersedes: [],
  };
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
  const tools = new Set((task.tools ?? []).map(toolName));
  const category = task.category?.toLowerCase();
  // One array for the words of all: a thousand small ones cost more to clean up than to read.
  const room = entries.reduce((sum, { name, description }) => sum + name.length + description.length, 0);
  const read = new WordReader(room + task.text.length);
  read.add(task.text);
  const askedUpTo = read.end();
  const nameEnds = new Int32Array(entries.length);
  const ends = new Int32Array(entries.length);
  for (const [index, { name, description }] of entries.entries()) {
    read.add(name);
    nameEnds[index] = read.length;
    read.add(description);
    ends[index] = read.end();
  }
  const { words, size } = read;
  const asked = new Uint8Array(size);
  for (let at = 0; at < askedUpTo; at++) asked[words[at] as number] = 1;
  const rarity = new Float64Array(size);
  for (let at = askedUpTo; at < read.length; at++) (rarity[words[at] as number] as number) += 1;
  for (let word = 0; word < size; word++)
    rarity[word] = Math.log(1 + entries.length / Math.max(1, rarity[word] as number));
  const share = (from: number, to: number) => {
    let all = 0;
    let both = 0;
    for (let at = from; at < to; at++) {
      const word = words[at] as number;
      const weight = rarity[word] as number;
      all += weight;
      both += weight * (asked[word] as number);
    }
    return all === 0 ? 0 : both / all;
  };

  const matches: Match[] = [];
  for (const [index, entry] of entries.entries()) {
    const from = index === 0 ? askedUpTo : (ends[index - 1] as number);
    const text = 0.7 * share(from, ends[index] as number) + 0.3 * share(from, nameEnds[index] as number);
    const same =
      category === undefined || entry.category === null ? null : entry.category.toLowerCase() === category;
    if (text === 0 && same !== true) continue;
    let sum = 0.6 * text;
    let weights = 0.6;
    let why = `words ${Math.round(100 * text)} %`;
    if (same !== null) {
      weights += 0.2;
      if (same) sum += 0.2;
      why += same ? `, category ${entry.category}` : ", another category";
    }
    if (entry.tools.length > 0 && tools.size > 0) {
      let fitting = 0;
      for (const tool of entry.tools) if (tools.has(tool)) fitting++;
      weights += 0.2;
      sum += (0.2 * fitting) / entry.tools.length;
      why += `, ${fitting} of ${entry.tools.length} tools`;
    }
    matches.push({ entry, score: sum / weights, why });
  }
  return matches.sort((a, b) => b.score - a.score || (a.entry.name < b.entry.name ? -1 : 1));
}

/** `Bash(git:*)` is `bash`. */
function toolName(tool: string): string {
  const end = tool.indexOf("(");
  return (end < 0 ? tool : tool.slice(0, end)).toLowerCase();
}

const common = new Set(
  "a an and any are as at be by can do each else for from has have how if in into is it its more must no not of on only or other so such than that the their them then there these they this to use used user using was what when where which who will with work you your".split(
    " ",
  ),
);

/**
 * Words as numbers: in small letters, plural and verb endings cut off, common ones left out. A catalogue repeats its
 * words, and each spelling is looked at once.
 */
class WordReader {
  /** The different words of one text after the other. */
  readonly words: Int32Array;
  length = 0;
  /** Spelling -> number of its word; -1: it is none that counts. */
  readonly #spellings = new Map<string, number>();
  readonly #words = new Map<string, number>();
  /** Word -> number of the text that it was met in last. */
  readonly #met: number[] = [];
  #text = 0;

  /** @param room more words than there will be. */
  constructor(room: number) {
    this.words = new Int32Array(room);
  }

  /** How many different words there are in all texts. */
  get size(): number {
    return this.#words.size;
  }

  /** Reads on in the current text. */
  add(part: string): void {
    // Faster, and most texts are such.
    const spelling = /[^\p{ASCII}]/u.test(part) ? /[\p{L}\p{N}]+/gu : /[a-z0-9]+/g;
    for (const each of part.toLowerCase().match(spelling) ?? []) {
      const word = this.#spellings.get(each) ?? this.#enter(each);
      if (word < 0 || this.#met[word] === this.#text) continue;
      this.#met[word] = this.#text;
      this.words[this.length++] = word;
    }
  }

  /** Ends the current text; where it ends. */
  end(): number {
    this.#text++;
    return this.length;
  }

  #enter(spelling: string): number {
    let number = -1;
    if (spelling.length > 1 && !common.has(spelling)) {
      const word = spelling.length > 4 ? spelling.replace(/(?:ies|es|s|ing|ed|e)$/, "") : spelling;
      number = this.#words.get(word) ?? this.#words.size;
      this.#words.set(word, number);
    }
    this.#spellings.set(spelling, number);
    return number;
  }
}
