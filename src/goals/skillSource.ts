import { cp, lstat, mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ModelTool } from "../agents/index.ts";
import type { Ledger } from "../ledger/index.ts";
import {
  assignUses,
  type InjectOptions,
  injectIntoFolder,
  injectIntoPrompt,
  layDownFiles,
  loadedSkills,
  loadSkill,
  recordLoaded,
} from "../skills/index.ts";
import type { TraceEvent } from "../trace.ts";
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

/**
 * Skills of the library that fit the task; which were offered and read is on record with the turn. With `whole` coding
 * agents are given them as the built-in one is, in the prompt.
 */
export function librarySkills(ledger: Ledger, options: InjectOptions = {}): SkillSource {
  return async ({ goal, task, kind, folder }) => {
    const asked = {
      text: [goal.title, goal.text, task.title, task.description].join("\n"),
      ...(task.tools.length === 0 ? {} : { tools: task.tools }),
      category: goal.family,
    };
    if (kind === "agent" && !options.whole) {
      const { offered, written } = await injectIntoFolder(ledger, folder, asked, options);
      return {
        written,
        after: async (turnId, events) => {
          await assignUses(ledger, offered, turnId);
          await recordLoaded(ledger, offered, loadedSkills(events));
        },
      };
    }
    const { text, tool, offered } = await injectIntoPrompt(ledger, asked, options);
    const written = await layDownFiles(ledger, folder, offered);
    const load: ModelTool[] = tool
      ? [
          {
            ...{
              name: tool.name,
              description: tool.description,
              parameters: { jsonSchema: tool.parameters },
            },
            run: async (args) => {
              const asks = args as { name: string; file?: string };
              const read = (await loadSkill(ledger, offered, asks)).text;
              const place = written.find((path) => basename(path) === asks.name);
              const where = place === undefined ? "" : `\nIts files also lie in ${place}.\n`;
              return { text: `${read}${where}`, ok: true, exitCode: null };
            },
          },
        ]
      : [];
    return {
      ...(text === "" ? {} : { prompt: text }),
      tools: load,
      written,
      after: (turnId) => assignUses(ledger, offered, turnId),
    };
  };
}
