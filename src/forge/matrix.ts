import { parseResearcher } from "../contract/index.ts";
import {
  evaluationRows,
  type Ledger,
  newestTurnOf,
  skillRows,
  skillVersionRows,
  testedTrials,
} from "../ledger/index.ts";
import { setStatus } from "../skills/index.ts";
import { recordsOf } from "./testSkill.ts";
import { expired, type Setup, type TestedSkill, type TransferCell, transferMatrix } from "./transfer.ts";

/** What every skill does for each family of goals with each agent and model, from all recorded runs. */
export async function matrixOf(ledger: Ledger, skill?: string): Promise<TransferCell[]> {
  const trials = await testedTrials(ledger, skill === undefined ? {} : { skill });
  const tests: TestedSkill[] = [...Map.groupBy(trials, ({ evaluationId }) => evaluationId).values()].flatMap(
    (rows) => {
      const [first] = rows;
      if (!first) return [];
      return [
        {
          ...{ skill: first.skill, version: first.version, agent: first.agent, model: first.model },
          agentVersion: first.agentVersion,
          control: rows.some(({ arm }) => arm === "before") ? ("before" as const) : ("without" as const),
          records: recordsOf(rows),
        },
      ];
    },
  );
  return transferMatrix(tests);
}

/** A skill whose proof is of another time. */
export interface Expired {
  skill: string;
  version: number;
  why: string;
}

/**
 * Turns proven skills to `unverified` whose agent now works with another model or in another version than any that they
 * were proven with, as the newest turns on record tell.
 */
export async function expireSkills(ledger: Ledger): Promise<Expired[]> {
  const found: Expired[] = [];
  const evaluations = await evaluationRows(ledger, { kinds: ["test", "sealed"], limit: 100_000 });
  const current = new Map<string, Setup | null>();
  const now = async (agent: string): Promise<Setup | null> => {
    if (!current.has(agent)) {
      const names = [agent, parseResearcher(agent)?.name ?? agent];
      const turn = await newestTurnOf(ledger, names);
      current.set(agent, turn && { agent, agentVersion: turn.agentVersion, model: turn.model });
    }
    return current.get(agent) ?? null;
  };
  for (const row of await skillRows(ledger)) {
    if (row.status !== "validated" && row.status !== "gold") continue;
    const version = (await skillVersionRows(ledger, row.id)).find(
      (each) => each.version === row.currentVersion,
    );
    if (!version) continue;
    const proven = evaluations
      .filter(({ skillVersionId, endedAt }) => skillVersionId === version.id && endedAt !== null)
      .reverse()
      .map(({ agent, agentVersion, model }): Setup => ({ agent, agentVersion, model }));
    const reasons = await Promise.all(
      [...new Set(proven.map(({ agent }) => agent))].map(async (agent) => {
        const setup = await now(agent);
        return setup === null ? null : expired(proven, setup);
      }),
    );
    // With one agent it still works as it was proven.
    const [why] = reasons;
    if (why == null || reasons.includes(null)) continue;
    await setStatus(ledger, version.id, "unverified");
    found.push({ skill: row.name, version: version.version, why });
  }
  return found;
}
