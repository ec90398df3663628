import { existsSync } from "node:fs";
import { join } from "node:path";
import { ask, type ProvidedModel, type TurnEnding } from "../../agents/index.ts";
import { RunFailed } from "../../errors.ts";
import { removeTree } from "../../evaluator/index.ts";
import { equipped, goalFromText, layOut, openTeam, trialFolder } from "../../goals/index.ts";
import { addTurns, type Ledger, type NewTurn } from "../../ledger/index.ts";
import { openRepo, scratchRepo } from "../../repo/index.ts";
import type { Sandbox } from "../../sandbox/index.ts";
import { assignUses, injectIntoPrompt, loadedSkills, loadSkill, skillOfVersion } from "../../skills/index.ts";
import type { TraceEvent } from "../../trace.ts";
import { costOf, type Meter } from "../test/limits.ts";
import { armSkills, inside, type LiveOptions, trialSandbox } from "./live.ts";

/**
 * Puts a question to somebody who has the skill on offer, once. Whether they read it.
 *
 * @throws RunFailed when that could not be found out.
 */
export type Loads = (query: string) => Promise<boolean>;

/**
 * Asks a model that sees the catalogue (the proven skills that fit and this one, names and descriptions only), a tool to
 * read them, and the question. No work is done.
 */
export function modelLoads(options: {
  ledger: Ledger;
  versionId: number;
  model: ProvidedModel;
  meter: Meter;
  signal?: AbortSignal;
}): Loads {
  const { ledger, versionId, model, signal } = options;
  return async (query) => {
    const { skill } = await skillOfVersion(ledger, versionId);
    // A threshold above 1: no text is given whole, each must be read.
    const { text, offered, tool } = await injectIntoPrompt(
      ledger,
      { text: query },
      { include: [versionId], strong: 2 },
    );
    if (tool === null) return false;
    const turn = await ask(model, {
      instructions: `You are about to do what the user asks. You have no tools but those offered here: say in one sentence how you would begin.\n\n${text}`,
      messages: [{ role: "user", text: query }],
      ...{ maxOutput: 2000, time: 2 * 60_000, steps: 2 },
      ...(signal ? { signal } : {}),
      tools: [
        {
          ...{ name: tool.name, description: tool.description, parameters: { jsonSchema: tool.parameters } },
          run: async (args) => ({
            text: (await loadSkill(ledger, offered, args as { name: string; file?: string })).text,
            ...{ ok: true, exitCode: null },
          }),
        },
      ],
    });
    const id = await kept(options, query, model.id, turn);
    await assignUses(ledger, offered, id);
    if (turn.ending !== "done" && turn.ending !== "limit") throw new RunFailed(turn.message);
    return loadedSkills(turn.events).has(skill.name);
  };
}

/** Of one turn: milliseconds, milliseconds without a sign of life, calls. Who has not read it by then does without it. */
const bounds = { time: 3 * 60_000, idle: 90_000, calls: 8 };

/**
 * Gives the question to an agent as its task, in a fresh copy of the project with this skill and the library's others in
 * its folders. The turn is cut off as soon as its trace shows that it read the skill, or after a few calls without.
 */
export function agentLoads(
  options: LiveOptions & {
    versionId: number;
    /** Paths that no agent may see: the suite. */
    hide: readonly string[];
  },
): Loads {
  const { ledger, root, who, meter, versionId, hide, env = process.env, signal } = options;
  let opened: Promise<Sandbox> | null = null;
  return async (query) => {
    const { skill } = await skillOfVersion(ledger, versionId);
    opened ??= trialSandbox(options, hide);
    const sandbox = await opened;
    const goal = { ...goalFromText(query), agents: [who.agent] };
    const [member] = await openTeam(goal, root, { env, sandbox });
    if (!member) throw new Error("openTeam gives an agent or throws");
    const place = trialFolder(ledger);
    try {
      const repo = existsSync(join(root, ".git"))
        ? await openRepo(root)
        : await scratchRepo(join(place, "repo"), {}, Date.now());
      const copy = await layOut(repo, repo.head, join(place, "work"), {
        ...{ root, inputs: [], without: inside(root, hide) },
      });
      const source = armSkills(options, skill.name, versionId);
      const task = { key: "t1", title: goal.title, description: query, tools: [], dependsOn: [] };
      const asked = { goal, task, agent: member.name, kind: member.work.kind, folder: copy.folder };
      const skills = await source.skills(asked);

      const enough = new AbortController();
      const events: TraceEvent[] = [];
      const onEvent = (event: TraceEvent) => {
        events.push(event);
        if (event.type !== "result") return;
        const calls = events.filter(({ type }) => type === "result").length;
        if (calls >= bounds.calls || loadedSkills(events).has(skill.name)) enough.abort();
      };
      const { time = bounds.time, ...left } = meter.left();
      const turn = await equipped(member, skills).turn({
        ...{ prompt: [member.prompt, query].filter(Boolean).join("\n\n"), folder: copy.folder, cwd: "" },
        ...{ ...left, time: Math.min(time, bounds.time), idle: bounds.idle, onEvent },
        signal: signal ? AbortSignal.any([signal, enough.signal]) : enough.signal,
      });
      const id = await kept(options, query, member.name, turn);
      await skills.after?.(id, turn.events);
      if (source.seen().loaded) return true;
      if (signal?.aborted) throw new RunFailed("it was stopped");
      if (unclear.has(turn.ending)) throw new RunFailed(`${who.agent}: ${turn.message}`);
      return false;
    } finally {
      await removeTree(place);
    }
  };
}

/** Endings after which it is not known what would have been read. */
const unclear: ReadonlySet<TurnEnding> = new Set([
  ...(["auth", "start", "rate", "outage", "failed", "idle", "limit"] as const),
]);

/** Puts a turn on record, and what it took on the meter. */
async function kept(
  { ledger, meter }: { ledger: Ledger; meter: Meter },
  query: string,
  researcher: string,
  turn: Pick<NewTurn, "ending" | "message" | "events" | "usage" | "raw" | "wallMs"> & { startedAt?: number },
): Promise<number> {
  meter.add({ runs: 1, ...costOf(turn.usage) });
  const { ending, message, events, usage, raw, wallMs, startedAt = Date.now() - wallMs } = turn;
  const begin = events.find((event) => event.type === "begin");
  const [id] = await addTurns(ledger, null, null, [
    {
      ...{ researcher, purpose: "forge", prompt: query, ending, message, events, usage, raw },
      ...{ startedAt, wallMs, model: begin?.model ?? null },
    },
  ]);
  return id as number;
}
