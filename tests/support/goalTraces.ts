import { addTurns, type Ledger, type NewTurn } from "../../src/ledger/index.ts";
import type { TraceEvent } from "../../src/trace.ts";

/** A call in short: tool, arguments, and what came of it (an error, or all well). */
export type ShortCall = readonly [tool: string, args: Record<string, unknown>, error?: string];

/** The events of a turn that makes these calls and then says something. */
export function eventsOfCalls(calls: readonly ShortCall[], said = "Done."): TraceEvent[] {
  const events: TraceEvent[] = [
    { at: 1, type: "begin", agent: "model", version: null, model: "test/m", session: null },
  ];
  for (const [index, [tool, args, error]] of calls.entries()) {
    const id = `c${index}`;
    events.push({ at: 2, type: "call", id, tool, args: JSON.stringify(args) });
    events.push({
      ...{ at: 3, type: "result", id, ok: error === undefined, output: error === undefined ? "fine" : null },
      ...{ error: error ?? null, exitCode: null, ms: 10, msFrom: "arrival" },
    });
    events.push({ at: 4, type: "usage", scope: "step", input: 100, output: 20, cached: null, dollars: null });
  }
  events.push({ at: 5, type: "message", role: "assistant", text: said });
  events.push({ at: 6, type: "final", ok: true, text: said, reason: null });
  return events;
}

/** Records a goal that was run once, with the trace of its one task. */
export async function recordGoal(
  ledger: Ledger,
  given: {
    task: string;
    met: boolean;
    calls: readonly ShortCall[];
    said?: string;
    family?: string;
    agent?: string;
    model?: string;
    purpose?: "goal" | "trial";
    missed?: { criterion: string; suggestion: string };
  },
): Promise<{ goalId: number; turnId: number }> {
  const { task, met, calls, said, family = "csv", agent = "model", model = "test/m" } = given;
  const { id: goalId } = await ledger.db
    .insertInto("goals")
    .values({
      ...{
        title: task,
        family,
        goal: "{}",
        goalHash: task,
        purpose: given.purpose ?? "goal",
        status: met ? "met" : "failed",
        worldState: "{}",
      },
      ...{ createdAt: 1, score: met ? 100 : 20, bestIteration: 1 },
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const { id: iterationId } = await ledger.db
    .insertInto("goalIterations")
    .values({ goalId, number: 1, plan: "{}", tip: "", startedAt: 1 })
    .returning("id")
    .executeTakeFirstOrThrow();
  const { id: taskId } = await ledger.db
    .insertInto("tasks")
    .values({ iterationId, key: "t1", task: "{}", agent: "model", why: "{}", status: "done" })
    .returning("id")
    .executeTakeFirstOrThrow();
  if (given.missed)
    await ledger.db
      .insertInto("goalEvaluations")
      .values({
        ...{ iterationId, criterion: given.missed.criterion, kind: "command", weight: 1, explanation: "" },
        ...{ score: met ? 100 : 0, met: "[]", missed: "[]", judge: null, own: "{}" },
        suggestions: JSON.stringify([given.missed.suggestion]),
      })
      .execute();
  const turn: NewTurn = {
    ...{ researcher: agent, purpose: "task", prompt: task, ending: "done", message: "" },
    ...{
      events: eventsOfCalls(calls, said),
      raw: "",
      startedAt: 1,
      wallMs: 50,
      taskId,
      goalId,
      model,
    },
    usage: { input: 100 * calls.length, output: 20 * calls.length, cached: null, dollars: null },
  };
  const [turnId] = await addTurns(ledger, null, null, [turn]);
  return { goalId, turnId: turnId as number };
}
