import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { RunFailed } from "../../errors.ts";
import { removeTree } from "../../evaluator/index.ts";
import {
  type Goal,
  type GoalEvent,
  isTestSettings,
  librarySkills,
  runGoal,
  type SkillSource,
  sweepGoals,
  trialFolder,
} from "../../goals/index.ts";
import { goalTurnRows, type Ledger, skillRows } from "../../ledger/index.ts";
import { cloneRepo } from "../../repo/index.ts";
import { openSandbox, type Sandbox } from "../../sandbox/index.ts";
import { carriedSkills, loadedSkills, skillOf, skillOfVersion } from "../../skills/index.ts";
import type { TraceEvent } from "../../trace.ts";
import type { Ran, RunTrial } from "../test/drive.ts";
import type { Meter } from "../test/limits.ts";
import type { Arms, Runner, Who } from "../test/setup.ts";
import { showsText, skillElsewhere } from "./elsewhere.ts";
import { type MeasuredTurn, trialOf } from "./measure.ts";

export interface LiveOptions {
  ledger: Ledger;
  /** The project: where goals without files begin. */
  root: string;
  who: Who;
  meter: Meter;
  /** Iterations of one run. Default 1: one attempt, no second chance. */
  iterations?: number;
  /** Milliseconds of one run. Default: the goal's own. */
  time?: number;
  /** False: the arms have no other skill. Default true: the library as it is, in both. */
  library?: boolean;
  /** True: skills are given with their whole text in the prompt, for agents that do not look for any by themselves. */
  whole?: boolean;
  env?: Readonly<Record<string, string | undefined>>;
  sandbox?: Sandbox;
  signal?: AbortSignal;
  onEvent?: (event: GoalEvent) => void;
  backoff?: number;
}

/**
 * Runs goals for real: each run is a goal of its own with fresh agents and a fresh copy of the project, which is thrown
 * away with its branches. The arm's version is offered as any skill is in daily work: in the prompt of the built-in agent,
 * as folders to coding agents.
 */
export function liveRunner(options: LiveOptions): Runner {
  return {
    ...{ who: options.who, library: options.library ?? true },
    ...(options.whole ? { whole: true } : {}),
    trials: (arms) => {
      let sandbox: Promise<Sandbox> | null = null;
      return async (ask) => {
        sandbox ??= trialSandbox(options, [...arms.hide, ...arms.goals.map(({ folder }) => folder)]);
        return liveTrial({ ...options, sandbox: await sandbox }, arms, ask);
      };
    },
  };
}

/**
 * The sandbox of a test's runs, once what killed ones left is put away. A toolchain may lie in the project, or the suite
 * beside one: neither they nor the ledger are shown with it.
 */
export async function trialSandbox(
  { ledger, root, sandbox }: Pick<LiveOptions, "ledger" | "root" | "sandbox">,
  hide: readonly string[],
): Promise<Sandbox> {
  await sweepGoals(ledger);
  const keepOut = [root, dirname(ledger.path), ...hide].filter((path) => existsSync(path));
  return sandbox ?? openSandbox({ keepOut });
}

async function liveTrial(
  options: LiveOptions & { sandbox: Sandbox },
  arms: Arms,
  ask: Parameters<RunTrial>[0],
): Promise<Ran> {
  const { ledger, root, who, meter, iterations = 1, signal } = options;
  const goal = arms.goals.find(({ name }) => name === ask.task);
  if (!goal) throw new Error(`the suite has no goal ${ask.task}`);
  const version = arms.versions[ask.arm];
  const source = armSkills(options, arms.skill, version, arms.versions.with);
  const scratch = trialFolder(ledger);
  const left = meter.left();
  const limits = {
    iterations,
    ...least("time", goal.goal.limits.time, options.time, left.time),
    ...least("tokens", goal.goal.limits.tokens, left.tokens),
    ...least("dollars", goal.goal.limits.dollars, left.dollars),
  };
  try {
    const own = goal.goal.files.length > 0 || !existsSync(join(root, ".git"));
    if (!own) await cloneRepo(root, scratch);
    const result = await runGoal({
      ...{ goal: goal.goal, folder: root, files: goal.folder, ledger },
      ...(own ? {} : { clone: scratch }),
      without: inside(own ? goal.folder : root, arms.hide),
      ...{ agent: who.agent, plan: "single", skills: source.skills, seed: ask.seed },
      ...(arms.skill === "" ? {} : { blind: arms.skill }),
      purpose: "trial",
      ...(who.judge === null ? {} : { judge: who.judge }),
      limits,
      ...(options.env ? { env: options.env } : {}),
      sandbox: options.sandbox,
      ...(options.onEvent ? { listener: options.onEvent } : {}),
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
      ...(signal ? { signal } : {}),
    });
    if (result.status === "ready" || result.status === "cancelled")
      throw new RunFailed(`${ask.task}: ${result.reason}`);
    // All that it came to is on record; hundreds of copies would fill the disk.
    await removeTree(join(dirname(ledger.path), "goals", String(result.goalId)));
    const { tokens, dollars, wallMs } = result;
    const reached = { time: wallMs, tokens, dollars };
    const cut = (["time", "tokens", "dollars"] as const).find(
      (each) => left[each] !== undefined && limits[each] === left[each] && reached[each] >= left[each],
    );
    // Where the forge stopped paying says nothing of the skill.
    if (cut !== undefined) {
      meter.add({ runs: 1, tokens, dollars });
      throw new RunFailed(
        `${ask.task}: the forge's own limit of ${cut} ended this run, so it is no result and will be run again`,
      );
    }
    const rows = await goalTurnRows(ledger, result.goalId);
    const tasks = rows.filter(({ purpose }) => purpose === "task");
    const hopeless = tasks.find(({ ending }) => ["auth", "start", "rate", "outage"].includes(ending));
    // The provider's trouble is no result of the skill's.
    if (hopeless) throw new RunFailed(`${who.agent}: ${hopeless.message}`, "see to the agent, then go on");
    const seen = source.seen();
    return {
      trial: trialOf({
        score: result.score,
        met: result.score !== null && result.score >= result.threshold,
        turns: tasks.map(({ id, usage }): MeasuredTurn => ({ events: seen.events.get(id) ?? [], usage })),
        overhead: rows.filter(({ purpose }) => purpose === "plan").map(({ usage }) => usage),
        wallMs: tasks.reduce((sum, { wallMs }) => sum + wallMs, 0),
        loaded: seen.loaded,
        rewrote: result.criteria.flatMap(({ own }) => [...own.changed, ...own.made.filter(isTestSettings)]),
        isolation: result.isolation.level,
        channels: Object.fromEntries(
          Map.groupBy(result.criteria, ({ channel }) => channel)
            .entries()
            .map(([channel, { length }]) => [channel, length]),
        ),
      }),
      goalId: result.goalId,
      agentVersion: tasks.find(({ agentVersion }) => agentVersion !== null)?.agentVersion ?? null,
      model: tasks.find(({ model }) => model !== null)?.model ?? null,
    };
  } finally {
    await removeTree(scratch);
  }
}

/** Those of some paths that lie in a folder, relative to it. */
export function inside(folder: string, paths: readonly string[]): string[] {
  return paths.map((path) => relative(folder, path)).filter((path) => path !== "" && !path.startsWith(".."));
}

function least<Name extends string>(
  name: Name,
  ...values: (number | undefined)[]
): { [Key in Name]?: number } {
  const known = values.filter((value) => value !== undefined);
  return (known.length === 0 ? {} : { [name]: Math.min(...known) }) as { [Key in Name]?: number };
}

/** What one arm's runs are offered, and what was seen of it. */
interface ArmSkills {
  skills: SkillSource;
  seen(): { loaded: boolean; events: ReadonlyMap<number, readonly TraceEvent[]> };
}

/**
 * The library as an arm has it: with one version of the skill in question, or with none. What the project itself carries
 * of skills is taken out of the working copy in every arm: the control might have this one as well, in whatever folder and
 * under whatever name, and only some agents would see the others.
 *
 * So is the tested skill itself, wherever else it lies (elsewhere.ts).
 *
 * Loaded means: its whole text was in the agent's instructions, or the trace shows that the agent read it, by what it
 * opened or by what it was shown. In an arm that is not offered it, the trace alone tells.
 *
 * @param tested the version that is tested; absent: none is.
 */
export function armSkills(
  { ledger, library = true, whole = false }: Pick<LiveOptions, "ledger" | "library" | "whole">,
  skill: string,
  version: number | undefined,
  tested?: number,
): ArmSkills {
  const events = new Map<number, readonly TraceEvent[]>();
  let loaded = false;
  const offered = librarySkills(ledger, {
    ...(version === undefined ? { exclude: [skill] } : { include: [version] }),
    ...(library ? {} : { statuses: [] }),
    ...(whole ? { whole } : {}),
  });
  return {
    seen: () => ({ loaded, events }),
    skills: async (asked) => {
      const carried = await carriedSkills(asked.folder);
      const elsewhere =
        tested === undefined
          ? null
          : await skillElsewhere(asked.folder, (await skillOfVersion(ledger, tested)).skill, [
              ...[goalText(asked.goal), asked.task.description],
              ...(await otherTexts(ledger, skill)),
            ]);
      const away = [...new Set([...carried, ...(elsewhere?.copies ?? [])])];
      for (const path of away) await rm(join(asked.folder, path), { recursive: true, force: true });
      const given = await offered(asked);
      if (given.prompt?.includes(`<skill_instructions name="${skill}">`)) loaded = true;
      return {
        ...given,
        written: [...away, ...(given.written ?? [])],
        after: async (turnId, trace) => {
          events.set(turnId, trace);
          if (loadedSkills(trace).has(skill)) loaded = true;
          const offeredIt = version === undefined || version === tested;
          if (elsewhere && offeredIt && showsText(elsewhere.rare, given.prompt ?? "", trace)) loaded = true;
          await given.after?.(turnId, trace);
        },
      };
    },
  };
}

/** All that a goal says to whoever works on it, and what its checks say. */
const goalText = ({ title, text, criteria }: Goal) => [title, text, JSON.stringify(criteria)].join("\n");

/** The library's other skills: whoever reads those has not read this one. */
async function otherTexts(ledger: Ledger, skill: string): Promise<string[]> {
  const others = (await skillRows(ledger)).filter(({ name }) => name !== skill);
  return Promise.all(others.map(async ({ name }) => (await skillOf(ledger, name)).instructions));
}
