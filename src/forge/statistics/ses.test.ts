import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Trial } from "../../ledger/index.ts";
import { type ComponentName, type SesOptions, ses, type TrialRecord } from "../index.ts";

const options: SesOptions = { arm: "with", control: "without", sourceFamilies: ["home"] };

function run(
  arm: "with" | "without",
  task: string,
  replicate: number,
  more: Partial<Trial> = {},
  family = "home",
): TrialRecord {
  return {
    arm,
    task,
    replicate,
    seed: replicate,
    family,
    trial: {
      score: 80,
      toolCalls: 0,
      usefulCalls: 0,
      errors: 0,
      recovered: 0,
      wallMs: 0,
      tokens: null,
      dollars: null,
      loaded: arm === "with",
      ...more,
    },
  };
}

function part(records: readonly TrialRecord[], name: ComponentName, of = options) {
  const found = ses(records, of).components.find((component) => component.name === name);
  if (!found) throw new Error(`no component ${name}`);
  return found;
}

const pair = (task: string, without: Partial<Trial>, treated: Partial<Trial>, family = "home") => [
  run("without", task, 1, without, family),
  run("with", task, 1, treated, family),
];

describe("the score's components", () => {
  it("completion is the mean of the tasks' means, however often each ran", () => {
    const records = [
      run("with", "a", 1, { score: 100 }),
      run("with", "a", 2, { score: 100 }),
      run("with", "a", 3, { score: 100 }),
      run("with", "b", 1, { score: 40 }),
    ];
    expect(part(records, "completion")).toMatchObject({ value: 70, tasks: 2, n: 4, weight: 0.3 });
  });

  it("efficiency is useful calls of all calls, and missing where nothing was called", () => {
    const records = [
      run("with", "a", 1, { toolCalls: 10, usefulCalls: 5 }),
      run("with", "b", 1, { toolCalls: 4, usefulCalls: 4 }),
      run("with", "c", 1),
    ];
    expect(part(records, "efficiency")).toMatchObject({ value: 75, tasks: 2, n: 2 });
    expect(part([run("with", "c", 1)], "efficiency")).toMatchObject({
      value: null,
      missing: "no tool was called",
    });
  });

  it("recovery is not 100 but missing where no error was met", () => {
    expect(part([run("with", "a", 1)], "recovery")).toMatchObject({
      value: null,
      missing: "no tool error was met",
    });
    const records = [
      run("with", "a", 1, { errors: 3, recovered: 3 }),
      run("with", "a", 2, { errors: 1, recovered: 0 }),
      run("with", "b", 1, { errors: 2, recovered: 1 }),
    ];
    expect(part(records, "recovery").value).toBe(62.5);
  });

  it("speed is 75 where equal, 100 where twice as fast, 50 where half as fast, within 0 to 100", () => {
    const speed = (own: number) => part(pair("a", { wallMs: 1000 }, { wallMs: own }), "speed").value;
    expect([1000, 500, 2000, 1, 1e6].map(speed)).toEqual([75, 100, 50, 100, 0]);
    expect(part([run("with", "a", 1, { wallMs: 5 })], "speed").missing).toMatch(/no pair/);
  });

  it("transferability is unknown until other families are measured; no effect there is 50", () => {
    expect(part(pair("a", {}, {}), "transferability").missing).toMatch(
      /not measured on goals of other families/,
    );
    const elsewhere = (before: number, after: number) =>
      part(pair("a", { score: before }, { score: after }, "away"), "transferability").value;
    expect(elsewhere(60, 60)).toBe(50);
    expect(elsewhere(60, 80)).toBe(75);
    expect(elsewhere(60, 30)).toBe(25);
    expect(elsewhere(60, 100)).toBe(100);
    expect(elsewhere(100, 100)).toBe(50);
    const unknown = { ...options, sourceFamilies: null };
    expect(part(pair("a", {}, {}, "away"), "transferability", unknown).missing).toMatch(
      /not known which goals/,
    );
  });

  it("consistency is 100 less the mean difference of two runs of one task", () => {
    const records = [
      run("with", "a", 1, { score: 0 }),
      run("with", "a", 2, { score: 100 }),
      run("with", "a", 3, { score: 100 }),
      run("with", "b", 1, { score: 50 }),
      run("with", "b", 2, { score: 50 }),
      run("with", "c", 1, { score: 10 }),
    ];
    expect(part(records, "consistency").value).toBeCloseTo(100 - (200 / 3 + 0) / 2, 9);
    expect(part(records.slice(-1), "consistency").missing).toBe("no task ran twice");
  });
});

describe("the overall score", () => {
  it("gives the weights of what is missing to the rest, and names it", () => {
    const score = ses([...pair("a", { wallMs: 1000 }, { wallMs: 1000, score: 90 })], options);
    expect(score.missing).toEqual(["efficiency", "recovery", "transferability", "consistency"]);
    expect(score.overall?.value).toBeCloseTo((0.3 * 90 + 0.15 * 75) / 0.45, 9);
    expect(score.overall?.interval).toBeNull();
  });

  it("is nothing at all where no run was scored, and leaves runs without a score out everywhere", () => {
    expect(ses([run("with", "a", 1, { score: null, toolCalls: 5 })], options)).toMatchObject({
      overall: null,
    });
    const records = [
      run("with", "a", 1, { score: null, toolCalls: 8 }),
      run("with", "a", 2, { toolCalls: 2, usefulCalls: 2 }),
    ];
    expect(part(records, "efficiency")).toMatchObject({ value: 100, n: 1 });
  });

  it("has the t interval of the tasks' means where only the score counts", () => {
    const scores = [60, 70, 90, 100];
    const records = scores.map((score, index) => run("with", `t${index}`, 1, { score }));
    // 80 +- 3.1824 * 18.257 / 2
    const { value, interval } = part(records, "completion");
    expect(value).toBe(80);
    expect(interval?.[0]).toBeCloseTo(50.948, 2);
    expect(interval?.[1]).toBe(100);
    // One task in six may fail unseen: 80 - 3.1824 * 80 * sqrt(1/6 * 5/6 / 4)
    const { overall } = ses(records, options);
    expect(overall?.interval?.[0]).toBeCloseTo(32.559, 2);
  });

  it("is never known exactly, and few goals at the ceiling are not gold", () => {
    const perfect = (tasks: number) =>
      ses(
        Array.from({ length: tasks }, (_, index) =>
          [1, 2].flatMap((replicate) => [
            run("without", `t${index}`, replicate, { score: 20, wallMs: 10 }),
            run("with", `t${index}`, replicate, { ...{ score: 100, wallMs: 10 }, ...calls }),
          ]),
        ).flat(),
        options,
      );
    const calls = { toolCalls: 2, usefulCalls: 2, errors: 1, recovered: 1 };
    const low = (tasks: number) => perfect(tasks).overall?.interval?.[0] ?? 0;
    expect(low(5)).toBeCloseTo(74.1, 1);
    expect([low(12) < 90, low(20) > 90]).toEqual([true, true]);
    for (const { interval } of perfect(12).components)
      if (interval) expect(interval[1] - interval[0]).toBeGreaterThan(5);
  });

  it("does not grow surer by more runs of the same tasks", () => {
    const once = [60, 70, 90, 100].map((score, index) => run("with", `t${index}`, 1, { score }));
    const often = [1, 2, 3, 4, 5].flatMap((replicate) => once.map((record) => ({ ...record, replicate })));
    expect(part(often, "completion").interval).toEqual(part(once, "completion").interval);
  });

  it("gives the baseline a score of its own, with the speed of an equal", () => {
    const score = ses(pair("a", { wallMs: 1000, score: 40 }, { wallMs: 10 }), { ...options, arm: "without" });
    expect(score.components.find(({ name }) => name === "speed")?.value).toBe(75);
    expect(score.components.find(({ name }) => name === "completion")?.value).toBe(40);
  });

  it("stays within 0 and 100, with its interval around it, whatever happened", () => {
    const some = fc.record({
      score: fc.option(fc.integer({ min: 0, max: 100 })),
      toolCalls: fc.nat(20),
      errors: fc.nat(4),
      wallMs: fc.nat(5000),
    });
    const record = fc
      .tuple(
        some,
        fc.constantFrom("with", "without"),
        fc.constantFrom("a", "b", "c"),
        fc.integer({ min: 1, max: 3 }),
      )
      .map(([trial, arm, task, replicate]) =>
        run(
          arm as "with",
          task,
          replicate,
          { ...trial, usefulCalls: trial.toolCalls >> 1, recovered: trial.errors >> 1 },
          task === "c" ? "away" : "home",
        ),
      );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 18 }), (records) => {
        const score = ses(records, options);
        for (const one of [score.overall, ...score.components]) {
          if (!one || one.value === null) continue;
          expect(one.value).toBeGreaterThanOrEqual(0);
          expect(one.value).toBeLessThanOrEqual(100 + 1e-9);
          if (!one.interval) continue;
          expect(one.interval[0]).toBeLessThanOrEqual(one.value + 1e-9);
          expect(one.interval[1]).toBeGreaterThanOrEqual(one.value - 1e-9);
        }
      }),
    );
  });
});
