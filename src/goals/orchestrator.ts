import { setTimeout as sleep } from "node:timers/promises";
import type { TurnResult } from "../agents/index.ts";
import { removeTree } from "../evaluator/index.ts";
import { inside } from "../inside.ts";
import {
  addTurns,
  endTask,
  type IterationRow,
  type Ledger,
  type NewTurn,
  startTask,
  type TaskRow,
} from "../ledger/index.ts";
import { applyChange, type Repo, recordCandidate, textsAt } from "../repo/index.ts";
import { patiently } from "./askJson.ts";
import type { Allowance, Budget } from "./budget.ts";
import { changesIn, layOut } from "./copy.ts";
import type { GoalEvent } from "./events.ts";
import type { Goal, Plan, Task } from "./goal.ts";
import type { Orders } from "./orders.ts";
import type { SkillSource } from "./skillSource.ts";
import { taskPrompt } from "./taskPrompt.ts";
import { equipped, type Member } from "./team.ts";
import { afterTask, type WorldState } from "./worldState.ts";

/** Everything that a goal under way consists of. */
export interface Pursuit {
  ledger: Ledger;
  goalId: number;
  goal: Goal;
  repo: Repo;
  /** The project's folder. */
  root: string;
  /** Paths that no working copy holds. */
  without: readonly string[];
  /** Folder for working copies. */
  folder: string;
  team: readonly Member[];
  budget: Budget;
  orders: Orders;
  stop: { readonly requested: boolean };
  listener: (event: GoalEvent) => void;
  skills: SkillSource | null;
  world: WorldState;
  backoff?: number;
}

/** Why an iteration's tasks were not all tried. */
export type Halt =
  | { kind: "limit"; reason: string }
  /** Going on is no use until a person mends something. */
  | { kind: "broken"; reason: string }
  | { kind: "stopped" }
  | { kind: "cancelled" };

export interface TasksEnd {
  /** Commit that holds the work of all tasks that are done. */
  tip: string;
  halt: Halt | null;
  /** By key: last words of the tasks that are done. */
  outputs: Map<string, string>;
  /** What failed, one sentence each. */
  failures: string[];
}

/** Milliseconds between looks at what changed without a task's end: a pause, a stop. */
const pulse = 200;

/**
 * Carries out the tasks of an iteration that are not done yet, each as soon as all that it depends on are done, so many
 * at a time. Each works in a copy of its own, made of the work of all tasks that were done when it began; its changes are
 * merged with what was done meanwhile, and where they conflict it is done once more on top of that.
 *
 * A task is done once its turn, its changes and its end are on record together: a process that is killed leaves it
 * either done or to be begun anew.
 */
export async function carryOut(
  pursuit: Pursuit,
  iteration: Pick<IterationRow, "id" | "number" | "tip">,
  plan: Plan,
  rows: readonly TaskRow[],
): Promise<TasksEnd> {
  const { ledger, goal, budget, orders, listener, team } = pursuit;
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const status = new Map(rows.map((row) => [row.key, row.status]));
  const outputs = new Map(
    rows.flatMap((row) => (row.status === "done" ? [[row.key, row.output ?? ""] as const] : [])),
  );
  const failures = rows.flatMap((row) => (row.error === null ? [] : [`task ${row.key}: ${row.error}`]));
  const inFlight = new Map<string, Promise<void>>();
  let tip = iteration.tip;
  let halt: Halt | null = null;
  let fault: { error: unknown } | null = null;
  let merging: Promise<unknown> = Promise.resolve();

  const say = (task: Task, row: TaskRow, now: "running" | "done" | "failed" | "skipped", message: string) =>
    listener({
      ...{ type: "task", iteration: iteration.number, key: task.key, title: task.title },
      ...{ agent: row.agent, status: now, message },
    });
  /** The world after a task's end, kept with it. */
  const known = (task: Task, ok: boolean, output: string) => {
    pursuit.world = afterTask(pursuit.world, task, ok, output);
    return { id: pursuit.goalId, worldState: JSON.stringify(pursuit.world) };
  };
  const isReady = (task: Task) =>
    status.get(task.key) === "pending" && task.dependsOn.every((key) => status.get(key) === "done");

  const fail = async (task: Task, row: TaskRow, error: string, turns: NewTurn[]) => {
    status.set(task.key, "failed");
    failures.push(`task ${task.key}: ${error}`);
    const ids = await endTask(
      ledger,
      row,
      known(task, false, ""),
      { status: "failed", output: null, error, at: Date.now() },
      turns,
    );
    say(task, row, "failed", error);
    return ids;
  };

  /** One after the other: takes a task's changes over, with its turn and its end. False: they do not fit. */
  const takeOver = (
    task: Task,
    row: TaskRow,
    start: string,
    changes: Record<string, string | null>,
    turn: NewTurn,
    output: string,
  ): Promise<number[] | null> => {
    const own = merging.then(async () => {
      const merged = await mergedOnto(pursuit.repo, tip, start, changes);
      if (merged === null) return null;
      const at = Date.now();
      const next =
        Object.keys(merged).length === 0
          ? tip
          : await recordCandidate(pursuit.repo, `refs/whetstone/goal/${pursuit.goalId}/${iteration.number}`, {
              parent: tip,
              changes: merged,
              message: `${task.key}: ${task.title}\n`,
              when: at,
            });
      const ids = await endTask(
        ledger,
        row,
        known(task, true, output),
        { status: "done", output, error: null, at, tip: next },
        [turn],
      );
      tip = next;
      return ids;
    });
    merging = own.catch(() => undefined);
    return own;
  };

  const perform = async (task: Task, row: TaskRow, may: Omit<Allowance, "release">): Promise<void> => {
    const member = team.find(({ name }) => name === row.agent);
    if (!member) {
      await fail(task, row, `the agent ${row.agent} is no longer there`, []);
      return;
    }
    const folder = inside(pursuit.folder, `${iteration.number}-${task.key}`);
    try {
      for (let attempt = 0; ; attempt++) {
        const start = tip;
        const copy = await layOut(pursuit.repo, start, folder, {
          ...{ root: pursuit.root, inputs: goal.inputs, without: pursuit.without },
        });
        const skills =
          (await pursuit.skills?.({ goal, task, agent: member.name, kind: member.work.kind, folder })) ?? {};
        const prompt = taskPrompt({
          ...{ goal, task, plan, outputs, world: pursuit.world, again: attempt > 0 },
          role: member.work.kind === "agent" ? [member.prompt, skills.prompt] : [],
        });
        const agent = equipped(member, skills);
        const made: NewTurn[] = [];
        const result = await patiently(
          async () => {
            const startedAt = Date.now();
            const turn = await agent.turn({
              ...{ prompt, folder, cwd: "", linked: copy.linked, ...may },
              time: Math.min(goal.limits.taskTime, may.time ?? goal.limits.taskTime),
              signal: orders.signal,
              onEvent: (event) => listener({ type: "trace", key: task.key, event }),
            });
            const refused = made.pop();
            if (refused) await addTurns(ledger, null, null, [refused]);
            made.push(newTurn(turn, { pursuit, member, row, prompt, startedAt }));
            return { ...turn, end: pursuit.stop.requested ? "stopped" : null };
          },
          orders.signal,
          pursuit.backoff,
          (ms, { message }) =>
            listener({
              type: "waiting",
              message: `${member.name}: ${message}; tried again in ${Math.ceil(ms / 1000)} s`,
            }),
        );
        const turn = made[0] as NewTurn;
        const recorded = async (ids: readonly number[]) => {
          for (const id of ids) await skills.after?.(id, result.events);
        };
        if (orders.signal.aborted && result.ending !== "done") {
          await addTurns(ledger, null, null, [turn]);
          halt ??= { kind: "cancelled" };
          return;
        }
        // No other plan would help: it goes on where it is once a person, or time, has mended that.
        if (["auth", "start", "rate", "outage"].includes(result.ending)) {
          await addTurns(ledger, null, null, [turn]);
          halt ??= { kind: "broken", reason: `${member.name}: ${result.message}` };
          return;
        }
        if (result.ending !== "done") {
          await recorded(await fail(task, row, `${result.ending}: ${result.message}`, [turn]));
          return;
        }
        const { changes, refused } = await changesIn(
          copy,
          { protect: goal.protect, without: pursuit.without },
          skills.written ?? [],
        );
        for (const each of refused.slice(0, 10))
          listener({ type: "notice", message: `task ${task.key}: ${each}; not taken over` });
        const ids = await takeOver(task, row, start, changes, turn, result.text);
        if (ids !== null) {
          status.set(task.key, "done");
          outputs.set(task.key, result.text);
          await recorded(ids);
          say(task, row, "done", result.text);
          return;
        }
        if (attempt > 0) {
          const why = "its changes conflict with those of a task that ran beside it, twice";
          await recorded(await fail(task, row, why, [turn]));
          return;
        }
        await recorded(await addTurns(ledger, null, null, [turn]));
        listener({
          type: "notice",
          message: `task ${task.key}: its changes conflict with those of a task beside it; it is done again on top of them`,
        });
      }
    } finally {
      await removeTree(folder);
    }
  };

  const skipDependants = async () => {
    for (let found = true; found; ) {
      found = false;
      for (const task of plan.tasks) {
        if (status.get(task.key) !== "pending") continue;
        const broken = task.dependsOn.find((key) => ["failed", "skipped"].includes(status.get(key) ?? ""));
        if (broken === undefined) continue;
        found = true;
        const row = byKey.get(task.key) as TaskRow;
        status.set(task.key, "skipped");
        const error = `it depends on ${broken}, which is not done`;
        await endTask(
          ledger,
          row,
          known(task, false, ""),
          { status: "skipped", output: null, error, at: Date.now() },
          [],
        );
        say(task, row, "skipped", error);
      }
    }
  };

  const begin = async (task: Task): Promise<void> => {
    const row = byKey.get(task.key) as TaskRow;
    const may = await budget.take(goal.limits.parallel - inFlight.size);
    if ("end" in may) {
      // What is under way may leave something over.
      if (inFlight.size === 0 || (await budget.over()) !== null) halt ??= { kind: "limit", reason: may.end };
      else await Promise.race(inFlight.values());
      return;
    }
    const { release, ...left } = may;
    await startTask(ledger, row.id, Date.now());
    status.set(task.key, "running");
    say(task, row, "running", "");
    inFlight.set(
      task.key,
      perform(task, row, left)
        .catch((error: unknown) => {
          // A failure of ours is no task's: it ends everything, once what is under way has ended.
          fault ??= { error };
          halt ??= { kind: "stopped" };
        })
        .finally(() => {
          release();
          inFlight.delete(task.key);
        }),
    );
  };

  let told = false;
  for (;;) {
    if (orders.signal.aborted) halt ??= { kind: "cancelled" };
    else if (pursuit.stop.requested) halt ??= { kind: "stopped" };
    await skipDependants();
    while (halt === null && !orders.paused && inFlight.size < goal.limits.parallel) {
      const next = plan.tasks.find(isReady);
      if (!next) break;
      await orders.look();
      if (orders.paused || orders.signal.aborted) break;
      await begin(next);
    }
    if (inFlight.size === 0) {
      if (halt !== null || !plan.tasks.some(isReady)) break;
      if (orders.paused && !told) listener({ type: "paused" });
      told = orders.paused;
      await sleep(pulse);
      continue;
    }
    await Promise.race([...inFlight.values(), sleep(pulse)]);
  }
  const failed = fault as { error: unknown } | null;
  if (failed) throw failed.error;
  return { tip, halt, outputs, failures };
}

/** @returns the changes as against `tip`; null where they conflict with what happened between `start` and `tip`. */
async function mergedOnto(
  repo: Repo,
  tip: string,
  start: string,
  changes: Record<string, string | null>,
): Promise<Record<string, string | null> | null> {
  const paths = Object.keys(changes);
  if (tip === start || paths.length === 0) return changes;
  const [before, now] = await Promise.all([textsAt(repo, start, paths), textsAt(repo, tip, paths)]);
  const there = Object.fromEntries(
    Object.entries(now).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  const merged = await applyChange(there, { before, after: changes });
  if (merged === null) return null;
  const result: Record<string, string | null> = {};
  for (const path of paths) {
    const text = merged[path] ?? null;
    if (text !== now[path]) result[path] = text;
  }
  return result;
}

function newTurn(
  result: TurnResult,
  of: { pursuit: Pursuit; member: Member; row: TaskRow; prompt: string; startedAt: number },
): NewTurn {
  const { ending, message, events, usage, raw, wallMs } = result;
  const begun = events.find((event) => event.type === "begin");
  return {
    ...{
      researcher: of.member.name,
      purpose: "task",
      prompt: of.prompt,
      ending,
      message,
      events,
      usage,
      raw,
    },
    ...{ startedAt: of.startedAt, wallMs, goalId: of.pursuit.goalId, taskId: of.row.id },
    agentVersion: begun?.version ?? null,
    model: begun?.model ?? of.member.model,
  };
}
