import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { RunFailed, UserError } from "../../errors.ts";
import { addSkillEvaluation, type Ledger, updateSkillEvaluation } from "../../ledger/index.ts";
import type { Suite } from "../suite/suite.ts";
import { type Meter, type Took, tookSince } from "../test/limits.ts";
import type { Loads } from "./loads.ts";

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
  /** Questions that there are, of either kind, asked or not. */
  of: { should: number; not: number };
  /** Share of questions that should, at which it was read in at least half of the runs; null: there are none. */
  sensitivity: number | null;
  /** Share of those that should not, at which it stayed quiet; null: there are none. */
  specificity: number | null;
  /** Why not all were asked; null: they were. */
  stopped: string | null;
  /** What the tries took; null: one did not say. */
  took: Took;
}

/** Those that should and those that should not in turns, so that a limit cuts off both alike. */
function inTurns(queries: readonly TriggerQuery[]): TriggerQuery[] {
  const [yes, no] = [true, false].map((should) => queries.filter((each) => each.should === should));
  return queries.flatMap((_, index) => [yes?.[index] ?? [], no?.[index] ?? []].flat());
}

/**
 * Whether a skill is read when it should be and stays quiet when it should not.
 *
 * @param loads tries a question once.
 * @param runs of each question.
 */
export async function triggerTest(options: {
  ledger: Ledger;
  versionId: number;
  /** Who is tried, for the record. */
  who: { agent: string; model: string | null };
  loads: Loads;
  queries: readonly TriggerQuery[];
  meter: Meter;
  runs: number;
  stop?: { readonly requested: boolean };
  onQuery?: (result: TriggerResult["queries"][number]) => void;
}): Promise<TriggerResult> {
  const { ledger, versionId, who, loads, queries, meter, runs, stop, onQuery } = options;
  const done: TriggerResult["queries"] = [];
  let stopped: string | null = null;
  const startedAt = Date.now();
  const before = { ...meter.spent };
  const asked = async (query: string): Promise<boolean | null> => {
    stopped = stop?.requested ? "it was stopped" : meter.beyond();
    if (stopped !== null) return null;
    try {
      return await loads(query);
    } catch (error) {
      if (!(error instanceof RunFailed)) throw error;
      stopped = error.message;
      return null;
    }
  };
  for (const { query, should } of inTurns(queries)) {
    let loaded = 0;
    for (let run = 0; run < runs && stopped === null; run++) if (await asked(query)) loaded++;
    if (stopped !== null) break;
    const result = { query, should, loaded, runs, right: loaded * 2 >= runs === should };
    done.push(result);
    onQuery?.(result);
  }
  const share = (should: boolean) => {
    const those = done.filter((each) => each.should === should);
    return those.length === 0 ? null : those.filter(({ right }) => right).length / those.length;
  };
  const took = tookSince(meter, before);
  const should = queries.filter((each) => each.should).length;
  const of = { should, not: queries.length - should };
  const result = { queries: done, of, sensitivity: share(true), specificity: share(false), stopped, took };
  if (stopped === null) {
    const { id } = await addSkillEvaluation(ledger, {
      ...{ skillVersionId: versionId, kind: "trigger", suite: "triggers", suiteHash: "", setup: "{}" },
      ...{ ...who, judge: null, startedAt },
    });
    await updateSkillEvaluation(ledger, id, {
      ...{ components: JSON.stringify(result), tasks: done.length, endedAt: Date.now() },
      reason: triggerWords(result).join(" "),
      ...{ tokens: took.tokens, dollars: took.dollars },
    });
  }
  return result;
}

/** When it was read, of how many questions of either kind, and how many were not asked. */
export function triggerWords({ queries, of, stopped }: TriggerResult): string[] {
  const asked = (should: boolean) => queries.filter((each) => each.should === should);
  const [yes, no] = [asked(true), asked(false)];
  const right = (those: typeof queries) => those.filter((each) => each.right).length;
  const among = (those: typeof queries, all: number) =>
    those.length === all ? `all ${all}` : `${those.length} of ${all}`;
  return [
    yes.length === 0
      ? `None of the ${of.should} questions that call for it was asked.`
      : `It was asked ${among(yes, of.should)} questions that call for it, and read at ${right(yes)}.`,
    no.length === 0
      ? `None of the ${of.not} that do not was asked.`
      : `It was asked ${among(no, of.not)} that do not, and stayed quiet at ${right(no)}.`,
    ...(stopped === null ? [] : [`The other questions were not asked: ${stopped}.`]),
  ].filter((_, index) => index > 1 || [of.should, of.not][index] !== 0);
}
