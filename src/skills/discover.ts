import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Problem } from "../contract/index.ts";
import { readSkillFolder } from "./folder.ts";
import type { Skill } from "./skill.ts";
import { contentHash } from "./stored.ts";

/** Where agents look for skills, the first first: most of them read the one, Claude Code the other. */
export const skillFolders = [".agents/skills", ".claude/skills"] as const;

export interface Found {
  skill: Skill;
  /** Absolute path of its folder. */
  path: string;
  scope: "project" | "user";
}

export interface Discovery {
  /** One of each name: a project's before a user's, `.agents` before `.claude`. In the order of their names. */
  skills: Found[];
  /** Same name, other place, other text: what is not used. */
  shadowed: Found[];
  /** What could not be read, by folder. */
  problems: { path: string; problem: Problem }[];
}

export interface DiscoverOptions {
  /** The user's home; absent: only the project is looked through. */
  home?: string;
  /** Folders below a skills folder. Default 4. */
  depth?: number;
  /** Folders looked at altogether. Default 2000. */
  count?: number;
}

/**
 * Whatever a working copy itself offers agents as skills: all that lies in a folder `skills` (or `skill`) below one whose
 * name begins with a dot, such as `.agents/skills/a`, `web/.claude/skills/b`, `.codex/skills/c`; and such a folder that is a
 * link. Paths relative to the working copy.
 */
export async function carriedSkills(workingCopy: string): Promise<string[]> {
  const entries = await readdir(workingCopy, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => {
    const parent = relative(workingCopy, entry.parentPath).replaceAll("\\", "/");
    const path = parent === "" ? entry.name : `${parent}/${entry.name}`;
    if (path.startsWith(".git/")) return [];
    return isSkillsFolder(parent) || (entry.isSymbolicLink() && isSkillsFolder(path)) ? [path] : [];
  });
}

const isSkillsFolder = (path: string) => /(?:^|\/)\.[^/]+\/(?:.*\/)?skills?$/.test(path);

/**
 * The skills that lie in a project (and, on request, in the user's home). Links are not followed. A skill with formal
 * faults is found all the same; one without name and description is a problem. A project's skills are words of whoever
 * wrote the project: show them to a person before an agent obeys them.
 */
export async function discoverSkills(project: string, options: DiscoverOptions = {}): Promise<Discovery> {
  const { depth: deepest = 4, count = 2000, home } = options;
  const best = new Map<string, Found>();
  const shadowed: Found[] = [];
  const problems: Discovery["problems"] = [];
  let looked = 0;

  const visit = async (folder: string, scope: Found["scope"], depth: number): Promise<void> => {
    if (looked === count)
      problems.push({
        path: folder,
        problem: {
          ...{ severity: "warning", line: 1, column: 1, fix: "fewer folders in it" },
          what: `more than ${count} folders: the rest was not looked through`,
        },
      });
    if (looked++ >= count) return;
    const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => []);
    if (entries.some((entry) => entry.isFile() && /^(?:SKILL|skill)\.md$/.test(entry.name))) {
      const read = await readSkillFolder(folder);
      if (read.skill === null) {
        for (const problem of read.problems) problems.push({ path: folder, problem });
        return;
      }
      const found: Found = { skill: read.skill, path: folder, scope };
      const first = best.get(found.skill.name);
      if (first === undefined) best.set(found.skill.name, found);
      else if (contentHash(first.skill) !== contentHash(found.skill)) shadowed.push(found);
      return;
    }
    if (depth === deepest) return;
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries)
      if (entry.isDirectory() && entry.name !== "node_modules" && entry.name !== ".git")
        await visit(join(folder, entry.name), scope, depth + 1);
  };
  for (const [base, scope] of [
    [project, "project"],
    [home, "user"],
  ] as const)
    if (base !== undefined) for (const folder of skillFolders) await visit(join(base, folder), scope, 0);
  return {
    skills: [...best.values()].sort((a, b) => (a.skill.name < b.skill.name ? -1 : 1)),
    shadowed,
    problems,
  };
}
