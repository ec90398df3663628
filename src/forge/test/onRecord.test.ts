import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordGoal } from "../../../tests/support/goalTraces.ts";
import { uniforms } from "../../decision/index.ts";
import { evaluationRows, type Ledger, openLedger } from "../../ledger/index.ts";
import { addSkill, addVersion, requireSkill, type Skill } from "../../skills/index.ts";
import { pageOf } from "../page.ts";
import { readSuite, type Suite } from "../suite/suite.ts";
import { openMeter } from "./limits.ts";
import type { Runner } from "./setup.ts";
import { type TestOptions, type TestReport, testSkill } from "./testSkill.ts";

let root: string;
let ledger: Ledger;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "record-"));
  ledger = await openLedger(join(root, "ledger.db"));
});
afterEach(async () => {
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

const skill = (name: string, instructions: string): Skill => ({
  ...{ name, description: "Sorts things.", metadata: {}, allowedTools: [], instructions, files: new Map() },
});
const things = "rivers stars stones coins trees leaves fish nails beans salt ropes bells".split(" ");

async function suite(open = 12, sealed = 0, folder = "suite"): Promise<Suite> {
  mkdirSync(join(root, folder, "sealed"), { recursive: true });
  const write = (path: string, task: string) =>
    writeFileSync(join(root, folder, path), `---\ncriteria:\n  - output: "x"\n---\n${task}\n`);
  for (let index = 0; index < open; index++)
    write(`g${index}.md`, `Sort the ${things[index % 12]} by weight, lot ${index}.`);
  for (let index = 0; index < sealed; index++)
    write(`sealed/s${index}.md`, `Count the ${things[index % 12]} by colour, heap ${index}.`);
  return readSuite(join(root, folder), { project: root });
}

/** Runs that come out by arm and luck; `runs` counts them. */
function world(chance: (treated: boolean) => number, agent = "sim") {
  const luck = uniforms(7);
  const count = { runs: 0 };
  const runner: Runner = {
    who: { agent, model: null, judge: null },
    trials: () => async (ask) => {
      count.runs++;
      return {
        trial: {
          ...{ score: luck() < chance(ask.arm === "with") ? 100 : 0, toolCalls: 4, usefulCalls: 4 },
          ...{ errors: 0, recovered: 0, wallMs: 10, tokens: 10, dollars: null },
          loaded: ask.arm === "with",
        },
        ...{ goalId: null, agentVersion: null, model: null },
      };
    },
  };
  return { runner, count };
}

async function tested(options: Omit<TestOptions, "ledger" | "meter">): Promise<TestReport> {
  const report = await testSkill({ ledger, meter: openMeter({}), ...options });
  if (report.kind !== "ended") throw new Error(report.why);
  return report;
}

describe("one text, the same goals and the same setup", () => {
  it("have one verdict, however often it is asked, with whatever seed, limit and white space", async () => {
    const { versionId } = await addSkill(ledger, {
      skill: skill("vain", "Do it.\n\nWell."),
      origin: "forge",
    });
    const { runner, count } = world(() => 0.8);
    const given = await suite();
    const first = await tested({ versionId, suite: given, runner });
    expect(first).toMatchObject({ repeated: null, tests: { number: 1 } });
    const made = count.runs;
    const spaced = await addVersion(ledger, "vain", {
      skill: skill("vain", "Do it.\nWell.  "),
      by: "person",
    });
    const renamed = await addSkill(ledger, { skill: skill("other", "Do it.\n\nWell."), origin: "person" });
    for (let time = 1; time <= 20; time++) {
      const again = await tested({
        ...{ suite: given, runner },
        versionId: [versionId, spaced.versionId, renamed.versionId][time % 3] as number,
        rule: { seed: time, ...(time % 2 === 0 ? { alpha: 0.03, maxRuns: 96 } : {}) },
      });
      expect(again.repeated).not.toBeNull();
      expect(again.verdict).toEqual(first.verdict);
    }
    expect(count.runs).toBe(made);
    expect(await evaluationRows(ledger)).toHaveLength(1);
    const again = await tested({ versionId, suite: given, runner });
    expect(pageOf(skill("vain", ""), again).notes[0]).toMatch(
      /tested with these goals and this setup before.*evaluation #1 .*no run was made.*give more goals/,
    );
  });

  it("are asked anew with other goals, another agent or another version of it, and each try is counted", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("vain", "Do it."), origin: "forge" });
    const given = await suite();
    const { runner } = world(() => 0.8, "test/m");
    const who = { agent: "test/m", model: "test/m", judge: null };
    await tested({ versionId, suite: given, runner: { ...runner, who } });
    const other = await tested({ versionId, suite: given, runner: world(() => 0.8, "pi").runner });
    expect(other).toMatchObject({ repeated: null, tests: { number: 2, alpha: 0.08 } });
    const more = await tested({ versionId, suite: await suite(14, 0, "more"), runner });
    expect(more).toMatchObject({ repeated: null, tests: { number: 3 } });
    await recordGoal(ledger, { task: "t", met: true, calls: [], agent: "test/m", model: "test/m-2" });
    const newer = await tested({ versionId, suite: given, runner: { ...runner, who } });
    expect(newer).toMatchObject({ repeated: null, tests: { number: 4 } });
    expect(pageOf(skill("vain", ""), newer).notes[0]).toMatch(
      /tested 4 times on goals in common.*up to 16 %/,
    );
    const strangers = await tested({
      ...{ versionId, runner },
      suite: await readSuite(strange(), { project: root }),
    });
    expect(strangers.tests.number).toBe(1);
  });

  it("go on by the rule that they began with, so that no stop buys a second chance", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("vain", "Do it."), origin: "forge" });
    const given = await suite();
    const { runner, count } = world(() => 0.8);
    const options = { ledger, versionId, suite: given, runner };
    const half = await testSkill({ ...options, meter: openMeter({ runs: 9 }) });
    expect(half.kind).toBe("paused");
    const whole = await tested({ ...options, rule: { seed: 5 } });
    expect(whole.rule.seed).toBe(1);
    expect(whole.trials).toHaveLength(count.runs);
    expect(await evaluationRows(ledger)).toHaveLength(1);
  });

  it("may be asked by a laxer rule first: that shows something, settles nothing, and is no answer", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("good", "Do it."), origin: "forge" });
    const given = await suite();
    const { runner } = world((treated) => (treated ? 1 : 0.1));
    const lax = await tested({ versionId, suite: given, runner, rule: { maxRuns: 24 } });
    expect(lax.verdict).toMatchObject({ outcome: "better", kept: true });
    expect(lax).toMatchObject({ banding: { band: "draft" }, status: "draft", inUse: false });
    const whole = await tested({ versionId, suite: given, runner });
    expect(whole).toMatchObject({ repeated: null, banding: { band: "validated" }, inUse: true });
  });

  /** Goals that have nothing in common with the others. */
  function strange(): string {
    const folder = join(root, "strange");
    mkdirSync(folder);
    for (let index = 0; index < 6; index++)
      writeFileSync(
        join(folder, `g${index}.md`),
        `---\ncriteria:\n  - output: "x"\n---\nSing song ${index} of the ${things[index]}.\n`,
      );
    return folder;
  }
});

describe("sealed goals", () => {
  const good = (treated: boolean) => (treated ? 1 : 0.2);

  it("are opened for a text once; with another setup it is validated at most, and that is said before a run is paid for", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("good", "Sort it well."), origin: "forge" });
    const given = await suite(24, 12);
    const first = await tested({ versionId, suite: given, runner: world(good).runner });
    expect(first).toMatchObject({ banding: { band: "gold" }, openings: 1 });

    const { runner, count } = world(good, "other");
    const said: string[] = [];
    const other = await tested({
      ...{ versionId, suite: given, runner },
      onStep: (words) => {
        expect(count.runs).toBe(0);
        said.push(words);
      },
    });
    expect(said).toEqual([expect.stringMatching(/opened for this text before, with sim.*at most validated/)]);
    expect(other).toMatchObject({ sealed: null, banding: { band: "validated" }, openings: 1 });
    expect(other.banding.reason).toContain("opened for this text before, with sim");
    expect(await evaluationRows(ledger, { kinds: ["sealed"] })).toHaveLength(1);
  });

  it("keep their verdict when the same is asked with another seed, and go on where they were stopped", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("good", "Sort it well."), origin: "forge" });
    const given = await suite(24, 12);
    const { runner, count } = world(good);
    const options = { ledger, versionId, suite: given, runner };
    const open = await tested({ ...options, sealed: false });
    const half = await testSkill({ ...options, meter: openMeter({ runs: 5 }), rule: { seed: 2 } });
    expect(half).toMatchObject({ kind: "paused", trials: { length: 5 } });
    const whole = await tested({ ...options, rule: { seed: 3 } });
    expect(whole).toMatchObject({ banding: { band: "gold" }, evaluation: open.evaluation, openings: 1 });
    const made = count.runs;
    const again = await tested({ ...options, rule: { seed: 4 } });
    expect(again.sealed).toEqual(whole.sealed);
    expect(count.runs).toBe(made);
    expect((await requireSkill(ledger, "good")).status).toBe("gold");
  });
});

describe("what cannot decide, or shows nothing", () => {
  it("takes no proven status away, and a suite that is too small is refused before anything is run", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("good", "Weigh first."), origin: "forge" });
    const strong = world((treated) => (treated ? 1 : 0.1));
    const first = await tested({ versionId, suite: await suite(), runner: strong.runner });
    const proven = first.status as string;
    expect(["validated", "gold"]).toContain(proven);
    const rows = (await evaluationRows(ledger, { limit: 100 })).length;

    const few = world(() => 1);
    await expect(tested({ versionId, suite: await suite(2, 0, "few"), runner: few.runner })).rejects.toThrow(
      "2 goals can never show anything at alpha 0.04",
    );
    expect([few.count.runs, (await evaluationRows(ledger, { limit: 100 })).length]).toEqual([0, rows]);

    const other = world(() => 0.5, "another");
    const nothing = await tested({ versionId, suite: await suite(), runner: other.runner });
    expect(nothing.verdict.outcome).toBe("not enough evidence");
    expect(nothing).toMatchObject({
      status: null,
      inUse: true,
      why: expect.stringContaining(`it stays ${proven}`),
    });
    expect((await requireSkill(ledger, "good")).status).toBe(proven);

    const harm = world((treated) => (treated ? 0 : 1), "third");
    const worse = await tested({
      versionId,
      suite: await suite(),
      runner: harm.runner,
      rule: { futility: 0 },
    });
    expect(worse).toMatchObject({ verdict: { outcome: "worse" }, status: "archived", inUse: false });
  });
});
