import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { thisProcess } from "../lab/holder.ts";
import { addGoal, claimGoal, goalById, openLedger } from "../ledger/index.ts";
import { goalLeftovers, sweepGoals, trialFolder } from "./leftovers.ts";

it("what a killed process left is put away, and what a living one has stays", async () => {
  const base = mkdtempSync(join(tmpdir(), "whet-left-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const ledger = await openLedger(join(base, "ledger.db"));
  onTestFinished(() => ledger.close());
  const folder = (path: string) => {
    mkdirSync(join(base, path), { recursive: true });
    return join(base, path);
  };
  const dead = `${thisProcess()}0`;
  const begun = async (purpose: "goal" | "trial", holder: string) => {
    const id = await addGoal(ledger, {
      ...{ title: "t", family: "f", goal: "{}", goalHash: "h", worldState: "{}", createdAt: 1, purpose },
    });
    await claimGoal(ledger, id, holder, () => false);
    for (const part of ["work", "checks", "result"]) folder(`goals/${id}/${part}`);
    return id;
  };
  const killed = await begun("goal", dead);
  const killedTrial = await begun("trial", dead);
  const alive = await begun("goal", thisProcess());
  const aliveTrial = await begun("trial", thisProcess());
  const oldClone = folder(`trials/${dead.replaceAll(":", "_")}-1`);
  const ownClone = trialFolder(ledger);
  mkdirSync(ownClone, { recursive: true });
  expect(trialFolder(ledger)).not.toBe(ownClone);

  const found = await goalLeftovers(ledger);
  expect(found.goals.map(({ id }) => id)).toEqual([killed, killedTrial]);
  expect(found.folders.toSorted()).toEqual(
    [
      oldClone,
      ...["work", "checks"].map((part) => join(base, `goals/${killed}/${part}`)),
      join(base, `goals/${killedTrial}`),
    ].sort(),
  );
  expect(await sweepGoals(ledger)).toEqual(found);
  expect(found.folders.filter((path) => existsSync(path))).toEqual([]);
  expect(await goalById(ledger, killed)).toMatchObject({ status: "ready", holder: null });
  expect(await goalById(ledger, killedTrial)).toMatchObject({ status: "failed", holder: null });
  expect(await goalById(ledger, alive)).toMatchObject({ status: "running", holder: thisProcess() });
  expect(existsSync(join(base, `goals/${killed}/result`))).toBe(true);
  for (const id of [alive, aliveTrial]) expect(existsSync(join(base, `goals/${id}/work`))).toBe(true);
  expect(existsSync(ownClone)).toBe(true);
  expect(await sweepGoals(ledger)).toEqual({ goals: [], folders: [] });
});
