import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { formatProblem, parseDuration } from "../../contract/index.ts";
import { RunFailed, UserError } from "../../errors.ts";
import {
  type CriterionResult,
  commandCriterion,
  type Goal,
  type GoalEvent,
  type GoalLimits,
  type GoalResult,
  goalFromText,
  librarySkills,
  openGoals,
  ownOf,
  parseGoal,
  rubricCriterion,
  runGoal,
} from "../../goals/index.ts";
import { isAlive } from "../../lab/index.ts";
import {
  cancelGoal,
  type GoalRow,
  goalById,
  goalEvaluations,
  goalSpending,
  iterationsOf,
  type Ledger,
  newestGoals,
  setGoalPaused,
  tasksOf,
} from "../../ledger/index.ts";
import { printable } from "../../printable.ts";
import { eventWords } from "../../report/index.ts";
import { libraryRoot } from "../../skills/index.ts";
import { complain, interactive, print, printJson, printJsonLine, write } from "../output.ts";
import { onSignals } from "../stopping.ts";

interface RunOptions {
  agent?: string;
  model?: string;
  planner?: string;
  judge?: string;
  url?: string;
  check?: string[];
  rubric?: string[];
  single?: boolean;
  parallel?: number;
  iterations?: number;
  for?: string;
  tokens?: number;
  money?: number;
  seed?: number;
  json?: boolean;
}

/** `whet goal run FILE|"text"`: 0 when the goal is met, 1 when it is not, 130 when it was stopped and can go on. */
export async function goalRunCommand(what: string, options: RunOptions): Promise<number> {
  const file = existsSync(what) || what.endsWith(".md");
  const project = libraryRoot(file ? dirname(resolve(what)) : ".");
  const goal = file ? await readGoal(what) : goalFromText(what);
  goal.criteria.push(
    ...(options.check ?? []).map(commandCriterion),
    ...(options.rubric ?? []).map(rubricCriterion),
  );
  if (goal.criteria.length === 0)
    throw new UserError(
      "nobody could say whether this goal is met",
      'give a check (--check "npm test") or something for a judge (--rubric "The text is polite." --judge provider/model)',
    );
  const provider = (options.model ?? goal.model)?.split("/")[0];
  if (options.url !== undefined) {
    if (provider === undefined)
      throw new UserError("--url says where a model is, and no model is named", "add --model provider/name");
    goal.servers = { ...goal.servers, [provider]: { url: options.url } };
  }
  return pursue(project, goal, options, file ? dirname(resolve(what)) : undefined);
}

/** Clears a pause; where nobody is at work on the goal, goes on with it here. */
export async function goalResumeCommand(id: number, options: RunOptions): Promise<number> {
  const project = libraryRoot(".");
  const ledger = await openGoals(project);
  try {
    const row = await requireGoal(ledger, id);
    await setGoalPaused(ledger, id, null);
    if (atWork(row)) {
      if (options.json) printJson({ id, paused: false, atWork: true });
      else print(`goal ${id} goes on in the process that works on it.`);
      return 0;
    }
  } finally {
    await ledger.close();
  }
  return pursue(project, id, options);
}

async function pursue(
  project: string,
  goal: Goal | number,
  options: RunOptions,
  files?: string,
): Promise<number> {
  const limits = limitsOf(options);
  const ledger = await openGoals(project);
  const { stop, abort, done } = onSignals();
  try {
    const result = await runGoal({
      ...{ goal, folder: project, ledger, stop, signal: abort.signal, limits },
      skills: librarySkills(ledger),
      afterGoal: async (id) => (await import("./forge.ts")).feedForge(ledger, project, id),
      listener: options.json ? printJsonLine : display(),
      ...(files === undefined ? {} : { files }),
      ...(options.agent === undefined ? {} : { agent: options.agent }),
      ...(options.model === undefined ? {} : { model: options.model }),
      ...(options.planner === undefined ? {} : { planner: options.planner }),
      ...(options.judge === undefined ? {} : { judge: options.judge }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.single ? { plan: "single" as const } : {}),
    });
    if (options.json) printJsonLine({ type: "result", ...result });
    else print(resultWords(result));
    return result.status === "met" ? 0 : result.status === "ready" ? 130 : 1;
  } finally {
    done();
    await ledger.close();
  }
}

async function readGoal(path: string): Promise<Goal> {
  const source = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `the goal ${path} cannot be read (${error.code})`,
      'give a file, or the goal in "quotes"',
    );
  });
  const { goal, problems } = parseGoal(source, resolve(path));
  for (const problem of problems.filter(({ severity }) => severity === "warning"))
    complain(formatProblem(path, problem));
  if (goal === null)
    throw new UserError(
      problems
        .filter(({ severity }) => severity === "error")
        .map((problem) => formatProblem(path, problem))
        .join("\n"),
    );
  return goal;
}

function limitsOf(options: RunOptions): Partial<GoalLimits> {
  const time = options.for === undefined ? undefined : parseDuration(options.for);
  if (time === null || time === 0)
    throw new UserError(`--for ${options.for} is not a length of time`, "write 30m, 8h or 1h30m");
  return {
    ...(options.iterations === undefined ? {} : { iterations: options.iterations }),
    ...(options.parallel === undefined ? {} : { parallel: options.parallel }),
    ...(time === undefined ? {} : { time }),
    ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    ...(options.money === undefined ? {} : { dollars: options.money }),
  };
}

/** One line for what lasts; at a terminal also, in place, what an agent does just now. */
function display(): (event: GoalEvent) => void {
  let passing = false;
  const line = (text: string) => {
    // What models and agents say must not steer the terminal.
    write(`${passing ? "\r\u001b[K" : ""}${printable(text)}\n`);
    passing = false;
  };
  return (event) => {
    switch (event.type) {
      case "goal":
        return line(
          `goal ${event.id}: ${event.title} (${event.resumed ? "goes on, " : ""}branch ${event.branch})`,
        );
      case "planning":
        return line(`iteration ${event.iteration}: planning`);
      case "plan":
        for (const task of event.tasks)
          line(
            `  ${task.key}  ${task.title}${task.dependsOn.length > 0 ? ` after ${task.dependsOn.join(", ")}` : ""}  ${task.why}`,
          );
        return;
      case "task":
        return line(
          `  ${event.key} ${event.status}${event.status === "running" ? `: ${event.agent}` : event.message === "" ? "" : `: ${oneLine(event.message)}`}`,
        );
      case "trace": {
        const words = interactive ? eventWords(event.event) : null;
        if (!words) return;
        write(`\r\u001b[K  ${event.key}: ${oneLine(words).slice(0, 100)}`);
        passing = true;
        return;
      }
      case "evaluating":
        return line(`iteration ${event.iteration}: evaluating`);
      case "iteration":
        for (const each of event.results)
          line(`  ${each.score.toFixed(0).padStart(3)}  ${each.criterion}${selfReported(each)}`);
        for (const each of event.unscored) line(`    ?  ${each.criterion}: ${each.why}`);
        return line(
          `iteration ${event.iteration}: ${event.score === null ? "not scored" : `${event.score.toFixed(1)} of 100`}`,
        );
      case "notice":
        return line(`note: ${event.message}`);
      case "waiting":
        return line(`  ${event.message}`);
      case "paused":
        return line("paused: `whet goal resume` goes on");
      case "end":
        return;
    }
  };
}

function resultWords(result: GoalResult): string {
  const head = `goal ${result.goalId} ${result.status === "ready" ? "stopped" : result.status}: ${result.reason}`;
  const cost = `${(result.wallMs / 1000).toFixed(0)} s, ${result.tokens} tokens${result.dollars > 0 ? `, $${result.dollars.toFixed(2)}` : ""}`;
  const next =
    result.status === "ready"
      ? `\`whet goal resume ${result.goalId}\` goes on`
      : result.bestIteration === null || !((result.score ?? 0) > 0)
        ? null
        : result.result === null
          ? `iteration ${result.bestIteration} is the best: git merge ${result.branch}`
          : `iteration ${result.bestIteration} is the best: ${result.result}`;
  const { level, notEnforced } = result.isolation;
  return [
    head,
    ...result.warnings.map((warning) => `warning: ${warning}`),
    ...result.criteria.flatMap((each) =>
      each.channel === "self-reported" ? [`warning: ${each.criterion}${selfReported(each)}`] : [],
    ),
    `isolation ${level}${notEnforced.length === 0 ? "" : `, not enforced: ${notEnforced.join("; ")}`}`,
    cost,
    ...(next === null ? [] : [next]),
  ].join("\n");
}

export async function goalListCommand(options: { json?: boolean; trials?: boolean }): Promise<number> {
  return withGoals(async (ledger) => {
    const rows = await newestGoals(ledger, 100, options);
    if (options.json) printJson(rows.map(facts));
    else
      print(
        rows.length === 0
          ? "no goals yet: whet goal run FILE"
          : rows
              .map(
                (row) =>
                  `${row.id}  ${statusOf(row)}  ${row.score === null ? "-" : row.score.toFixed(1)}  ${row.title}`,
              )
              .join("\n"),
      );
  });
}

export async function goalShowCommand(id: number, options: { json?: boolean }): Promise<number> {
  return withGoals(async (ledger) => {
    const row = await requireGoal(ledger, id);
    const spent = await goalSpending(ledger, id);
    const iterations = await Promise.all(
      (await iterationsOf(ledger, id)).map(async (each) => ({
        ...each,
        tasks: await tasksOf(ledger, each.id),
        evaluations: (await goalEvaluations(ledger, each.id)).map((one) => ({ ...one, ...ownOf(one) })),
      })),
    );
    if (options.json) return printJson({ ...facts(row), spent, iterations });
    const lines = [
      `goal ${row.id}: ${row.title}`,
      `${statusOf(row)}${row.reason === null ? "" : `: ${row.reason}`}`,
      `branch ${row.branch ?? "none yet"}; ${spentWords(spent)}`,
    ];
    for (const { number, score, tasks, evaluations } of iterations) {
      lines.push(
        "",
        `iteration ${number}: ${score === null ? "no score yet" : `${score.toFixed(1)} of 100`}`,
      );
      for (const task of tasks) {
        const { title } = JSON.parse(task.task) as { title: string };
        const why = JSON.parse(task.why) as { why: string } | null;
        lines.push(`  ${task.key} ${task.status}: ${title} (${why?.why ?? task.agent})`);
        if (task.error !== null) lines.push(`     ${oneLine(task.error)}`);
      }
      for (const each of evaluations)
        lines.push(
          `  ${each.score.toFixed(0).padStart(3)}  ${each.criterion}${selfReported(each) || ` (${each.channel})`}: ${oneLine(each.explanation)}`,
        );
    }
    print(lines.join("\n"));
  });
}

/** How far a check's verdict is the work's own word. */
function selfReported({ channel, own: { made, changed } }: Pick<CriterionResult, "channel" | "own">): string {
  if (channel !== "self-reported") return "";
  const own = [...changed.map((path) => `changed ${path}`), ...made.map((path) => `made ${path}`)];
  const more = own.length > 3 ? ` and ${own.length - 3} more` : "";
  return ` (self-reported: the work ${own.slice(0, 3).join(", ")}${more})`;
}

/** What nobody says is never zero. */
function spentWords(spent: Awaited<ReturnType<typeof goalSpending>>): string {
  const { tokens, dollars, silentTokens, silentDollars } = spent;
  const partly = (silent: number, words: string) =>
    silent > 0 ? `${words} and what ${silent} turns did not say` : words;
  const cost =
    dollars === 0 && silentDollars > 0 ? "cost not known" : partly(silentDollars, `$${dollars.toFixed(2)}`);
  return `${partly(silentTokens, `${tokens} tokens`)}, ${cost}`;
}

export async function goalPauseCommand(id: number, options: { json?: boolean }): Promise<number> {
  return withGoals(async (ledger) => {
    const row = await requireGoal(ledger, id);
    if (row.status === "met" || row.status === "cancelled")
      throw new UserError(`goal ${id} is ${row.status}: there is nothing to pause`);
    await setGoalPaused(ledger, id, Date.now());
    if (options.json) printJson({ id, paused: true, atWork: atWork(row) });
    else
      print(
        `goal ${id} is paused: ${atWork(row) ? "the tasks under way are finished, the next ones wait" : "nobody is at work on it"}. \`whet goal resume ${id}\` goes on.`,
      );
  });
}

export async function goalCancelCommand(id: number, options: { json?: boolean }): Promise<number> {
  return withGoals(async (ledger) => {
    const row = await requireGoal(ledger, id);
    if (row.status === "met" || row.status === "failed")
      throw new RunFailed(`goal ${id} has ended already (${row.status})`);
    await cancelGoal(ledger, id, Date.now());
    if (options.json) printJson({ id, cancelled: true });
    else print(`goal ${id} is cancelled; what was done stays on ${row.branch ?? "record"}.`);
  });
}

async function withGoals(use: (ledger: Ledger) => Promise<void>): Promise<number> {
  const ledger = await openGoals(libraryRoot("."));
  try {
    await use(ledger);
    return 0;
  } finally {
    await ledger.close();
  }
}

async function requireGoal(ledger: Ledger, id: number): Promise<GoalRow> {
  const row = await goalById(ledger, id);
  if (!row) throw new UserError(`there is no goal ${id} here`, "`whet goal list` shows them");
  return row;
}

function atWork({ holder }: GoalRow): boolean {
  return holder !== null && isAlive(holder);
}

function statusOf(row: GoalRow): string {
  if (row.status !== "running") return row.status;
  return !atWork(row) ? "interrupted" : row.pausedAt === null ? "running" : "paused";
}

function facts(row: GoalRow) {
  const { id, title, family, reason, score, bestIteration, branch, baseCommit, createdAt, endedAt } = row;
  return {
    ...{ id, title, family, status: statusOf(row), reason, score, bestIteration, branch, baseCommit },
    ...{ createdAt, endedAt },
  };
}

function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
