import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Goal, type GoalResult, parseGoal, runGoal } from "../../goals/index.ts";
import type { Ledger } from "../../ledger/index.ts";

/** The model of the demo: whoever was recorded. */
export const demoModel = "demo/recorded";

/** Where the demo's model is asked. */
export function servers(url: string): Goal["servers"] {
  return { demo: { url: `${url}/v1` } };
}

/** The goals of a folder, in the order of their names. */
async function demoGoals(folder: string): Promise<Goal[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  return Promise.all(
    files.map(async (name) => {
      const { goal } = parseGoal(await readFile(join(folder, name), "utf8"), join(folder, name));
      if (goal === null) throw new Error(`${name} is no goal`);
      return goal;
    }),
  );
}

/** Runs the goals that the demo's skill is learned from, one after the other. */
export async function learn(options: {
  ledger: Ledger;
  /** The project, and the folder with the goals. */
  root: string;
  goals: string;
  url: string;
  onResult: (goal: Goal, result: GoalResult) => void;
}): Promise<void> {
  for (const goal of await demoGoals(options.goals)) {
    const result = await runGoal({
      ...{ ledger: options.ledger, folder: options.root, files: options.goals, env: {} },
      goal: { ...goal, servers: servers(options.url), model: demoModel },
      ...{ plan: "single", seed: 1 },
    });
    options.onResult(goal, result);
  }
}
