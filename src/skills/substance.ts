import { createHash } from "node:crypto";
import { forAgents } from "./forAgents.ts";
import type { Skill } from "./skill.ts";

/**
 * Hash over what a skill tells whoever reads it. Its name, its licence and metadata, its tests and its white space are no
 * part of it: with another of these it is the same skill, and what was found out about one holds for the other. In files
 * that are no Markdown indentation counts, since programs may depend on it.
 */
export function substanceHash(skill: Skill): string {
  const hash = createHash("sha256");
  const take = (text: string | Buffer) => hash.update(`${text.length}\0`).update(text);
  take(words(skill.description));
  take(words(skill.allowedTools.join(" ")));
  take(words(skill.instructions));
  for (const [path, content] of [...forAgents(skill).files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    take(path);
    if (content.includes(0)) take(content);
    else take(/\.(?:md|markdown|txt)$/i.test(path) ? words(content.toString()) : lines(content.toString()));
  }
  return hash.digest("hex");
}

const words = (text: string) => text.replaceAll(/\s+/g, " ").trim();
const lines = (text: string) => text.replaceAll(/\s*\n/g, "\n").trimEnd();
