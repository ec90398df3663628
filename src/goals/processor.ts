import type { ProvidedModel } from "../agents/index.ts";
import type { NewTurn } from "../ledger/index.ts";
import { askJson } from "./askJson.ts";
import type { Goal, Plan } from "./goal.ts";
import type { Golden } from "./golden.ts";
import type { Candidate } from "./matcher.ts";
import { planFaults, planForm } from "./plan.ts";
import { capped } from "./tools/place.ts";
import { goalWords } from "./words.ts";

export interface PlanRequest {
  goal: Goal;
  /** Tools that some agent has. */
  tools: readonly string[];
  agents: readonly Candidate[];
  /** Paths of the files that the work begins with. */
  files: readonly string[];
  golden: readonly Golden[];
  /** What earlier iterations came to; "" before the first. */
  world: string;
  record: (turn: NewTurn) => Promise<string | null>;
  signal?: AbortSignal;
  seed?: number;
  backoff?: number;
}

const instructions = `You plan work that agents carry out. You divide a goal into the fewest tasks that can be done and checked each on its own; tasks that do not need each other's results run at the same time, in copies of one folder whose changes are merged afterwards: give no two of them the same lines of a file to change. A small goal is one task.
Answer with one JSON document and nothing else:
{"tasks": [{"key": "t1", "title": "...", "description": "everything that the agent must know", "tools": ["read"], "dependsOn": []}]}`;

const mostFiles = 300;
/** Characters of the last words of a golden plan's tasks, all together. */
const mostOutput = 3000;

function goldenWords({ title, score, plan, outputs }: Golden): string {
  const ends = plan.tasks.map(
    ({ key }) => `- ${key}: ${capped(outputs[key] ?? "", mostOutput / plan.tasks.length)}`,
  );
  return `## A plan that scored ${Math.round(score)} of 100 for a similar goal, "${title}"\n\n${JSON.stringify(plan)}\n\nWhat its tasks said at their end:\n${ends.join("\n")}`;
}

/**
 * Makes a plan with a model: validated, repaired on error.
 *
 * @returns null and why, when the model gave none.
 */
export async function makePlan(
  provided: ProvidedModel,
  request: PlanRequest,
): Promise<{ plan: Plan; why: null } | { plan: null; why: string }> {
  const { goal, tools, agents, files, golden, world } = request;
  const listed = files.slice(0, mostFiles).join("\n");
  const prompt = [
    goalWords(goal),
    `## Tools that tasks may need\n\n${tools.join(", ")}`,
    `## Agents\n\n${agents.map(({ name, description }) => `- ${name}: ${description}`).join("\n")}`,
    `## Files\n\n${listed || "none yet"}${files.length > mostFiles ? `\nand ${files.length - mostFiles} more` : ""}`,
    ...golden.map(goldenWords),
    ...(world === ""
      ? []
      : [
          world,
          "The work goes on from the best state so far. Plan what is still missing, another way than what did not help.",
        ]),
  ].join("\n\n");
  const { value, why } = await askJson(provided, {
    ...{ purpose: "plan", instructions, prompt, form: planForm, record: request.record },
    faults: (plan) => planFaults(plan, tools),
    ...(request.signal ? { signal: request.signal } : {}),
    ...(request.seed === undefined ? {} : { seed: request.seed }),
    ...(request.backoff === undefined ? {} : { backoff: request.backoff }),
  });
  return value === null ? { plan: null, why } : { plan: value, why: null };
}
