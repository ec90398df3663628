import { withoutEvolution } from "./evolution.ts";
import type { Skill } from "./skill.ts";
import { skillText } from "./write.ts";

/** What agents get to see: not how a skill is tested, nor what was measured of it. */
export function forAgents(skill: Skill): Skill {
  const { files, ...rest } = withoutEvolution(skill);
  return { ...rest, files: new Map([...files].filter(([path]) => !path.startsWith("evals/"))) };
}

/** The same as texts, by path: SKILL.md first, then all files that are text. */
export function textsForAgents(skill: Skill): Map<string, string> {
  const { files, ...rest } = forAgents(skill);
  const texts = [...files].filter(([, content]) => !content.includes(0));
  return new Map([
    ["SKILL.md", skillText({ ...rest, files: new Map() })],
    ...texts.map(([path, content]): [string, string] => [path, content.toString()]),
  ]);
}
