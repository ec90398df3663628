import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Agent } from "../../src/agents/index.ts";
import { goalFromText, type Member, openGoals, type Plan, runGoal } from "../../src/goals/index.ts";

/** Tasks in layers of 20, each resting on two of the layer before. */
export function layered(tasks: number): Plan {
  const key = (index: number) => `t${String(index).padStart(3, "0")}`;
  return {
    tasks: Array.from({ length: tasks }, (_, index) => ({
      ...{
        key: key(index),
        title: `Write ${key(index)}`,
        description: `Write out/${key(index)}.txt.`,
        tools: [],
      },
      dependsOn: index < 20 ? [] : [key(index - 20), key(index - 20 + ((index * 7) % 20) - (index % 20))],
    })),
  };
}

/**
 * Pursues the goal of that plan in a project, with an agent that notes in `log.txt` beside the project when each turn
 * begins and ends; goes on where an earlier process was killed.
 */
export async function pursueWaves(project: string, tasks: number, parallel: number): Promise<void> {
  const log = `${project}.log`;
  const agent: Agent = {
    name: "writer",
    turn: async ({ folder, prompt }) => {
      const key = /Write out\/(t\d+)\.txt/.exec(prompt)?.[1] as string;
      appendFileSync(log, `begin ${key} ${Date.now()}\n`);
      await sleep(20);
      mkdirSync(join(folder, "out"), { recursive: true });
      writeFileSync(join(folder, "out", `${key}.txt`), `${key}\n`);
      appendFileSync(log, `end ${key} ${Date.now()}\n`);
      return {
        ...{ ending: "done", message: "", text: `wrote ${key}`, events: [], raw: "", wallMs: 20 },
        ...{ usage: { input: 1, output: 1, cached: null, dollars: null }, retryAfterMs: null },
        ...{ enforced: [], notEnforced: [] },
      };
    },
  };
  const writer: Member = {
    ...{ name: "writer", description: "writes", tools: [], skills: [], prompt: "", model: null },
    work: { kind: "agent", agent },
  };
  const plan = layered(tasks);
  const goal = goalFromText(`Write ${tasks} files.`, [
    {
      name: "all there",
      weight: 1,
      kind: "command",
      command: `test $(ls out | wc -l) = ${tasks}`,
      time: 10_000,
    },
  ]);
  goal.limits = { ...goal.limits, iterations: 1, parallel };
  const ledger = await openGoals(project);
  try {
    const begun = await ledger.db.selectFrom("goals").select("id").executeTakeFirst();
    const result = await runGoal({ goal: begun?.id ?? goal, folder: project, ledger, plan, team: [writer] });
    process.stdout.write(
      `${JSON.stringify({ status: result.status, score: result.score, branch: result.branch })}\n`,
    );
  } finally {
    await ledger.close();
  }
}

if (process.argv[2] === "pursue")
  await pursueWaves(process.argv[3] as string, Number(process.argv[4]), Number(process.argv[5]));
