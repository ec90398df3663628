import { cp } from "node:fs/promises";
import { join } from "node:path";
import { provideModel } from "../../agents/index.ts";
import { type ForgeOutcome, forgeSkill } from "../../forge/evolve.ts";
import { openMeter } from "../../forge/limits.ts";
import { liveRunner } from "../../forge/live.ts";
import { readSuite } from "../../forge/suite.ts";
import type { Goal, GoalEvent, GoalResult } from "../../goals/index.ts";
import type { Ledger, TrialRow } from "../../ledger/index.ts";
import { demoModel, learn, servers } from "./learn.ts";

export interface DemoOptions {
  ledger: Ledger;
  /** An empty project. */
  root: string;
  /** The demo's own files: `learn` and `suite`. */
  files: string;
  /** Where its model is asked. */
  url: string;
  onGoal?: (goal: Goal, event: GoalEvent) => void;
  onStep?: (words: string) => void;
  onTrial?: (row: Omit<TrialRow, "id">) => void;
}

/** Runs at most: two of each of the suite's goals. */
const maxRuns = 10;

/** One whole turn of the flywheel: goals, what recurs in their traces, a candidate, its test, the decision. */
export async function forgeDemo(
  options: DemoOptions,
): Promise<{ goals: GoalResult[]; outcome: ForgeOutcome }> {
  const { ledger, root, files, url } = options;
  const here = join(root, "demo");
  await cp(files, here, { recursive: true });
  const goals = await learn({
    ...{ ledger, root, url, goals: join(here, "learn") },
    ...(options.onGoal ? { listener: options.onGoal } : {}),
  });
  const choice = { kind: "model", name: `model: ${demoModel}`, model: demoModel, url: `${url}/v1` } as const;
  const meter = openMeter({});
  const suite = await readSuite(join(here, "suite"));
  for (const { goal } of suite.goals) goal.servers = servers(url);
  const who = { agent: `model: ${demoModel}`, model: demoModel, judge: null };
  const outcome = await forgeSkill({
    asking: { ledger, model: await provideModel(choice, {}), meter },
    runner: liveRunner({ ledger, root, who, meter, env: {} }),
    ...{ suite, meter, rule: { maxRuns } },
    ...(options.onStep ? { onStep: options.onStep } : {}),
    ...(options.onTrial ? { onTrial: options.onTrial } : {}),
  });
  return { goals, outcome };
}
