import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventsOfCalls, recordGoal, type ShortCall } from "../../../tests/support/goalTraces.ts";
import { addTurns, type Ledger, openLedger } from "../../ledger/index.ts";
import { callCollector, wasteOf } from "./calls.ts";
import { countTraces } from "./count.ts";
import { exactTest, holm } from "./exact.ts";
import { errorClass, shapeOf } from "./shape.ts";

let root: string;
let ledger: Ledger;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "count-"));
  ledger = await openLedger(join(root, "ledger.db"));
});
afterEach(async () => {
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

const read = (path: string): ShortCall => ["read", { path }];
const write = (path: string): ShortCall => ["write", { path, content: "x" }];
const run = (command: string, error?: string): ShortCall =>
  error === undefined ? ["run", { command }] : ["run", { command }, error];

describe("the shape of a call", () => {
  it.each([
    ["Read", { file_path: "/a/b/data.CSV" }, "read(*.csv)"],
    ["bash", { command: "cd x && FOO=1 git commit -m hi | tee log" }, "bash(cd | git commit | tee)"],
    ["shell", { command: ["bash", "-lc", "npm test"] }, "shell(npm test)"],
    ["grep", { pattern: "x", glob: "*.ts" }, "grep(glob, pattern)"],
    ["list", {}, "list()"],
  ])("of %s %j is %s: without what is particular to one task", (tool, args, shape) => {
    expect(shapeOf(tool, JSON.stringify(args))).toBe(shape);
  });

  it("is found for any arguments, and errors fall into classes without numbers, quotes and paths", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (tool, args) => {
        expect(shapeOf(tool, args).endsWith(")")).toBe(true);
        expect(errorClass(args).length).toBeLessThanOrEqual(120);
      }),
    );
    expect(errorClass("warming up\nError: ENOENT: no such file '/tmp/a/7.csv' at line 12")).toBe(
      "Error: ENOENT: no such file … at line #",
    );
  });
});

describe("waste", () => {
  const wasted = (calls: readonly ShortCall[], unanswered = false) => {
    const collector = callCollector(1);
    for (const [position, event] of eventsOfCalls(calls).entries())
      if (!(unanswered && event.type === "result")) collector.take(position, event);
    return wasteOf(collector.calls);
  };
  it("is a call that failed, was made before with nothing changed since, or came to nothing", () => {
    expect(wasted([read("a"), read("a")])).toEqual([null, "repeated"]);
    expect(wasted([read("a"), write("a"), read("a")])).toEqual([null, null, null]);
    expect(wasted([run("npm test"), run("npm test")])).toEqual([null, "repeated"]);
    expect(wasted([run("npm test"), write("a"), run("npm test")])).toEqual([null, null, null]);
    expect(wasted([run("x", "boom"), run("x")])).toEqual(["failed", null]);
    expect(wasted([write("a"), ["write", { path: "a", content: "y" }]])).toEqual(["unused", null]);
    expect(wasted([read("a")], true)).toEqual(["unused"]);
  });
});

describe("the exact test", () => {
  it("agrees with Fisher's for one task", () => {
    // The tea tasting: 3 of 4 right, two-sided.
    expect(exactTest([{ successWith: 3, successWithout: 1, failureWith: 1, failureWithout: 3 }])).toBeCloseTo(
      34 / 70,
      10,
    );
    expect(exactTest([{ successWith: 4, successWithout: 0, failureWith: 0, failureWithout: 4 }])).toBeCloseTo(
      2 / 70,
      10,
    );
  });

  it("adds up over tasks, and is never below its level more often than it may be", () => {
    const one = { successWith: 1, successWithout: 0, failureWith: 0, failureWithout: 1 };
    expect(exactTest([one])).toBe(1);
    expect(exactTest([one, one, one, one, one, one])).toBeCloseTo(2 / 64, 10);
    const count = fc.nat({ max: 6 });
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            successWith: count,
            successWithout: count,
            failureWith: count,
            failureWithout: count,
          }),
          { minLength: 1, maxLength: 4 },
        ),
        (strata) => {
          const p = exactTest(strata);
          expect(p).toBeGreaterThan(0);
          expect(p).toBeLessThanOrEqual(1);
        },
      ),
    );
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  });
});

describe("counting traces", () => {
  const good = [read("a.csv"), run("csvlint a.csv"), write("a.json"), run("node check.js")];
  const bad = [read("b.csv"), write("b.json"), run("node check.js", "Error: row 7 broken")];

  it("finds what separates runs of the same task that came out well from those that did not", async () => {
    for (let index = 0; index < 6; index++) {
      await recordGoal(ledger, { task: "clean", met: true, calls: good });
      await recordGoal(ledger, { task: "clean", met: false, calls: bad });
    }
    const counts = await countTraces(ledger);
    expect(counts).toMatchObject({ turns: 12, runs: 12, succeeded: 6, failed: 6, calls: 42 });
    const [first] = counts.contrasts;
    expect(first?.calls).toContain("run(csvlint)");
    expect(first).toMatchObject({ successWith: 6, successWithout: 0, failureWith: 0, failureWithout: 6 });
    expect(first?.p).toBeCloseTo(2 / 924, 8);
    expect(first?.adjusted).toBeGreaterThanOrEqual(first?.p ?? 1);
    for (const id of first?.events ?? []) expect(id).toMatch(/^\d+:\d+$/);
  });

  it("never compares runs of different tasks", async () => {
    for (let index = 0; index < 6; index++) {
      await recordGoal(ledger, { task: "easy", met: true, calls: good });
      await recordGoal(ledger, { task: "hard", met: false, calls: bad });
    }
    expect((await countTraces(ledger)).contrasts).toEqual([]);
  });

  it("counts sequences by the distinct runs that hold them, not by their repetitions", async () => {
    await recordGoal(ledger, { task: "a", met: true, calls: [...good, ...good, ...good, ...good] });
    await recordGoal(ledger, { task: "b", met: true, calls: bad });
    expect((await countTraces(ledger)).sequences).toEqual([]);
    await recordGoal(ledger, { task: "c", met: true, calls: good });
    await recordGoal(ledger, { task: "d", met: true, calls: good });
    const { sequences } = await countTraces(ledger);
    expect(sequences[0]).toMatchObject({
      id: "s1",
      calls: ["read(*.csv)", "run(csvlint)", "write(*.json, content)", "run(node)"],
      runs: 3,
      times: 6,
    });
    const parts = sequences.map(({ calls }) => calls.join());
    expect(parts).not.toContain("read(*.csv),run(csvlint)");
  });

  it("pairs each kind of error with what was done next and how often that helped", async () => {
    const missing = (name: string) => run(`node ${name}`, `Error: Cannot find module '${name}'`);
    for (let index = 0; index < 4; index++)
      await recordGoal(ledger, {
        task: `t${index}`,
        met: true,
        calls: [missing(`x${index}`), run("npm install"), run("node y")],
      });
    await recordGoal(ledger, { task: "t9", met: false, calls: [missing("x9"), run("npm install")] });
    const { recoveries } = await countTraces(ledger);
    expect(recoveries[0]).toMatchObject({
      ...{ call: "run(node)", error: "Error: Cannot find module …", next: "run(npm install)" },
      ...{ runs: 5, times: 5, recovered: 4 },
    });
  });

  it("tells time and tokens of each step, and which criteria are missed again and again", async () => {
    for (let index = 0; index < 3; index++)
      await recordGoal(ledger, {
        ...{ task: "a", met: false, calls: bad },
        missed: { criterion: "no empty rows", suggestion: "drop empty rows first" },
      });
    const counts = await countTraces(ledger);
    expect(counts.steps.find(({ call }) => call === "read(*.csv)")).toEqual({
      ...{ call: "read(*.csv)", times: 3, failed: 0, ms: 10, tokens: 120 },
    });
    expect(counts.missed[0]).toMatchObject({
      ...{ criterion: "no empty rows", goals: 3, missed: 3, suggestions: ["drop empty rows first"] },
    });
    expect(counts.waste[0]).toMatchObject({ why: "failed", call: "run(node)", runs: 3 });
  });

  it("sees what was missed at first and met once the evaluation had said what was wrong", async () => {
    const evaluation = { criterion: "handed over", kind: "command", weight: 1, judge: null, own: "{}" };
    const lists = { met: "[]", missed: "[]", suggestions: "[]" };
    for (let index = 0; index < 3; index++) {
      const { goalId } = await recordGoal(ledger, { task: `t${index}`, met: true, calls: good });
      const scores = index === 0 ? [0] : [0, 100];
      for (const [at, score] of scores.entries()) {
        const { id: iterationId } = await ledger.db
          .insertInto("goalIterations")
          .values({ goalId, number: at + 2, plan: "{}", tip: "", startedAt: 2 })
          .returning("id")
          .executeTakeFirstOrThrow();
        const explanation = score === 0 ? `file ${index} lacks its last line` : "fine";
        await ledger.db
          .insertInto("goalEvaluations")
          .values({ ...evaluation, ...lists, iterationId, score, explanation })
          .execute();
      }
      const bestIteration = scores.length + 1;
      await ledger.db.updateTable("goals").set({ bestIteration }).where("id", "=", goalId).execute();
    }
    const { missed: found } = await countTraces(ledger);
    expect(found).toMatchObject([{ criterion: "handed over", goals: 3, missed: 3, mended: 2 }]);
    expect(found[0]?.said).toContain("file 2 lacks its last line");
  });

  it("leaves the runs of A/B tests out: what is tested must not teach", async () => {
    const { goalId } = await recordGoal(ledger, { task: "a", met: true, calls: good, purpose: "trial" });
    await recordGoal(ledger, { task: "a", met: true, calls: good });
    expect((await countTraces(ledger)).runs).toBe(0);
    expect((await countTraces(ledger, { goals: [goalId] })).runs).toBe(1);
  });

  it("reads imported turns too, each as a run of its own with an unknown end", async () => {
    const turn = (key: string) => ({
      ...{ researcher: "claude", purpose: "imported" as const, prompt: "p", ending: "done", message: "" },
      ...{ events: eventsOfCalls(good), raw: "", startedAt: 1, wallMs: 5, source: { name: "claude", key } },
      usage: { input: null, output: null, cached: null, dollars: null },
    });
    await addTurns(ledger, null, null, [turn("a"), turn("b"), turn("c")]);
    const counts = await countTraces(ledger, { sources: ["imports"] });
    expect(counts).toMatchObject({ runs: 3, succeeded: 0, failed: 0, tokens: null, families: ["claude"] });
    expect(counts.sequences[0]?.runs).toBe(3);
  });
});
