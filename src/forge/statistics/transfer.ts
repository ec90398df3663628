import type { Arm } from "../../ledger/index.ts";
import { type Estimate, estimate, pairsOf, type TrialRecord } from "./effect.ts";

/** With whom trials were made; null: the agent does not say. */
export interface Setup {
  agent: string;
  agentVersion: string | null;
  model: string | null;
}

/** The trials of one A/B test of one skill version. */
export interface TestedSkill extends Setup {
  skill: string;
  version: number;
  control: Arm;
  records: readonly TrialRecord[];
}

/** What one skill does for one family of goals with one agent and model. */
export interface TransferCell {
  skill: string;
  version: number;
  family: string;
  agent: string;
  model: string | null;
  /** What it was compared with: what it brings beside none, and beside the version before, are two things. */
  control: Arm;
  /** 95 %, clustered by task. */
  effect: Estimate;
  /** `negative`: the interval lies below 0: the skill does harm there. `unknown`: the interval holds 0. */
  transfer: "positive" | "negative" | "unknown";
}

/**
 * Skills x families of goals x agents and models. Both arms have the rest of the library, so a negative cell is also where
 * a skill gets in the way of what is installed. Of very many cells one in 40 is negative by chance.
 *
 * @param tests several of one skill, agent, model and control are put together; agent versions are not kept apart here.
 */
export function transferMatrix(tests: readonly TestedSkill[]): TransferCell[] {
  const parts = tests.flatMap(({ skill, version, agent, model, control, records }) =>
    [...Map.groupBy(pairsOf(records, control), ({ family }) => family)].map(([family, pairs]) => ({
      cell: { skill, version, family, agent, model, control },
      pairs,
    })),
  );
  return [...Map.groupBy(parts, ({ cell }) => JSON.stringify(cell)).values()].flatMap((same) => {
    const effect = estimate(same.flatMap(({ pairs }) => pairs));
    return same[0] && effect ? [{ ...same[0].cell, effect, transfer: direction(effect) }] : [];
  });
}

function direction({ interval }: Estimate): TransferCell["transfer"] {
  if (!interval) return "unknown";
  if (interval[1] < 0) return "negative";
  return interval[0] > 0 ? "positive" : "unknown";
}

/**
 * Why a proven skill is `unverified` with what is in use now; null: it was proven with exactly that. What a skill brings
 * shrinks as models get better, and a new version of tools can turn it around.
 */
export function expired(proven: readonly Setup[], now: Setup): string | null {
  const same = proven.filter(({ agent }) => agent === now.agent);
  if (same.length === 0) return `never tested with ${now.agent}`;
  if (same.some(({ model, agentVersion }) => model === now.model && agentVersion === now.agentVersion))
    return null;
  const last = same.at(-1) as Setup;
  if (last.model !== now.model)
    return `proven with the model ${last.model ?? "?"}, now it is ${now.model ?? "?"}`;
  return `proven with ${now.agent} ${last.agentVersion ?? "?"}, now it is ${now.agentVersion ?? "?"}`;
}
