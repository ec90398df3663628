import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ask, type ProvidedModel } from "../agents/index.ts";
import { UserError } from "../errors.ts";
import { addSkillEvaluation, addTurns, type Ledger, updateSkillEvaluation } from "../ledger/index.ts";
import { injectIntoPrompt, loadedSkills, loadSkill, skillOfVersion } from "../skills/index.ts";
import { costOf, type Meter } from "./limits.ts";
import type { Suite } from "./suite.ts";

/** A question at which a skill should be read, or should not. */
export interface TriggerQuery {
  query: string;
  should: boolean;
}

const file = z.array(z.looseObject({ query: z.string().min(1), should_trigger: z.boolean() }));

/**
 * The questions to try a description with: `evals/triggers.json` beside the skill (`[{query, should_trigger}]`, the
 * ecosystem's format) where there is one; else the suite's goals as those that should, and `others` as those that should
 * not.
 */
export async function triggerQueries(
  folder: string,
  suite: Suite | null,
  others: readonly string[] = [],
): Promise<TriggerQuery[]> {
  for (const name of ["triggers.json", "trigger-evals.json", "trigger_evals.json"]) {
    const path = join(folder, "evals", name);
    if (!existsSync(path)) continue;
    const read = file.safeParse(JSON.parse(await readFile(path, "utf8")));
    if (!read.success)
      throw new UserError(
        `${path}: ${read.error.issues[0]?.message}`,
        'it looks like [{"query": "...", "should_trigger": true}]',
      );
    return read.data.map(({ query, should_trigger: should }) => ({ query, should }));
  }
  return [
    ...(suite?.goals ?? []).map(({ goal }) => ({ query: goal.text.trim(), should: true })),
    ...others.map((query) => ({ query, should: false })),
  ];
}

export interface TriggerResult {
  queries: (TriggerQuery & { loaded: number; runs: number; right: boolean })[];
  /** Share of questions that should, at which it was read in at least half of the runs; null: there are none. */
  sensitivity: number | null;
  /** Share of those that should not, at which it stayed quiet; null: there are none. */
  specificity: number | null;
  /** Why not all were asked; null: they were. */
  stopped: string | null;
}

/**
 * Whether a skill is read when it should be and stays quiet when it should not. The model sees the catalogue (all other
 * proven skills and this one, names and descriptions only), a tool to read them, and the question; what counts is whether
 * it reads this skill. No work is done.
 *
 * @param runs of each question. Default 3.
 */
export async function triggerTest(options: {
  ledger: Ledger;
  versionId: number;
  model: ProvidedModel;
  queries: readonly TriggerQuery[];
  meter: Meter;
  runs?: number;
  stop?: { readonly requested: boolean };
  signal?: AbortSignal;
  onQuery?: (result: TriggerResult["queries"][number]) => void;
}): Promise<TriggerResult> {
  const { ledger, versionId, model, queries, meter, runs = 3, stop, signal, onQuery } = options;
  const { skill } = await skillOfVersion(ledger, versionId);
  const done: TriggerResult["queries"] = [];
  let stopped: string | null = null;
  const startedAt = Date.now();
  for (const { query, should } of queries) {
    let loaded = 0;
    let made = 0;
    for (; made < runs; made++) {
      stopped = stop?.requested ? "it was stopped" : meter.beyond();
      if (stopped !== null) break;
      if (
        await loads(options, skill.name, query, { ledger, model, versionId, ...(signal ? { signal } : {}) })
      )
        loaded++;
    }
    if (stopped !== null) break;
    const result = { query, should, loaded, runs: made, right: loaded * 2 >= made === should };
    done.push(result);
    onQuery?.(result);
  }
  const share = (should: boolean) => {
    const those = done.filter((each) => each.should === should);
    return those.length === 0 ? null : those.filter(({ right }) => right).length / those.length;
  };
  const result = { queries: done, sensitivity: share(true), specificity: share(false), stopped };
  if (stopped === null) {
    const { id } = await addSkillEvaluation(ledger, {
      ...{ skillVersionId: versionId, kind: "trigger", suite: "triggers", suiteHash: "", setup: "{}" },
      ...{ agent: `model: ${model.id}`, model: model.id, judge: null, startedAt },
    });
    await updateSkillEvaluation(ledger, id, {
      ...{ components: JSON.stringify(result), tasks: done.length, endedAt: Date.now() },
    });
  }
  return result;
}

async function loads(
  { meter }: { meter: Meter },
  name: string,
  query: string,
  {
    ledger,
    model,
    versionId,
    signal,
  }: {
    ledger: Ledger;
    model: ProvidedModel;
    versionId: number;
    signal?: AbortSignal;
  },
): Promise<boolean> {
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
          text: (await loadSkill(ledger, offered, (args as { name: string }).name)).text,
          ...{ ok: true, exitCode: null },
        }),
      },
    ],
  });
  meter.add({ runs: 1, ...costOf(turn.usage) });
  const { ending, message, events, usage, raw, startedAt, wallMs } = turn;
  await addTurns(ledger, null, null, [
    {
      ...{ researcher: model.id, purpose: "forge", prompt: query, ending, message, events, usage, raw },
      ...{ startedAt, wallMs, model: model.id },
    },
  ]);
  if (ending !== "done" && ending !== "limit")
    throw new UserError(`the trigger test had to stop: ${message}`, "see to the model, then try again");
  return loadedSkills(events).has(name);
}
