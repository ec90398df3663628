import type { Kysely, Selectable } from "kysely";
import type { Ledger } from "./ledger.ts";
import type {
  GoalEvaluationTable,
  GoalIterationTable,
  GoalStatus,
  GoalTable,
  GoldenStandardTable,
  Schema,
  TaskStatus,
  TaskTable,
} from "./schema.ts";
import { insertTurns, type NewTurn } from "./turns.ts";

export type GoalRow = Selectable<GoalTable>;
export type IterationRow = Selectable<GoalIterationTable>;
export type TaskRow = Selectable<TaskTable>;
export type GoalEvaluationRow = Selectable<GoalEvaluationTable>;
export type GoldenRow = Selectable<GoldenStandardTable>;

/** @returns its id. */
export async function addGoal(
  ledger: Ledger,
  goal: Pick<GoalRow, "title" | "family" | "goal" | "goalHash" | "purpose" | "worldState" | "createdAt">,
): Promise<number> {
  const row = await ledger.db
    .insertInto("goals")
    .values({ ...goal, status: "ready" })
    .returning("id")
    .executeTakeFirstOrThrow();
  return row.id;
}

export async function goalById(ledger: Ledger, id: number): Promise<GoalRow | null> {
  return (await ledger.db.selectFrom("goals").selectAll().where("id", "=", id).executeTakeFirst()) ?? null;
}

/** The newest goals, newest first; without runs of tests, unless they are asked for. */
export async function newestGoals(
  ledger: Ledger,
  limit: number,
  { trials = false }: { trials?: boolean } = {},
): Promise<GoalRow[]> {
  let query = ledger.db.selectFrom("goals").selectAll().orderBy("id", "desc").limit(limit);
  if (!trials) query = query.where("purpose", "=", "goal");
  return query.execute();
}

/** Whether a goal is a run of a test. */
export async function isTrial(ledger: Ledger, goalId: number): Promise<boolean> {
  return (await goalById(ledger, goalId))?.purpose === "trial";
}

/** What another process may say of a goal while one runs it. */
export async function goalOrders(
  ledger: Ledger,
  id: number,
): Promise<{ status: GoalStatus; pausedAt: number | null }> {
  return ledger.db
    .selectFrom("goals")
    .select(["status", "pausedAt"])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
}

/**
 * Takes a goal for a process.
 *
 * @param isAlive whether the process that a holder names still runs.
 * @returns false: another one has it.
 */
export async function claimGoal(
  ledger: Ledger,
  id: number,
  holder: string,
  isAlive: (holder: string) => boolean,
): Promise<boolean> {
  return ledger.db.transaction().execute(async (tx) => {
    const row = await tx.selectFrom("goals").select("holder").where("id", "=", id).executeTakeFirstOrThrow();
    if (row.holder !== null && row.holder !== holder && isAlive(row.holder)) return false;
    await tx
      .updateTable("goals")
      .set({ holder, status: "running", reason: null, endedAt: null })
      .where("id", "=", id)
      .execute();
    return true;
  });
}

/** Goals that a process has, or had when it was killed. */
export async function heldGoals(ledger: Ledger): Promise<GoalRow[]> {
  return ledger.db.selectFrom("goals").selectAll().where("holder", "is not", null).execute();
}

/** Takes a goal from a process that is gone, unless another one has it by now. */
export async function releaseGoal(ledger: Ledger, id: number, holder: string, at: number): Promise<void> {
  const reason = "its process was killed";
  await ledger.db.transaction().execute(async (tx) => {
    const held = tx.updateTable("goals").where("id", "=", id).where("holder", "=", holder);
    const running = held.where("status", "=", "running");
    await running.where("purpose", "=", "goal").set({ status: "ready", reason }).execute();
    await running.where("purpose", "=", "trial").set({ status: "failed", reason, endedAt: at }).execute();
    await held.set({ holder: null }).execute();
  });
}

export async function setGoalBranch(
  ledger: Ledger,
  id: number,
  branch: string,
  baseCommit: string,
): Promise<void> {
  await ledger.db.updateTable("goals").set({ branch, baseCommit }).where("id", "=", id).execute();
}

/** @param at milliseconds since the epoch: no new task begins from now on; null: go on. */
export async function setGoalPaused(ledger: Ledger, id: number, at: number | null): Promise<void> {
  await ledger.db.updateTable("goals").set({ pausedAt: at }).where("id", "=", id).execute();
}

/** Who runs it ends what is in flight. */
export async function cancelGoal(ledger: Ledger, id: number, at: number): Promise<void> {
  await ledger.db
    .updateTable("goals")
    .set({ status: "cancelled", reason: "cancelled by hand", endedAt: at })
    .where("id", "=", id)
    .execute();
}

/** Ends a goal, unless it was cancelled meanwhile. */
export async function endGoal(
  ledger: Ledger,
  id: number,
  end: { status: GoalStatus; reason: string | null; at: number },
): Promise<void> {
  await ledger.db
    .updateTable("goals")
    .set({ status: end.status, reason: end.reason, endedAt: end.at })
    .where("id", "=", id)
    .where("status", "!=", "cancelled")
    .execute();
  await ledger.db.updateTable("goals").set({ holder: null }).where("id", "=", id).execute();
}

export async function setWorldState(ledger: Ledger, id: number, worldState: string): Promise<void> {
  await ledger.db.updateTable("goals").set({ worldState }).where("id", "=", id).execute();
}

/** Begins an iteration with its plan and, beside it, the turns that made the plan. @returns its id. */
export async function addIteration(
  ledger: Ledger,
  iteration: Pick<IterationRow, "goalId" | "number" | "plan" | "tip" | "startedAt">,
  tasks: readonly Pick<TaskRow, "key" | "task" | "agent" | "why">[],
): Promise<number> {
  return ledger.db.transaction().execute(async (tx) => {
    const { id } = await tx
      .insertInto("goalIterations")
      .values(iteration)
      .returning("id")
      .executeTakeFirstOrThrow();
    for (const task of tasks)
      await tx
        .insertInto("tasks")
        .values({ ...task, iterationId: id, status: "pending" })
        .execute();
    return id;
  });
}

export async function iterationsOf(ledger: Ledger, goalId: number): Promise<IterationRow[]> {
  return ledger.db
    .selectFrom("goalIterations")
    .selectAll()
    .where("goalId", "=", goalId)
    .orderBy("number")
    .execute();
}

export async function tasksOf(ledger: Ledger, iterationId: number): Promise<TaskRow[]> {
  return ledger.db
    .selectFrom("tasks")
    .selectAll()
    .where("iterationId", "=", iterationId)
    .orderBy("id")
    .execute();
}

/** Tasks that a dead process left running begin anew. */
export async function reopenTasks(ledger: Ledger, iterationId: number): Promise<void> {
  await ledger.db
    .updateTable("tasks")
    .set({ status: "pending", startedAt: null })
    .where("iterationId", "=", iterationId)
    .where("status", "=", "running")
    .execute();
}

/** Gives a task that has not begun to another agent. */
export async function reassignTask(ledger: Ledger, id: number, agent: string, why: string): Promise<void> {
  await ledger.db.updateTable("tasks").set({ agent, why }).where("id", "=", id).execute();
}

export async function startTask(ledger: Ledger, id: number, at: number): Promise<void> {
  await ledger.db
    .updateTable("tasks")
    .set({ status: "running", startedAt: at })
    .where("id", "=", id)
    .execute();
}

/**
 * Ends a task, with the turns that it took and the state that its work is now part of, all or nothing.
 *
 * @param end.tip absent: its work is no part of the iteration's state.
 * @returns ids of the turns.
 */
export async function endTask(
  ledger: Ledger,
  task: { id: number; iterationId: number },
  goal: { id: number; worldState: string },
  end: { status: TaskStatus; output: string | null; error: string | null; at: number; tip?: string },
  turns: readonly NewTurn[],
): Promise<number[]> {
  return ledger.db.transaction().execute(async (tx) => {
    const ids = await insertTurns(tx, null, null, turns);
    await tx
      .updateTable("tasks")
      .set({ status: end.status, output: end.output, error: end.error, endedAt: end.at })
      .where("id", "=", task.id)
      .execute();
    await tx.updateTable("goals").set({ worldState: goal.worldState }).where("id", "=", goal.id).execute();
    if (end.tip !== undefined)
      await tx
        .updateTable("goalIterations")
        .set({ tip: end.tip })
        .where("id", "=", task.iterationId)
        .execute();
    return ids;
  });
}

/** What came of an iteration, all or nothing; `best`: it is the best one of its goal so far. */
export async function endIteration(
  ledger: Ledger,
  iteration: Pick<IterationRow, "id" | "goalId" | "number">,
  end: { score: number; feedback: string; commitId: string; worldState: string; at: number; best: boolean },
  evaluations: readonly Omit<GoalEvaluationRow, "id" | "iterationId">[],
  golden: Omit<GoldenRow, "id"> | null,
): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    await tx
      .updateTable("goalIterations")
      .set({ score: end.score, feedback: end.feedback, commitId: end.commitId, endedAt: end.at })
      .where("id", "=", iteration.id)
      .execute();
    for (const evaluation of evaluations)
      await tx
        .insertInto("goalEvaluations")
        .values({ ...evaluation, iterationId: iteration.id })
        .execute();
    await tx
      .updateTable("goals")
      .set({
        worldState: end.worldState,
        ...(end.best ? { score: end.score, bestIteration: iteration.number } : {}),
      })
      .where("id", "=", iteration.goalId)
      .execute();
    if (golden) await putGolden(tx, golden);
  });
}

async function putGolden(tx: Kysely<Schema>, golden: Omit<GoldenRow, "id">): Promise<void> {
  const { score, plan, outputs, addedAt } = golden;
  await tx
    .insertInto("goldenStandards")
    .values(golden)
    .onConflict((conflict) => conflict.column("goalId").doUpdateSet({ score, plan, outputs, addedAt }))
    .execute();
}

export async function goalEvaluations(ledger: Ledger, iterationId: number): Promise<GoalEvaluationRow[]> {
  return ledger.db
    .selectFrom("goalEvaluations")
    .selectAll()
    .where("iterationId", "=", iterationId)
    .orderBy("id")
    .execute();
}

/** Golden standards of a family with the goals that they come from, newest first; runs of tests set none. */
export async function goldenOf(
  ledger: Ledger,
  family: string,
  limit: number,
): Promise<(GoldenRow & { goal: string })[]> {
  return ledger.db
    .selectFrom("goldenStandards as s")
    .innerJoin("goals as g", "g.id", "s.goalId")
    .selectAll("s")
    .select("g.goal")
    .where("s.family", "=", family)
    .where("g.purpose", "=", "goal")
    .orderBy("s.id", "desc")
    .limit(limit)
    .execute();
}

/** What a goal has cost until now: sums of what is known, and how many turns did something and did not say. */
export async function goalSpending(
  ledger: Ledger,
  goalId: number,
): Promise<{ tokens: number; dollars: number; silentTokens: number; silentDollars: number }> {
  const row = await ledger.db
    .selectFrom("turns")
    .where("goalId", "=", goalId)
    .select((eb) => {
      const count = (when: ReturnType<typeof eb.and>) =>
        eb.fn.coalesce(
          eb.fn.sum<number>(eb.case().when(when).then(eb.lit(1)).else(eb.lit(0)).end()),
          eb.lit(0),
        );
      const done = eb("ending", "=", "done");
      return [
        eb.fn.coalesce(eb.fn.sum<number>("tokensIn"), eb.lit(0)).as("tokensIn"),
        eb.fn.coalesce(eb.fn.sum<number>("tokensOut"), eb.lit(0)).as("tokensOut"),
        eb.fn.coalesce(eb.fn.sum<number>("dollars"), eb.lit(0)).as("dollars"),
        count(eb.and([done, eb("tokensIn", "is", null), eb("tokensOut", "is", null)])).as("silentTokens"),
        count(eb.and([done, eb("dollars", "is", null)])).as("silentDollars"),
      ];
    })
    .executeTakeFirstOrThrow();
  return {
    tokens: Number(row.tokensIn) + Number(row.tokensOut),
    dollars: Number(row.dollars),
    silentTokens: Number(row.silentTokens),
    silentDollars: Number(row.silentDollars),
  };
}

/** Ids of a goal's turns, oldest first. */
export async function goalTurns(ledger: Ledger, goalId: number): Promise<number[]> {
  const rows = await ledger.db
    .selectFrom("turns")
    .select("id")
    .where("goalId", "=", goalId)
    .orderBy("id")
    .execute();
  return rows.map(({ id }) => id);
}

/** How the tasks of finished iterations went, for whoever chooses agents; the newest first, without runs of tests. */
export async function pastTasks(
  ledger: Ledger,
  limit: number,
): Promise<{ agent: string; family: string; task: string; status: TaskStatus; score: number }[]> {
  const rows = await ledger.db
    .selectFrom("tasks as t")
    .innerJoin("goalIterations as i", "i.id", "t.iterationId")
    .innerJoin("goals as g", "g.id", "i.goalId")
    .select(["t.agent", "g.family", "t.task", "t.status", "i.score"])
    .where("t.status", "in", ["done", "failed"])
    .where("i.score", "is not", null)
    .where("g.purpose", "=", "goal")
    .orderBy("t.id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, score: row.score as number }));
}
