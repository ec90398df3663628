import { createHash } from "node:crypto";
import { parseResearcher } from "../../contract/index.ts";
import { evaluationRows, type Ledger, newestTurnOf } from "../../ledger/index.ts";
import { skillOfVersion, substanceHash } from "../../skills/index.ts";
import { laxness, replicatesOf } from "../statistics/abRule.ts";
import type { Setup } from "../statistics/transfer.ts";
import type { SuiteGoal } from "../suite/suite.ts";
import type { OnRecord, Question, Recorded, TestSetup } from "./setup.ts";

/**
 * Looks for a question among the tests on record. It is the same one when text, goals and setup are the same: neither
 * another seed, another limit or a smaller alpha makes it a new one, nor a version, a name or white space. A test that is
 * laxer than the default is no answer to one that is not. With another version of agent or model it is asked anew.
 */
export async function onRecord(ledger: Ledger, asked: Question): Promise<OnRecord> {
  const found: OnRecord = { ended: null, open: null, otherwise: null };
  const hashes = substances(ledger);
  const wanted = await identity(asked, hashes);
  const text = await hashes(asked.versions.with);
  const now = await newestSetup(ledger, asked.who.agent);
  for (const row of await evaluationRows(ledger, { kinds: [asked.kind], limit: 100_000 })) {
    if (row.suiteHash !== asked.suiteHash) continue;
    const setup = JSON.parse(row.setup) as TestSetup;
    if ((await hashes(setup.versions.with)) !== text) continue;
    const current =
      now === null ||
      row.endedAt === null ||
      (now.model === row.model && now.agentVersion === row.agentVersion);
    const same =
      current &&
      (await identity({ ...setup, kind: asked.kind, suiteHash: row.suiteHash }, hashes)) === wanted;
    if (!same) found.otherwise ??= { row, setup };
    else if (row.endedAt !== null) found.ended ??= { row, setup };
    else if (row.skillVersionId === asked.versions.with) found.open ??= { row, setup };
  }
  return found;
}

async function identity(
  { kind, suiteHash, who, library, whole, rule, versions, tasks }: Question,
  hashes: (version: number | undefined) => Promise<string | null>,
): Promise<string> {
  return JSON.stringify([
    ...[kind, suiteHash, who.agent, who.model, who.judge, library, whole ?? false],
    ...[rule.control, rule.placebo, laxness(rule, replicatesOf(rule, tasks.length)).length > 0],
    ...[await hashes(versions.with), await hashes(versions.before)],
  ]);
}

/** Hashes of what goals ask for: another file, folder or check, and white space, make no other task. */
export function taskHashes(goals: readonly SuiteGoal[]): string[] {
  return goals.map(({ goal }) =>
    createHash("sha256").update(goal.text.replaceAll(/\s+/g, " ").trim()).digest("hex"),
  );
}

/** The tests of one text on goals in common with these, oldest first: each had a chance to find it better by luck. */
export async function testsOf(
  ledger: Ledger,
  versionId: number,
  goals: readonly SuiteGoal[],
): Promise<Recorded[]> {
  const hashes = substances(ledger);
  const text = await hashes(versionId);
  const known = new Set(taskHashes(goals));
  const names = new Set(goals.map(({ name }) => name));
  const tests: Recorded[] = [];
  for (const row of await evaluationRows(ledger, { kinds: ["test"], limit: 100_000 })) {
    const setup = JSON.parse(row.setup) as TestSetup;
    const common = setup.goals
      ? setup.goals.some((hash) => known.has(hash))
      : setup.tasks.some(({ task }) => names.has(task));
    if (common && (await hashes(setup.versions.with)) === text) tests.unshift({ row, setup });
  }
  return tests;
}

function substances(ledger: Ledger): (version: number | undefined) => Promise<string | null> {
  const known = new Map<number, string>();
  return async (version) => {
    if (version === undefined) return null;
    const hash = known.get(version) ?? substanceHash((await skillOfVersion(ledger, version)).skill);
    known.set(version, hash);
    return hash;
  };
}

/** With what version and model an agent last worked, by whatever name it goes; null: it is not on record. */
export async function newestSetup(ledger: Ledger, agent: string): Promise<Setup | null> {
  const turn = await newestTurnOf(ledger, [agent, parseResearcher(agent)?.name ?? agent]);
  return turn && { agent, agentVersion: turn.agentVersion, model: turn.model };
}
