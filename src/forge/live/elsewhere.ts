import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseSkill, type Skill } from "../../skills/index.ts";
import type { TraceEvent } from "../../trace.ts";
import { covered, gram, grams, words } from "../suite/wordRuns.ts";

/** Where else a working copy holds a skill's text, and what of that text nothing else in it says. */
export interface Elsewhere {
  /** Folders and files, relative to the working copy: with them an arm would have the skill that it is not to have. */
  copies: string[];
  /** Runs of words by which the text is known. */
  rare: ReadonlySet<string>;
}

/** Of a skill's words, from what share on a text holds it rather than has a passage in common. */
const copied = 0.5;
/** A file of more than this many times its words holds other things too, and stays: whoever reads it is found out. */
const mostTimes = 3;
/** Bytes: no agent reads longer files as a skill. */
const mostBytes = 1_000_000;

/**
 * Looks for a skill in a working copy: folders whose SKILL.md has its name or most of its text, wherever they lie, and
 * files that are little else than its text. Links are not followed.
 *
 * @param said what every run is told, the goals and the other skills: words in common with it prove nothing.
 */
export async function skillElsewhere(
  workingCopy: string,
  skill: Pick<Skill, "name" | "instructions">,
  said: readonly string[],
): Promise<Elsewhere> {
  const text = words(skill.instructions);
  const length = Math.min(gram, text.length);
  const rare = grams(text, length);
  const copies: string[] = [];
  const common = said.map(words);
  for (const entry of await readdir(workingCopy, { recursive: true, withFileTypes: true })) {
    const parent = relative(workingCopy, entry.parentPath).replaceAll("\\", "/");
    const path = parent === "" ? entry.name : `${parent}/${entry.name}`;
    if (!entry.isFile() || path.startsWith(".git/") || isIn(path, copies)) continue;
    const content = await readFile(join(workingCopy, path)).catch(() => Buffer.alloc(0));
    if (content.length > mostBytes || content.subarray(0, 8000).includes(0)) continue;
    const source = content.toString();
    const of = words(source);
    const holds = length > 0 && covered(text, of, [], length).share >= copied;
    if (/^skill\.md$/i.test(entry.name) && (holds || parseSkill(source).skill?.name === skill.name))
      copies.push(parent === "" ? path : parent);
    else if (holds && of.length <= mostTimes * text.length) copies.push(path);
    else if (!holds) common.push(of);
  }
  for (const of of common) for (const each of grams(of, length)) rare.delete(each);
  return { copies, rare: text.length < leastWords ? new Set() : rare };
}

const isIn = (path: string, folders: readonly string[]) =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`));

/** A shorter text anybody may say by chance. */
const leastWords = 4;
/** Of the runs by which a text is known, the share that nobody comes by without having read it: an error that it quotes does not make it up. */
const mostKnown = 0.2;

/** Whether what an agent was shown holds a skill's text: in its prompt, or in what a tool gave back. */
export function showsText(rare: ReadonlySet<string>, prompt: string, events: readonly TraceEvent[]): boolean {
  if (rare.size === 0) return false;
  const [first = ""] = rare;
  const length = first.split(" ").length;
  const found = new Set<string>();
  for (const text of [
    prompt,
    ...events.flatMap((event) => (event.type === "result" ? (event.output ?? "") : [])),
  ])
    for (const each of grams(words(text), length)) if (rare.has(each)) found.add(each);
  return found.size >= mostKnown * rare.size;
}
