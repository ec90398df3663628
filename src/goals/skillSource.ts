import { cp, lstat, mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ModelTool, TraceEvent } from "../agents/index.ts";
import type { Goal, Task } from "./goal.ts";

/** What a task is given of skills. */
export interface TaskSkills {
  /** For the built-in agent's instructions; before a coding agent's task. */
  prompt?: string;
  /** Further tools for the built-in agent, such as one that reads a skill. */
  tools?: readonly ModelTool[];
  /** Paths, relative to the working copy, that were laid down there: no part of what the task did. */
  written?: readonly string[];
  /** Told when the turn is on record. */
  after?: (turnId: number, events: readonly TraceEvent[]) => Promise<void>;
}

/** Chooses skills for a task, and lays down in its working copy (`folder`) what a coding agent is to find there. */
export type SkillSource = (asked: {
  goal: Goal;
  task: Task;
  agent: string;
  kind: "model" | "agent";
  folder: string;
}) => Promise<TaskSkills>;

/** The same skills for every task: a text for the built-in agent, folders for coding agents. */
export function givenSkills(given: { prompt?: string; folders?: readonly string[] }): SkillSource {
  return async ({ kind, folder }) => {
    if (kind === "model") return given.prompt === undefined ? {} : { prompt: given.prompt };
    const written: string[] = [];
    for (const source of given.folders ?? [])
      for (const place of [".agents/skills", ".claude/skills"]) {
        const path = `${place}/${basename(source)}`;
        // The project's own skill of that name stays.
        if ((await lstat(join(folder, path)).catch(() => null)) !== null) continue;
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await cp(source, join(folder, path), { recursive: true, dereference: false });
        written.push(path);
      }
    return { written };
  };
}
