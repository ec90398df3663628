import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import * as z from "zod";
import type { Problem } from "../contract/index.ts";
import { explainIssues, readFrontMatter } from "./frontMatter.ts";

/** An agent as a Markdown file describes it, in the convention of today's coding agents. */
export interface AgentFile {
  name: string;
  description: string;
  /** Lower-case names; empty: all. */
  tools: string[];
  /** `provider/model`; null: whatever the goal says (`inherit`, or a coding agent's own short name). */
  model: string | null;
  /** Who works by this description, in the words of `researcher` in program.md; null: the built-in model agent. */
  runs: string | null;
  skills: string[];
  /** Markdown below the front matter. */
  prompt: string;
}

const words = z.union([
  z.string().transform((text) => text.split(/[\s,]+/).filter(Boolean)),
  z.array(z.string()),
]);
// Other tools keep further keys here (color, permissionMode, ...): they are none of ours and no mistake.
const matter = z.looseObject({
  name: z.string().min(1).optional(),
  description: z.string().min(1),
  tools: words.optional(),
  model: z.string().optional(),
  agent: z.string().min(1).optional(),
  skills: words.optional(),
});
const fixes = {
  name: "name: tester",
  description: "description: when this agent is the right one, in a sentence",
  tools: "tools: read, edit, run",
  model: "model: provider/model, or leave it out",
  agent: "agent: claude, or `command: ...`",
  skills: "skills: [clean-csv]",
};

/** Reads an agent's file. Never throws: what is wrong comes back as problems. */
export function parseAgent(source: string, path: string): { agent: AgentFile | null; problems: Problem[] } {
  const split = readFrontMatter(source);
  if (split.problems.length > 0) return { agent: null, problems: split.problems };
  const checked = matter.safeParse(split.value ?? {});
  if (!checked.success) return { agent: null, problems: explainIssues(split, checked.error.issues, fixes) };
  const { name, description, tools, model, agent, skills } = checked.data;
  return {
    agent: {
      ...{ name: name ?? basename(path, ".md"), description, prompt: split.body },
      tools: (tools ?? [])
        .map((tool) => tool.replace(/\(.*$/, "").toLowerCase())
        .filter((tool) => tool !== "*"),
      model: model !== undefined && /^[^/\s]+\/\S+$/.test(model) ? model : null,
      runs: agent ?? null,
      skills: skills ?? [],
    },
    problems: [],
  };
}

/** Folders in which agents' files lie, the nearest to us first. */
const folders = ["agents", ".claude/agents"];

/** All agents that a project describes; of two with one name the first one counts. Files that are none are told. */
export async function discoverAgents(
  root: string,
): Promise<{ agents: AgentFile[]; problems: { path: string; problem: Problem }[] }> {
  const agents = new Map<string, AgentFile>();
  const problems: { path: string; problem: Problem }[] = [];
  for (const folder of folders) {
    const at = join(root, folder);
    if (!existsSync(at)) continue;
    const names = (await readdir(at)).filter((name) => name.endsWith(".md") && !/^readme\.md$/i.test(name));
    for (const name of names.sort()) {
      const path = `${folder}/${name}`;
      const found = parseAgent(await readFile(join(root, path), "utf8"), path);
      problems.push(...found.problems.map((problem) => ({ path, problem })));
      if (found.agent && !agents.has(found.agent.name)) agents.set(found.agent.name, found.agent);
    }
  }
  return { agents: [...agents.values()], problems };
}
