import * as z from "zod";
import type { Goal, Plan, Task } from "./goal.ts";

export const planForm = z.object({
  tasks: z
    .array(
      z.object({
        key: z.string().regex(/^[\w-]{1,40}$/, "letters, digits, - and _ only"),
        title: z.string().min(1).max(200),
        description: z.string().min(1),
        tools: z.array(z.string()).default([]),
        dependsOn: z.array(z.string()).default([]),
      }),
    )
    .min(1)
    .max(500),
});

/**
 * What is wrong with a plan, one sentence each; empty: it can be carried out.
 *
 * @param tools those that some agent has.
 */
export function planFaults({ tasks }: Plan, tools: readonly string[]): string[] {
  const faults: string[] = [];
  const byKey = new Map<string, Task>();
  for (const task of tasks) {
    if (byKey.has(task.key)) faults.push(`two tasks have the key "${task.key}"`);
    byKey.set(task.key, task);
  }
  for (const { key, tools: needed, dependsOn } of tasks) {
    for (const other of dependsOn)
      if (!byKey.has(other)) faults.push(`task "${key}" depends on "${other}", which is no task`);
    for (const tool of needed)
      if (!tools.includes(tool))
        faults.push(
          `task "${key}" needs the tool "${tool}", which nobody has; there are ${tools.join(", ")}`,
        );
  }
  const circle = circleIn(tasks, byKey);
  if (circle) faults.push(`tasks depend on each other in a circle: ${circle.join(" -> ")}`);
  return faults;
}

function circleIn(tasks: readonly Task[], byKey: ReadonlyMap<string, Task>): string[] | null {
  const state = new Map<string, "open" | "closed">();
  const path: string[] = [];
  const visit = (key: string): string[] | null => {
    if (state.get(key) === "closed") return null;
    path.push(key);
    if (state.get(key) === "open") return path.slice(path.indexOf(key));
    state.set(key, "open");
    for (const other of byKey.get(key)?.dependsOn ?? []) {
      const found = byKey.has(other) ? visit(other) : null;
      if (found) return found;
    }
    state.set(key, "closed");
    path.pop();
    return null;
  };
  for (const { key } of tasks) {
    const found = visit(key);
    if (found) return found;
  }
  return null;
}

/** The plan without a planner: everything in one turn. */
export function singleTask({ title, text }: Goal): Plan {
  return { tasks: [{ key: "all", title, description: text, tools: [], dependsOn: [] }] };
}
