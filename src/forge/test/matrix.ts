import { parseResearcher } from "../../contract/index.ts";
import {
  evaluationRows,
  type Ledger,
  newestWork,
  type SkillEvaluationRow,
  skillRows,
  skillVersionRows,
  testedTrials,
  testedWith,
} from "../../ledger/index.ts";
import { setStatus } from "../../skills/index.ts";
import {
  expired,
  type Setup,
  type TestedSkill,
  type TransferCell,
  transferMatrix,
} from "../statistics/transfer.ts";
import { recordsOf } from "./testSkill.ts";

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
 * Turns proven skills to `unverified` whose kind of agent now works with another model or in another version than any that
 * they were proven with, as the newest turns on tasks outside of tests tell; and back, once it is as it was.
 */
export async function expireSkills(ledger: Ledger): Promise<Expired[]> {
  const found: Expired[] = [];
  const evaluations = await evaluationRows(ledger, { kinds: ["test", "sealed"], limit: 100_000 });
  const now = new Map<string, Setup>((await newestWork(ledger)).map((work) => [work.agent, work]));
  for (const row of await skillRows(ledger)) {
    if (row.status !== "validated" && row.status !== "gold" && row.status !== "unverified") continue;
    const version = (await skillVersionRows(ledger, row.id)).find(
      (each) => each.version === row.currentVersion,
    );
    if (!version) continue;
    const tests = evaluations
      .filter(({ skillVersionId, endedAt }) => skillVersionId === version.id && endedAt !== null)
      .reverse();
    const proven = await Promise.all(tests.map((test) => provenWith(ledger, test)));
    const reasons = [...new Set(proven.map(({ agent }) => agent))].flatMap((agent) => {
      const setup = now.get(agent);
      return setup === undefined ? [] : [expired(proven, setup)];
    });
    // With one agent it still works as it was proven.
    const works = reasons.includes(null);
    const [why] = reasons;
    if (row.status === "unverified") {
      const [, before] = /^keep as (validated|gold)/.exec(version.decision ?? "") ?? [];
      if (works && before !== undefined) await setStatus(ledger, version.id, before as "validated" | "gold");
      continue;
    }
    if (works || why == null) continue;
    await setStatus(ledger, version.id, "unverified");
    found.push({ skill: row.name, version: version.version, why });
  }
  return found;
}

/** With what a test was made; the kind of an agent under a name of its own is known by its runs. */
async function provenWith(
  ledger: Ledger,
  { id, agent, agentVersion, model }: SkillEvaluationRow,
): Promise<Setup> {
  const choice = parseResearcher(agent);
  const said = choice?.kind === "agent" ? choice.agent : choice?.kind === "model" ? "model" : null;
  return { agent: said ?? (await testedWith(ledger, id))?.agent ?? agent, agentVersion, model };
}
