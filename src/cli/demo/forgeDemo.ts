import { cp } from "node:fs/promises";
import { join } from "node:path";
import { type ModelChoice, provideModel } from "../../agents/index.ts";
import { parseResearcher } from "../../contract/index.ts";
import {
  type Counts,
  countTraces,
  type ForgeOutcome,
  forgeSkill,
  liveRunner,
  openMeter,
  type Runner,
  readSuite,
} from "../../forge/index.ts";
import type { GoalResult } from "../../goals/index.ts";
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
  /** Told what has happened, as it happens. */
  tell: (scene: Scene) => void;
}

/** What the demo shows, in this order. */
export type Scene =
  | { type: "goal"; title: string; result: GoalResult }
  | { type: "counts"; counts: Counts }
  | { type: "trial"; row: Omit<TrialRow, "id"> }
  | { type: "outcome"; outcome: ForgeOutcome };

/** One whole turn of the flywheel: goals, what recurs in their traces, a candidate, its test, the decision. */
export async function forgeDemo({ ledger, root, files, url, tell }: DemoOptions): Promise<ForgeOutcome> {
  const here = join(root, "demo");
  await cp(files, here, { recursive: true });
  await learn({
    ...{ ledger, root, url, goals: join(here, "learn") },
    onResult: ({ title }, result) => tell({ type: "goal", title, result }),
  });
  tell({ type: "counts", counts: await countTraces(ledger) });
  const suite = await readSuite(join(here, "suite"), { project: root });
  for (const { goal } of suite.goals) goal.servers = servers(url);
  const meter = openMeter({});
  const agent = `model: ${demoModel}`;
  const choice = { ...(parseResearcher(agent) as ModelChoice), url: `${url}/v1` };
  const outcome = await forgeSkill({
    asking: { ledger, model: await provideModel(choice, {}), meter },
    runner: untimed(
      liveRunner({
        ...{ ledger, root, meter, env: {} },
        who: { agent, model: demoModel, judge: null },
      }),
    ),
    // Each goal twice with and twice without: the least that settles anything.
    ...{ suite, meter, rule: { maxRuns: 4 * suite.goals.length } },
    onTrial: (row) => tell({ type: "trial", row }),
  });
  tell({ type: "outcome", outcome });
  return outcome;
}

/** How fast a recording is replayed says nothing about its model: speed is missing rather than measured. */
function untimed(runner: Runner): Runner {
  return {
    ...runner,
    trials: (arms) => {
      const run = runner.trials(arms);
      return async (ask) => {
        const ran = await run(ask);
        return { ...ran, trial: { ...ran.trial, wallMs: 0 } };
      };
    },
  };
}
