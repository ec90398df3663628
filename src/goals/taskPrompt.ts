import type { Goal, Plan, Task } from "./goal.ts";
import { capped } from "./tools/place.ts";
import { goalWords } from "./words.ts";
import { type WorldState, worldText } from "./worldState.ts";

/** Tokens of what earlier iterations and other tasks came to. */
const contextTokens = 6000;

/** What an agent is told for its one turn. */
export function taskPrompt(of: {
  goal: Goal;
  task: Task;
  plan: Plan;
  /** Last words of the tasks that are done. */
  outputs: ReadonlyMap<string, string>;
  world: WorldState;
  /** Its first changes conflicted with another task's. */
  again: boolean;
  /** What comes first: who the agent is, skills. */
  role: readonly (string | undefined)[];
}): string {
  const { goal, task, plan, outputs, world, again, role } = of;
  const whole = plan.tasks.length === 1;
  const needed = plan.tasks.filter(({ key }) => task.dependsOn.includes(key));
  const context = worldText({ ...world, done: [], pending: [] }, contextTokens);
  return [
    ...role.filter((each) => each !== undefined && each !== ""),
    goalWords(goal),
    whole && task.description === goal.text
      ? null
      : `# Your task: ${task.title}\n\n${task.description}\n\nDo this task and no other${whole ? "" : ": the rest of the goal is done by others"}.`,
    ...needed.map(
      ({ key, title }) =>
        `## What came of "${title}", on which yours rests\n\n${capped(outputs.get(key) ?? "", (contextTokens * 4) / needed.length)}`,
    ),
    context,
    again
      ? "You have done this task before, and what you changed did not fit with what another agent changed meanwhile. The folder now holds its work: do the task again on top of it."
      : null,
    "What you change in the working folder is your result. Say at the end what you did. What others should know, say in lines that begin with `FINDING: `.",
  ]
    .filter((part) => part !== null && part !== "")
    .join("\n\n");
}
