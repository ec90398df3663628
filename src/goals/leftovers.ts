import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { removeTree } from "../evaluator/index.ts";
import { isAlive, thisProcess } from "../lab/index.ts";
import { type GoalRow, goalById, heldGoals, type Ledger, releaseGoal } from "../ledger/index.ts";

let count = 0;

/** A folder for this process alone, not made yet; whoever ends it removes it, and a kill leaves it to `sweepGoals`. */
export function trialFolder(ledger: Ledger): string {
  return join(trialsOf(ledger), `${thisProcess().replaceAll(":", "_")}-${++count}`);
}

/** What killed processes left of goals. */
export interface Leftovers {
  /** Said to be running, by a process that is gone. */
  goals: GoalRow[];
  /** Working copies and clones that nobody works in. */
  folders: string[];
}

/** Looks for what killed processes left; those that run are passed over. */
export async function goalLeftovers(ledger: Ledger): Promise<Leftovers> {
  // Folders first: what is there now and held by nobody afterwards is nobody's.
  const [ids, trials] = await Promise.all([namesIn(goalsOf(ledger)), namesIn(trialsOf(ledger))]);
  const held = await heldGoals(ledger);
  const living = new Set(held.filter(({ holder }) => isAlive(holder as string)).map(({ id }) => String(id)));
  const folders = trials
    .filter((name) => !isAlive(holderOf(name)))
    .map((name) => join(trialsOf(ledger), name));
  for (const id of ids.filter((name) => /^\d+$/.test(name) && !living.has(name))) {
    const folder = join(goalsOf(ledger), id);
    // Of a run of a test everything is on record.
    if ((await goalById(ledger, Number(id)))?.purpose === "trial") folders.push(folder);
    else {
      const inside = await namesIn(folder);
      folders.push(
        ...["work", "checks"].filter((name) => inside.includes(name)).map((name) => join(folder, name)),
      );
    }
  }
  return { goals: held.filter(({ id }) => !living.has(String(id))), folders };
}

/** Puts that away: such a goal can go on, such a run of a test has failed and is run again by its test. */
export async function sweepGoals(ledger: Ledger): Promise<Leftovers> {
  const left = await goalLeftovers(ledger);
  for (const { id, holder } of left.goals) await releaseGoal(ledger, id, holder as string, Date.now());
  for (const folder of left.folders) await removeTree(folder);
  return left;
}

function goalsOf(ledger: Ledger): string {
  return join(dirname(ledger.path), "goals");
}

function trialsOf(ledger: Ledger): string {
  return join(dirname(ledger.path), "trials");
}

function holderOf(name: string): string {
  return name.slice(0, name.lastIndexOf("-")).replaceAll("_", ":");
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.sort();
}
