import type { Problem } from "../contract/index.ts";
import { readSkillFolder } from "./folder.ts";
import { parseSkill } from "./parse.ts";
import type { Skill } from "./skill.ts";
import { skillText } from "./write.ts";

/**
 * Whether a skill's folder is what the Agent Skills specification asks for. No problem with severity `error`: the
 * reference validator (`skills-ref validate`) accepts it too.
 */
export async function validateSkillFolder(path: string): Promise<Problem[]> {
  return (await readSkillFolder(path)).problems;
}

/** The same of a skill in memory; places are those of the `SKILL.md` that would be written. */
export function validateSkill(skill: Skill): Problem[] {
  return parseSkill(skillText(skill), skill.name).problems;
}
