import { withoutEvolution } from "./evolution.ts";
import type { Skill } from "./skill.ts";

/** What agents get to see: not how a skill is tested, nor what was measured of it. */
export function forAgents(skill: Skill): Skill {
  const { files, ...rest } = withoutEvolution(skill);
  return { ...rest, files: new Map([...files].filter(([path]) => !path.startsWith("evals/"))) };
}
