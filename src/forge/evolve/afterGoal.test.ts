import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordGoal, type ShortCall } from "../../../tests/support/goalTraces.ts";
import { forgeSpending, type Ledger, openLedger } from "../../ledger/index.ts";
import { openMeter } from "../test/limits.ts";
import { afterGoal, day } from "./afterGoal.ts";
import { readSettings, writeSettings } from "./settings.ts";

let root: string;
let ledger: Ledger;
const begun: string[] = [];
let atWork = 0;
const start = async (folder: string) => {
  begun.push(folder);
  return atWork;
};
beforeEach(async () => {
  begun.length = 0;
  root = mkdtempSync(join(tmpdir(), "after-"));
  ledger = await openLedger(join(root, ".whetstone", "ledger.db"));
});
afterEach(async () => {
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});
const calls: ShortCall[] = [
  ["read", { path: "a.csv" }],
  ["run", { command: "csvlint a.csv" }],
];
const goal = async () => (await recordGoal(ledger, { task: "clean", met: true, calls })).goalId;
const on = async () =>
  writeSettings(root, {
    ...(await readSettings(root)),
    ...{ auto: true, suite: "suite", model: "a/b", limits: { runs: 10 } },
  });

describe("after a goal", () => {
  it("nothing is spent unless it was switched on", async () => {
    for (let index = 0; index < 5; index++) await goal();
    expect(await afterGoal(ledger, root, await goal(), start)).toMatchObject({
      ...{ started: false, why: expect.stringContaining("switched on") },
    });
    expect(begun).toEqual([]);
  });

  it("the forge begins once something recurs, and again only after further runs", async () => {
    await on();
    const first = await afterGoal(ledger, root, await goal(), start);
    expect(first).toMatchObject({ started: false });
    await goal();
    expect(await afterGoal(ledger, root, await goal(), start)).toMatchObject({ started: true });
    expect(begun).toEqual([root]);
    expect(await afterGoal(ledger, root, await goal(), start)).toMatchObject({
      ...{ started: false, why: "1 runs since the last time, 3 are waited for" },
    });
  });

  it("there is never more than one at work", async () => {
    await on();
    atWork = process.pid;
    for (let index = 0; index < 3; index++) await goal();
    expect(await afterGoal(ledger, root, null, start)).toMatchObject({ started: true });
    for (let index = 0; index < 3; index++) await goal();
    expect(await afterGoal(ledger, root, null, start)).toMatchObject({
      ...{ started: false, why: expect.stringContaining("at work already") },
    });
    atWork = 0;
  });

  it("of goals that end together one sets it to work, and a claim that a killed process left is in nobody's way", async () => {
    await on();
    atWork = process.pid;
    const ids = [];
    for (let index = 0; index < 6; index++) ids.push(await goal());
    writeFileSync(join(root, ".whetstone", "forge.claim"), "999999999:1");
    const came = await Promise.all(ids.map((id) => afterGoal(ledger, root, id, start)));
    expect(came.filter(({ started }) => started)).toHaveLength(1);
    expect(begun).toEqual([root]);
    expect(existsSync(join(root, ".whetstone", "forge.claim"))).toBe(false);
    atWork = 0;
  });

  it("its limits are those of a day, summed from the ledger", async () => {
    await on();
    for (let index = 0; index < 3; index++) await goal();
    const now = Date.now();
    const trial = async (createdAt: number) => {
      const { goalId } = await recordGoal(ledger, { task: "t", met: true, calls, purpose: "trial" });
      await ledger.db.updateTable("goals").set({ createdAt }).where("id", "=", goalId).execute();
      return goalId;
    };
    for (let index = 0; index < 10; index++) await trial(now - 25 * 3_600_000);
    for (let index = 0; index < 9; index++) await trial(now);
    expect(await forgeSpending(ledger, now - day)).toMatchObject({ runs: 9 });
    const last = await trial(now);
    expect(await afterGoal(ledger, root, null, start)).toMatchObject({
      ...{ started: false, why: "all 10 runs that are allowed were made within 24 hours" },
    });
    await ledger.db.updateTable("goals").set({ createdAt: 1 }).where("id", "=", last).execute();
    expect(await afterGoal(ledger, root, null, start)).toMatchObject({ started: true });
  });

  it("what was recorded before is not counted twice in what a day has taken", () => {
    const earlier = { runs: 1, tokens: 5, dollars: 1, earlier: true };
    const day = openMeter({ runs: 10 }, { runs: 9 });
    day.add(earlier);
    expect(day.beyond()).toBeNull();
    const alone = openMeter({ runs: 1 });
    alone.add(earlier);
    expect(alone.beyond()).not.toBeNull();
  });

  it("a run of a test sets nothing to work", async () => {
    await on();
    for (let index = 0; index < 3; index++) await goal();
    const { goalId } = await recordGoal(ledger, { task: "tested", met: true, calls, purpose: "trial" });
    expect(await afterGoal(ledger, root, goalId, start)).toMatchObject({ why: "it was a run of a test" });
  });

  it("the environment can keep it off", async () => {
    await on();
    for (let index = 0; index < 3; index++) await goal();
    process.env.WHETSTONE_FORGE = "off";
    try {
      expect(await afterGoal(ledger, root, null, start)).toMatchObject({ started: false });
    } finally {
      delete process.env.WHETSTONE_FORGE;
    }
  });
});
