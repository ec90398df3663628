import { betaQuantile } from "../decision/index.ts";
import type { Task } from "./goal.ts";
import { wordsOf } from "./golden.ts";

/** What the matcher needs to know of an agent. */
export interface Candidate {
  name: string;
  description: string;
  /** Empty: all. */
  tools: readonly string[];
  skills: readonly string[];
}

/** A task that an agent once had. */
export interface PastTask {
  agent: string;
  family: string;
  ok: boolean;
  /** Score of the iteration that it was part of, 0 to 100. */
  score: number;
}

export interface Assignment {
  agent: string;
  /** 0 to 1. */
  score: number;
  /** Each from 0 to 1, with its weight in the score. */
  parts: { tools: number; success: number; skills: number; load: number };
  /** Of the agent's success on such tasks: the 10 % quantile that counts, the mean, and how many tasks it rests on. */
  success: { low: number; mean: number; tasks: number };
  /** In a sentence. */
  why: string;
}

const weights = { tools: 0.35, success: 0.35, skills: 0.2, load: 0.1 };
/** What a task of another family tells, against one of the same. */
const otherFamily = 0.25;

/**
 * Who does which task, in the order of the tasks.
 *
 * Success is a Beta posterior with a uniform prior: a failed task counts as 0, a done one as the score of its iteration;
 * its 10 % quantile enters, so that a few good results weigh less than many. Ties go to the first name.
 */
export function assignTasks(
  tasks: readonly Task[],
  candidates: readonly Candidate[],
  past: readonly PastTask[],
  family: string,
): Map<string, Assignment> {
  const sorted = [...candidates].sort((a, b) => (a.name < b.name ? -1 : 1));
  const records = new Map(sorted.map(({ name }) => [name, record(name, past, family)]));
  const load = new Map<string, number>();
  const share = Math.max(1, tasks.length / Math.max(1, candidates.length));
  const result = new Map<string, Assignment>();
  for (const task of tasks) {
    let best: Assignment | null = null;
    for (const candidate of sorted) {
      const success = records.get(candidate.name) as Assignment["success"];
      const own = load.get(candidate.name) ?? 0;
      const parts = {
        tools: overlap(task.tools, candidate.tools),
        success: success.low,
        skills: suits(task, candidate),
        load: Math.max(0, 1 - own / (2 * share)),
      };
      const score = (Object.keys(weights) as (keyof typeof weights)[]).reduce(
        (sum, part) => sum + weights[part] * parts[part],
        0,
      );
      if (best === null || score > best.score + 1e-12)
        best = {
          agent: candidate.name,
          score,
          parts,
          success,
          why: words(task, candidate, parts, success, own),
        };
    }
    if (best === null) continue;
    load.set(best.agent, (load.get(best.agent) ?? 0) + 1);
    result.set(task.key, best);
  }
  return result;
}

function record(name: string, past: readonly PastTask[], family: string): Assignment["success"] {
  let good = 0;
  let bad = 0;
  let tasks = 0;
  for (const each of past) {
    if (each.agent !== name) continue;
    const weight = each.family === family ? 1 : otherFamily;
    const value = each.ok ? Math.min(1, Math.max(0, each.score / 100)) : 0;
    good += weight * value;
    bad += weight * (1 - value);
    if (each.family === family) tasks++;
  }
  return { low: betaQuantile(0.1, 1 + good, 1 + bad), mean: (1 + good) / (2 + good + bad), tasks };
}

function overlap(needed: readonly string[], has: readonly string[]): number {
  if (needed.length === 0 || has.length === 0) return 1;
  return needed.filter((tool) => has.includes(tool)).length / needed.length;
}

/** Share of the words of an agent's description and skills that the task has, saturating at four. */
function suits(task: Task, candidate: Candidate): number {
  const asked = wordsOf(`${task.title} ${task.description}`);
  const own = wordsOf(
    `${candidate.name} ${candidate.description} ${candidate.skills.join(" ")}`.replaceAll("-", " "),
  );
  return Math.min(1, [...own].filter((word) => asked.has(word)).length / 4);
}

function words(
  task: Task,
  candidate: Candidate,
  parts: Assignment["parts"],
  success: Assignment["success"],
  load: number,
): string {
  const percent = (value: number) => `${Math.round(100 * value)} %`;
  const tools =
    candidate.tools.length === 0
      ? "has every tool"
      : task.tools.length === 0
        ? "no tool is needed"
        : `has ${Math.round(parts.tools * task.tools.length)} of ${task.tools.length} tools`;
  const known =
    success.tasks === 0
      ? `no such task yet (counts as ${percent(success.low)})`
      : `${percent(success.mean)} success in ${success.tasks} such tasks, at least ${percent(success.low)}`;
  return `${candidate.name}: ${tools}; ${known}; fits the words ${percent(parts.skills)}; ${load} tasks already`;
}
