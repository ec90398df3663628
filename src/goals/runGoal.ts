import { existsSync } from "node:fs";
import { lstat, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProvidedModel } from "../agents/index.ts";
import { UserError } from "../errors.ts";
import { removeTree } from "../evaluator/index.ts";
import { inside } from "../inside.ts";
import { isAlive, thisProcess } from "../lab/index.ts";
import {
  addGoal,
  addIteration,
  addTurns,
  claimGoal,
  endGoal,
  endIteration,
  type GoalRow,
  goalById,
  goalEvaluations,
  goalSpending,
  goalTurns,
  type IterationRow,
  iterationsOf,
  type Ledger,
  type NewTurn,
  pastTasks,
  reassignTask,
  reopenTasks,
  setGoalBranch,
  setWorldState,
  tasksOf,
} from "../ledger/index.ts";
import { isPriced } from "../relay/index.ts";
import {
  branchObstacle,
  branchTip,
  checkoutBase,
  checkpoint,
  editableFiles,
  openRepo,
  pathsAt,
  type Repo,
  scratchRepo,
  textsAt,
} from "../repo/index.ts";
import { openSandbox, type Sandbox } from "../sandbox/index.ts";
import { surpriseOf } from "./beginning.ts";
import { openBudget } from "./budget.ts";
import { isBelow } from "./copy.ts";
import { evaluateGoal, feedbackOf } from "./evaluator.ts";
import type { GoalEvent } from "./events.ts";
import { everyPath } from "./everyPath.ts";
import { goalFiles } from "./files.ts";
import type { CriterionResult, Goal, GoalLimits, Plan, Task } from "./goal.ts";
import { goalHash } from "./goalFile.ts";
import { goldenPlans, goldenRow } from "./golden.ts";
import { openJudges, openJudgesWords, ownOf, scriptsIn } from "./judging.ts";
import { kinshipWarnings, needsJudge, otherJudge, type Worker } from "./kinship.ts";
import { sweepGoals } from "./leftovers.ts";
import { assignTasks } from "./matcher.ts";
import { carryOut, type Halt, type Pursuit } from "./orchestrator.ts";
import { heedOrders } from "./orders.ts";
import { planFaults, singleTask } from "./plan.ts";
import { makePlan } from "./processor.ts";
import type { SkillSource } from "./skillSource.ts";
import { type Member, openTeam, provide } from "./team.ts";
import { builtInTools } from "./tools/index.ts";
import { newWorld, type WorldState, worldText } from "./worldState.ts";

export interface RunGoalOptions {
  /** A new goal, or the id of one on record that is to go on. */
  goal: Goal | number;
  /** The project: the repository's top folder, or any folder where there is no repository. */
  folder: string;
  /** A clone of the project that takes its commits and branches instead, to be thrown away. */
  clone?: string;
  /** Paths of the project that no working copy holds, besides the goal's own hidden ones. */
  without?: readonly string[];
  /** The ledger of goals and skills; working copies lie beside it. */
  ledger: Ledger;
  /** Folder that the goal's `files` are relative to. Default: the project. */
  files?: string;
  /** Replaces the goal's `agents`: a file of agents/ or a researcher's kind. */
  agent?: string;
  /** Replace the goal's own: `provider/model`. */
  model?: string;
  planner?: string;
  judge?: string;
  limits?: Partial<GoalLimits>;
  /** `single`: no planner is asked, also when the goal goes on. A plan: the first iteration's. */
  plan?: "single" | Plan;
  /** Agents that are open already, instead of those that the goal names. */
  team?: readonly Member[];
  skills?: SkillSource;
  /** Handed on to models that take one. */
  seed?: number;
  /** `trial`: a run of a test, of which no plan, success or trace counts as experience. Default `goal`. */
  purpose?: GoalRow["purpose"];
  /** Name of a skill of which the judge is told nothing, whatever agents say. */
  blind?: string;
  /** The user's environment; keys are looked up in it. Default: this process's. */
  env?: Readonly<Record<string, string | undefined>>;
  sandbox?: Sandbox;
  listener?: (event: GoalEvent) => void;
  /** Set `requested` to end after the tasks under way. */
  stop?: { readonly requested: boolean };
  /** Ends at once; the tasks under way begin anew when the goal goes on. */
  signal?: AbortSignal;
  /** Called when the goal has ended, whatever came of it; what it throws is only told. */
  afterGoal?: (goalId: number) => Promise<unknown>;
  /** Milliseconds before a refused call is tried again, doubled each time. Default 2000. */
  backoff?: number;
}

export interface GoalResult {
  goalId: number;
  /** `ready`: it was stopped and can go on. */
  status: "met" | "failed" | "cancelled" | "ready";
  /** Why it ended. */
  reason: string;
  /** Of the best iteration, 0 to 100; null: none could be scored. */
  score: number | null;
  threshold: number;
  /** How the best iteration fared. */
  criteria: CriterionResult[];
  /** Criteria of the last iteration that nobody could judge. */
  unscored: { criterion: string; why: string }[];
  iterations: number;
  bestIteration: number | null;
  branch: string;
  /** The best state; the goal's beginning where nothing was scored. */
  commit: string;
  /** Folder that holds the best state, for goals outside of the project's repository; else null. */
  result: string | null;
  /** The level at which commands of the built-in agent and checks ran, and what it does not enforce. */
  isolation: { level: string; notEnforced: string[] };
  /** What the score and the confinement cannot be relied on for, a sentence each. */
  warnings: string[];
  /** Ids of all its turns, oldest first. */
  turns: number[];
  /** Of all processes that worked on it, milliseconds. */
  wallMs: number;
  /** Of what agents and models said they took. */
  tokens: number;
  dollars: number;
}

/** Iterations in a row without a better score after which it is given up. */
const patience = 3;
/** The same plan may do better with what was learned: a small goal is one task, each time. */
const mostSame = 2;
/** Tokens of what the planner is told of earlier iterations. */
const plannerTokens = 8000;

/**
 * Pursues a goal: plan, carry out, evaluate, and again from the best state so far, until the goal is met or a limit is
 * reached. Everything is on record as it happens; a goal that was stopped or killed goes on with its id.
 *
 * The user's branch, index and files are not touched: each iteration's state is a commit on `whetstone/goal/<name>`.
 *
 * @throws UserError when it cannot begin: no agent, no judge for rubric items, a key that is missing, or another
 * process is at work on it.
 */
export async function runGoal(options: RunGoalOptions): Promise<GoalResult> {
  const { ledger, folder: root } = options;
  const listener = options.listener ?? (() => undefined);
  const notice = (message: string) => listener({ type: "notice", message });
  const env = options.env ?? process.env;
  const began = performance.now();

  const recorded = typeof options.goal === "number" ? await requireGoal(ledger, options.goal) : null;
  const given = settled(recorded ? (JSON.parse(recorded.goal) as Goal) : (options.goal as Goal), options);
  requireSensible(given);
  if (options.purpose !== "trial") await sweepGoals(ledger);
  const sandbox = options.sandbox ?? (await openSandbox({ keepOut: [root, dirname(ledger.path)] }));
  const around = {
    env,
    sandbox,
    onNotice: notice,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
  const team = options.team ?? (await openTeam(given, root, around));
  const judging = judgeOf(given, team, env);
  const goal: Goal = judging.judge === null ? given : { ...given, judge: judging.judge };
  const warnings = [...judging.warnings, ...unconfined(goal, team)];
  const judge = goal.judge === undefined ? null : await provide(goal, goal.judge, env);
  const plannerName = goal.single ? undefined : (goal.planner ?? goal.model);
  const planner = plannerName === undefined ? null : await provide(goal, plannerName, env);
  const tools = [
    ...new Set(team.flatMap((member) => (member.tools.length === 0 ? builtInTools : member.tools))),
  ];
  if (typeof options.plan === "object") requirePlan(options.plan, tools);
  requireKeepable(goal.limits, team, [judge, planner]);

  const purpose = recorded?.purpose ?? options.purpose ?? "goal";
  const id = recorded?.id ?? (await newGoal(ledger, goal, purpose));
  if (!(await claimGoal(ledger, id, thisProcess(), isAlive)))
    throw new UserError(`goal ${id} is being pursued by another process`, "`whet goal list` shows which");
  const orders = heedOrders(ledger, id, options.signal);
  const folder = join(dirname(ledger.path), "goals", String(id));
  const hidden = join(folder, "hidden");
  let world: WorldState = recorded ? (JSON.parse(recorded.worldState) as WorldState) : newWorld;
  const earlierMs = world.spentMs;
  const spentMs = () => earlierMs + performance.now() - began;
  try {
    const { repo, base, scratch, ...grounds } = await ground(options, goal, id, folder, recorded);
    let { branch } = grounds;
    /** The goal's branch, or another one where a person has made it theirs: nobody's commit is undone. */
    const ownBranch = async () => {
      const obstacle = await branchObstacle(repo, branch);
      if (obstacle === null) return branch;
      const theirs = branch;
      branch = await freeBranch(repo, goal, id);
      await setGoalBranch(ledger, id, branch, base);
      const why = obstacle === "foreign" ? "holds commits of somebody else's" : "is checked out";
      notice(`the branch ${theirs} ${why}: it stays as it is, and the goal goes on on ${branch}`);
      return branch;
    };
    await ownBranch();
    listener({ type: "goal", id, title: goal.title, branch, resumed: recorded !== null });
    for (const warning of [...judging.notices, ...warnings]) notice(warning);
    const surprise = recorded === null && purpose === "goal" ? await surpriseOf([goal], root) : null;
    if (surprise !== null) notice(surprise);
    // A test says it once for all of its runs.
    const open = purpose === "goal" ? openJudgesWords(await openJudgesAt(goal, repo, base)) : null;
    if (open !== null) notice(open);
    const budget = openBudget(ledger, id, goal.limits, spentMs);
    const pursuit: Pursuit = {
      ...{ ledger, goalId: id, goal, repo, root, team, budget, orders, listener, world },
      without: [...goal.hidden, ...(options.without ?? [])],
      ...{
        folder: join(folder, "work"),
        stop: options.stop ?? { requested: false },
        skills: options.skills ?? null,
      },
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    };
    const record = async (turn: NewTurn) => {
      await addTurns(ledger, null, null, [{ ...turn, goalId: id }]);
      return orders.signal.aborted ? "it was cancelled" : budget.over();
    };
    const asking = {
      ...{ record, signal: orders.signal },
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    };

    const begin = async (iterations: readonly IterationRow[], best: IterationRow | null) => {
      const tip = best?.tip ?? base;
      const number = (iterations.at(-1)?.number ?? 0) + 1;
      let plan: Plan = singleTask(goal);
      if (typeof options.plan === "object") plan = options.plan;
      else if (planner) {
        listener({ type: "planning", iteration: number });
        const made = await makePlan(planner, {
          ...{ goal, tools, agents: team, ...asking },
          files: Object.keys(await editableFiles(repo, tip, everyPath)).filter(
            (path) => !isBelow(path, pursuit.without),
          ),
          golden: await goldenPlans(ledger, goal),
          world: worldText(pursuit.world, plannerTokens),
        });
        if (made.plan === null) return { end: made.why };
        plan = made.plan;
        const same = iterations
          .slice(-mostSame)
          .filter((each) => samePlan(plan, JSON.parse(each.plan) as Plan));
        if (same.length === mostSame)
          return { end: `it is stuck: the planner gave the same plan ${mostSame} times and gives it again` };
      }
      const assignments = assignTasks(plan.tasks, team, await history(ledger), goal.family);
      pursuit.world = { ...pursuit.world, done: [], pending: plan.tasks.map(({ title }) => title) };
      await setWorldState(ledger, id, JSON.stringify(pursuit.world));
      const row = { goalId: id, number, plan: JSON.stringify(plan), tip, startedAt: Date.now() };
      await addIteration(
        ledger,
        row,
        plan.tasks.map((task) => {
          const why = assignments.get(task.key);
          return {
            ...{ key: task.key, task: JSON.stringify(task), agent: why?.agent ?? "" },
            why: JSON.stringify(why ?? null),
          };
        }),
      );
      return { end: null };
    };

    /** A goal may go on with other agents than it began with. */
    const reassign = async (iterationId: number) => {
      const left = (await tasksOf(ledger, iterationId)).filter(
        (row) => row.status === "pending" && !team.some(({ name }) => name === row.agent),
      );
      if (left.length === 0) return;
      const tasks = left.map((row) => JSON.parse(row.task) as Task);
      const assignments = assignTasks(tasks, team, await history(ledger), goal.family);
      for (const row of left) {
        const why = assignments.get(row.key);
        if (why) await reassignTask(ledger, row.id, why.agent, JSON.stringify(why));
      }
    };

    const waitWhilePaused = async () => {
      await orders.look();
      if (orders.paused) listener({ type: "paused" });
      while (orders.paused && !orders.signal.aborted && !pursuit.stop.requested) await sleep(100);
    };

    const pursue = async (): Promise<Ended> => {
      let unscored: GoalResult["unscored"] = [];
      for (;;) {
        const iterations = await iterationsOf(ledger, id);
        const best = bestOf(iterations);
        if (best?.score != null && best.score >= goal.threshold)
          return { status: "met", reason: `it scored ${best.score.toFixed(1)} of 100`, unscored };
        const open = iterations.find(({ endedAt }) => endedAt === null);
        if (!open) {
          await waitWhilePaused();
          if (orders.signal.aborted) return { ...cancelled(options), unscored };
          if (pursuit.stop.requested) return { status: "ready", reason: "stopped by hand", unscored };
          const end = givenUp(iterations, goal) ?? (await budget.over());
          if (end !== null) return { status: "failed", reason: end, unscored };
          const begun = await begin(iterations, best);
          if (orders.signal.aborted) return { ...cancelled(options), unscored };
          if (begun.end !== null) return { status: "failed", reason: begun.end, unscored };
          continue;
        }
        await reopenTasks(ledger, open.id);
        const plan = JSON.parse(open.plan) as Plan;
        await reassign(open.id);
        const rows = await tasksOf(ledger, open.id);
        listener({
          ...{ type: "plan", iteration: open.number },
          tasks: plan.tasks.map(({ key, title, dependsOn }) => {
            const row = rows.find((each) => each.key === key);
            const why = JSON.parse(row?.why ?? "null") as { why: string } | null;
            return { key, title, dependsOn, agent: row?.agent ?? "", why: why?.why ?? "" };
          }),
        });
        const { tip, halt, outputs, failures } = await carryOut(pursuit, open, plan, rows);
        if (halt && halt.kind !== "limit") return { ...halted(halt, options), unscored };
        listener({ type: "evaluating", iteration: open.number });
        const evaluation = await evaluateGoal({
          ...{
            goal,
            repo,
            root,
            commit: tip,
            base,
            sandbox,
            judge,
            hidden,
            folder: join(folder, "checks"),
            ...asking,
          },
          ...(options.blind === undefined ? {} : { blind: options.blind }),
          output: finalWords(plan, outputs),
          closed: halt?.reason ?? (await budget.over()),
        });
        if (orders.signal.aborted) return { ...cancelled(options), unscored };
        unscored = evaluation.unscored;
        const { score, results } = evaluation;
        const bestScore = Math.max(score ?? -1, best?.score ?? -1);
        listener({
          ...{ type: "iteration", iteration: open.number, score, results, unscored },
          best: bestScore < 0 ? null : bestScore,
        });
        if (score === null) {
          // It stays open: what could not be judged is judged when the goal goes on.
          const why = unscored
            .map((each) => `"${each.criterion}" could not be scored: ${each.why}`)
            .join("; ");
          return { status: "failed", reason: halt?.reason ?? why, unscored };
        }
        const isBest = best?.score == null || score > best.score;
        const feedback = feedbackOf(evaluation, failures);
        pursuit.world = {
          ...pursuit.world,
          history: [
            ...pursuit.world.history,
            { iteration: open.number, score, plan: plan.tasks.map(({ title }) => title), feedback },
          ],
          spentMs: spentMs(),
        };
        const commitId = await checkpoint(repo, await ownBranch(), {
          ...{ commit: tip, base, when: open.startedAt },
          message: `${goal.title}: iteration ${open.number}, ${score.toFixed(1)} of 100\n\nWhetstone-Goal: ${id}\n`,
        });
        await endIteration(
          ledger,
          open,
          {
            ...{ score, feedback, commitId, worldState: JSON.stringify(pursuit.world), at: Date.now() },
            best: isBest,
          },
          results.map(({ criterion, kind, weight, score, explanation, judge, ...each }) => ({
            ...{ criterion, kind, weight, score, explanation, judge },
            met: JSON.stringify(each.met),
            missed: JSON.stringify(each.missed),
            suggestions: JSON.stringify(each.suggestions),
            own: JSON.stringify(each.own),
          })),
          isBest && purpose === "goal" ? goldenRow(goal, id, score, plan, outputs, Date.now()) : null,
        );
        if (halt)
          return { status: score >= goal.threshold ? "met" : "failed", reason: halt.reason, unscored };
      }
    };

    const { status, reason, unscored } = await pursue();
    world = pursuit.world;
    const iterations = await iterationsOf(ledger, id);
    const best = bestOf(iterations);
    const commit = best?.tip ?? base;
    if (best && best.commitId !== iterations.findLast((each) => each.commitId !== null)?.commitId)
      await checkpoint(repo, await ownBranch(), {
        ...{ commit, base, when: best.startedAt },
        message: `${goal.title}: iteration ${best.number} again, the best with ${best.score?.toFixed(1)} of 100\n\nWhetstone-Goal: ${id}\n`,
      });
    let result: string | null = null;
    if (scratch) {
      result = join(folder, "result");
      await removeTree(result);
      await checkoutBase(repo, commit, result);
    }
    await setWorldState(ledger, id, JSON.stringify({ ...world, spentMs: spentMs() }));
    await endGoal(ledger, id, { status, reason, at: Date.now() });
    const spent = await goalSpending(ledger, id);
    const ended: GoalResult = {
      ...{ goalId: id, status, reason, score: best?.score ?? null, threshold: goal.threshold, unscored },
      criteria: best ? await criteriaOf(ledger, best.id) : [],
      ...{ iterations: iterations.length, bestIteration: best?.number ?? null, branch, commit, result },
      isolation: {
        level: sandbox.isolation.level,
        notEnforced: [...sandbox.isolation.notEnforced, ...unconfined(goal, team)],
      },
      warnings,
      ...{
        turns: await goalTurns(ledger, id),
        wallMs: spentMs(),
        tokens: spent.tokens,
        dollars: spent.dollars,
      },
    };
    if (status === "met" || status === "failed")
      await options
        .afterGoal?.(id)
        .catch((error: unknown) => notice(`after the goal: ${(error as Error).message}`));
    listener({ type: "end", status, reason, score: ended.score });
    return ended;
  } catch (error) {
    await endGoal(ledger, id, { status: "failed", reason: (error as Error).message, at: Date.now() }).catch(
      () => undefined,
    );
    throw error;
  } finally {
    orders.close();
    await removeTree(join(folder, "work"));
    await removeTree(join(folder, "checks"));
  }
}

interface Ended {
  status: GoalResult["status"];
  reason: string;
  unscored: GoalResult["unscored"];
}

/** An abort of the caller's only interrupts; a person's word in the ledger ends the goal. */
function cancelled(options: RunGoalOptions): Omit<Ended, "unscored"> {
  return options.signal?.aborted
    ? { status: "ready", reason: "stopped at once" }
    : { status: "cancelled", reason: "cancelled by hand" };
}

function halted(halt: Halt, options: RunGoalOptions): Omit<Ended, "unscored"> {
  switch (halt.kind) {
    case "cancelled":
      return cancelled(options);
    case "stopped":
      return { status: "ready", reason: "stopped by hand" };
    default:
      return { status: "failed", reason: halt.reason };
  }
}

function settled(goal: Goal, options: RunGoalOptions): Goal {
  const { agent, model, planner, judge, limits } = options;
  return {
    ...goal,
    ...(agent === undefined ? {} : { agents: [agent] }),
    ...(model === undefined ? {} : { model }),
    ...(planner === undefined ? {} : { planner }),
    ...(judge === undefined ? {} : { judge }),
    ...(options.plan === "single" ? { single: true as const } : {}),
    limits: { ...goal.limits, ...limits },
  };
}

function requireSensible(goal: Goal): void {
  if (goal.criteria.length === 0)
    throw new UserError(
      "the goal has no criterion: nobody could say whether it is met",
      'give a check (--check "npm test") or something for a judge (--rubric "The text is polite.")',
    );
}

/** A limit that nobody could keep is refused before anything is paid. */
function requireKeepable(
  { tokens, dollars }: GoalLimits,
  team: readonly Member[],
  models: readonly (ProvidedModel | null)[],
): void {
  const silent = (what: "tokens" | "dollars") =>
    team.find(({ work }) => work.agent.reports?.[what] === false)?.name;
  const unpriced = silent("dollars") ?? models.find((model) => model !== null && !isPriced(model.priced))?.id;
  if (dollars !== undefined && unpriced !== undefined)
    throw new UserError(
      `a limit on money cannot be kept with ${unpriced}: what it costs is not known`,
      "limit the tokens, the iterations or the time instead (--tokens, --iterations, --for)",
    );
  const uncounted = silent("tokens");
  if (tokens !== undefined && uncounted !== undefined)
    throw new UserError(
      `a limit on tokens cannot be kept with ${uncounted}: it does not say how many it takes`,
      "limit the iterations or the time instead (--iterations, --for)",
    );
}

function requirePlan(plan: Plan, tools: readonly string[]): void {
  const [fault] = planFaults(plan, tools);
  if (fault) throw new UserError(`the plan cannot be carried out: ${fault}`);
}

async function requireGoal(ledger: Ledger, id: number): Promise<GoalRow> {
  const row = await goalById(ledger, id);
  if (!row) throw new UserError(`there is no goal ${id}`, "`whet goal list` shows them");
  if (row.status === "cancelled") throw new UserError(`goal ${id} was cancelled`, "begin it anew");
  return row;
}

async function newGoal(ledger: Ledger, goal: Goal, purpose: GoalRow["purpose"]): Promise<number> {
  return addGoal(ledger, {
    purpose,
    ...{ title: goal.title, family: goal.family, goal: JSON.stringify(goal), goalHash: goalHash(goal) },
    ...{ worldState: JSON.stringify(newWorld), createdAt: Date.now() },
  });
}

/** Where a goal's states live: the project's repository, or one of its own. */
async function ground(
  options: RunGoalOptions,
  goal: Goal,
  id: number,
  folder: string,
  recorded: GoalRow | null,
): Promise<{ repo: Repo; base: string; branch: string; scratch: boolean }> {
  await mkdir(folder, { recursive: true });
  const own = join(folder, "repo");
  const project = options.clone ?? options.folder;
  const scratch = goal.files.length > 0 || !existsSync(join(options.folder, ".git"));
  if (recorded?.branch && recorded.baseCommit)
    return {
      ...{ repo: await openRepo(scratch ? own : project), base: recorded.baseCommit },
      ...{ branch: recorded.branch, scratch },
    };
  const source = goal.files.length > 0 ? (options.files ?? options.folder) : options.folder;
  for (const [path, bytes] of Object.entries(await goalFiles(source, goal.hidden))) {
    const kept = inside(join(folder, "hidden"), path);
    await mkdir(dirname(kept), { recursive: true });
    const { mode } = await lstat(join(source, path));
    await writeFile(kept, bytes, { mode: mode & 0o777 });
  }
  let repo: Repo;
  if (scratch) {
    await removeTree(own);
    repo = await scratchRepo(own, await goalFiles(source, goal.files), Date.now());
  } else repo = await openRepo(project);
  const branch = await freeBranch(repo, goal, id);
  await setGoalBranch(options.ledger, id, branch, repo.head);
  return { repo, base: repo.head, branch, scratch };
}

async function freeBranch(repo: Repo, goal: Goal, id: number): Promise<string> {
  const name = `whetstone/goal/${slug(goal.title)}-${id}`;
  let branch = name;
  for (let count = 2; (await branchTip(repo, branch)) !== null; count++) branch = `${name}-${count}`;
  return branch;
}

function slug(title: string): string {
  const plain = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return plain.slice(0, 40).replace(/-+$/, "") || "goal";
}

function bestOf(iterations: readonly IterationRow[]): IterationRow | null {
  let best: IterationRow | null = null;
  for (const each of iterations)
    if (each.endedAt !== null && each.score !== null && (best?.score == null || each.score > best.score))
      best = each;
  return best;
}

/** Why no further iteration begins; null: one does. */
function givenUp(iterations: readonly IterationRow[], { limits }: Goal): string | null {
  const best = bestOf(iterations);
  if (iterations.length >= limits.iterations)
    return `after ${iterations.length} iteration${iterations.length === 1 ? "" : "s"} it is not met`;
  if (best && iterations.length - best.number >= patience)
    return `it is stuck: ${iterations.length - best.number} iterations in a row were no better`;
  return null;
}

function samePlan(a: Plan, b: Plan): boolean {
  const essence = ({ tasks }: Plan) =>
    JSON.stringify(tasks.map(({ title, description, dependsOn }: Task) => [title, description, dependsOn]));
  return essence(a) === essence(b);
}

/** What the tasks said that no other one rests on. */
function finalWords({ tasks }: Plan, outputs: ReadonlyMap<string, string>): string {
  const used = new Set(tasks.flatMap(({ dependsOn }) => dependsOn));
  return tasks
    .filter(({ key }) => !used.has(key))
    .flatMap(({ key }) => outputs.get(key) ?? [])
    .join("\n\n");
}

async function history(ledger: Ledger) {
  const rows = await pastTasks(ledger, 5000);
  return rows.map(({ agent, family, status, score }) => ({ agent, family, ok: status === "done", score }));
}

async function criteriaOf(ledger: Ledger, iterationId: number): Promise<CriterionResult[]> {
  const rows = await goalEvaluations(ledger, iterationId);
  return rows.map(
    ({ criterion, kind, weight, score, explanation, met, missed, suggestions, judge, own }) => ({
      ...{ criterion, kind: kind as CriterionResult["kind"], weight, score, explanation, judge },
      met: JSON.parse(met) as string[],
      missed: JSON.parse(missed) as string[],
      suggestions: JSON.parse(suggestions) as string[],
      ...ownOf({ kind, own }),
    }),
  );
}

async function openJudgesAt(goal: Goal, repo: Repo, base: string): Promise<string[]> {
  if (!goal.criteria.some(({ kind }) => kind === "command")) return [];
  const { "package.json": text } = await textsAt(repo, base, ["package.json"]);
  return openJudges(goal, await pathsAt(repo, base), scriptsIn(text));
}

/**
 * Who judges a goal with rubric items: whoever is named, with what speaks against that one, else a model of another family
 * than the workers'. Null: nobody has to.
 *
 * @throws UserError when somebody has to be named.
 */
function judgeOf(
  goal: Goal,
  team: readonly Member[],
  env: Readonly<Record<string, string | undefined>>,
): { judge: string | null; warnings: string[]; notices: string[] } {
  const named = goal.judge ?? null;
  if (!needsJudge(goal)) return { judge: named, warnings: [], notices: [] };
  const workers = team.map(
    ({ name, model, work }): Worker => ({ name: work.kind === "agent" ? work.agent.name : name, model }),
  );
  if (named !== null) return { judge: named, warnings: kinshipWarnings(named, workers), notices: [] };
  const judge = otherJudge(workers, [goal.planner, goal.model], env);
  if (judge === null)
    throw new UserError(
      "the goal has rubric items, and no judge is there to score them",
      "name one: --judge provider/model, best of another family than the model that does the work",
    );
  const notice = `${judge} judges, of another family than those who work (--judge names another one)`;
  return { judge, warnings: [], notices: [notice] };
}

/** What the built-in agent can reach past the sandbox, in words. */
function unconfined(goal: Goal, team: readonly Member[]): string[] {
  if (!team.some(({ work }) => work.kind === "model")) return [];
  return Object.entries(goal.mcp).flatMap(([name, server]) =>
    "command" in server && server.network
      ? [`the MCP server ${name} has the network, and so has what it runs of the work`]
      : [],
  );
}
