import type { Task } from "./goal.ts";

/** What is known of a goal's world, iteration after iteration. */
export interface WorldState {
  /** Titles of the tasks of the newest iteration. */
  done: string[];
  pending: string[];
  /** What agents found out, newest last, no two alike. */
  findings: string[];
  /** Oldest first. */
  history: { iteration: number; score: number; plan: string[]; feedback: string }[];
  /** Milliseconds that earlier processes spent on the goal. */
  spentMs: number;
}

export const newWorld: WorldState = { done: [], pending: [], findings: [], history: [], spentMs: 0 };

const mostFindings = 100;

/** Lines `FINDING: ...` of an agent's last words. */
export function findingsIn(output: string): string[] {
  return [...output.matchAll(/^\W*FINDING:\s*(\S.*)$/gim)].map((match) =>
    (match[1] as string).trim().slice(0, 500),
  );
}

export function afterTask(world: WorldState, task: Task, ok: boolean, output: string): WorldState {
  const found = findingsIn(output).filter((finding) => !world.findings.includes(finding));
  return {
    ...world,
    done: ok ? [...world.done, task.title] : world.done,
    pending: world.pending.filter((title) => title !== task.title),
    findings: [...world.findings, ...found].slice(-mostFindings),
  };
}

/**
 * The state in words, the newest of everything first to be kept, within a budget of tokens (estimated at four
 * characters each). Empty before the first iteration has ended and nothing was found.
 */
export function worldText(world: WorldState, tokens: number): string {
  let left = tokens * 4;
  const take = (lines: readonly string[]): string[] => {
    const kept: string[] = [];
    for (const line of [...lines].reverse()) {
      if (line.length + 1 > left) break;
      left -= line.length + 1;
      kept.unshift(line);
    }
    return kept;
  };
  const history = take(
    world.history.map(
      ({ iteration, score, plan, feedback }) =>
        `Iteration ${iteration} scored ${score.toFixed(1)} of 100 with the plan: ${plan.join("; ")}.\n${feedback}`,
    ),
  );
  const findings = take(world.findings.map((finding) => `- ${finding}`));
  const done = take(world.done.map((title) => `- done: ${title}`));
  const pending = take(world.pending.map((title) => `- not done: ${title}`));
  return [
    ...(history.length > 0 ? ["## What was tried, oldest first", ...history] : []),
    ...(findings.length > 0 ? ["## What was found out", ...findings] : []),
    ...(done.length + pending.length > 0 ? ["## Tasks of the last iteration", ...done, ...pending] : []),
  ].join("\n");
}
