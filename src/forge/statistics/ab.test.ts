import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normals } from "../../decision/index.ts";
import type { Arm, Trial, TrialAsk } from "../../ledger/index.ts";
import { type AbRule, abRule, abTest, type Verdict } from "../index.ts";
import { laxness, replicatesOf } from "./abRule.ts";

const suiteOf = (tasks: number) =>
  Array.from({ length: tasks }, (_, index) => ({ task: `t${index + 1}`, family: `f${index % 2}` }));

const trial = (score: number | null, more: Partial<Trial> = {}): Trial => ({
  score,
  toolCalls: 4,
  usefulCalls: 3,
  errors: 0,
  recovered: 0,
  wallMs: 1000,
  tokens: 1000,
  dollars: null,
  loaded: false,
  ...more,
});

/** Runs the test against a world; the treatment loads its skill unless the world says otherwise. */
function told(
  world: (ask: TrialAsk) => number | null | Partial<Trial>,
  rule: Partial<AbRule> = {},
  tasks = 8,
): Verdict & { asks: TrialAsk[] } {
  const asks: TrialAsk[] = [];
  const test = abTest(suiteOf(tasks), abRule(rule));
  let step = test.next();
  while (!step.done) {
    asks.push(step.value);
    const gave = world(step.value);
    const loaded = step.value.arm === "with";
    step = test.next(
      gave === null || typeof gave === "number"
        ? trial(gave, { loaded })
        : { ...trial(50, { loaded }), ...gave },
    );
  }
  return { ...step.value, asks };
}

/** Bounded scores that depend on arm, task and replicate alone. */
function noisy(seed: number, effect: number) {
  return ({ arm, task, replicate }: TrialAsk): number => {
    const normal = normals(seed * 7919 + Number(task.slice(1)) * 101 + replicate * 13 + arm.length * 1009);
    for (let skip = 0; skip < 3; skip++) normal();
    return Math.min(100, Math.max(0, 50 + (arm === "with" ? effect : 0) + 25 * normal()));
  };
}

describe("the order of runs", () => {
  const { asks } = told(noisy(1, 0), { futility: 0, maxRuns: 64 });

  it("runs the arms of one task, replicate and seed next to each other, each going first in turn", () => {
    expect(asks).toHaveLength(64);
    for (let at = 0; at < asks.length; at += 2) {
      const [first, second] = asks.slice(at, at + 2) as [TrialAsk, TrialAsk];
      expect(first.arm).not.toBe(second.arm);
      expect({ ...first, arm: null }).toEqual({ ...second, arm: null });
      if (at > 0 && at % 16 !== 0) expect(first.arm).not.toBe(asks[at - 2]?.arm);
    }
    expect(new Set(asks.map(({ seed }) => seed)).size).toBe(32);
  });

  it("lets every task begin with either arm equally often", () => {
    for (const { task } of suiteOf(8)) {
      const firsts = asks.filter((ask, at) => at % 2 === 0 && ask.task === task).map(({ arm }) => arm);
      expect(firsts.filter((arm) => arm === "with")).toHaveLength(2);
    }
  });

  it("asks for the same again under the same seed, in another order under another", () => {
    expect(told(noisy(1, 0), { futility: 0, maxRuns: 64 }).asks).toEqual(asks);
    const other = told(noisy(1, 0), { futility: 0, maxRuns: 64, seed: 2 }).asks;
    expect(other.map(({ task }) => task)).not.toEqual(asks.map(({ task }) => task));
  });

  it("does not run the partner of a run without a score, and adds a placebo or an earlier version on request", () => {
    const lost = told(({ arm }) => (arm === "without" ? null : 50), { maxRuns: 64 });
    expect(lost.asks.filter(({ arm }) => arm === "without")).toHaveLength(8);
    expect(lost.asks.length).toBe(12);
    const arms = (rule: Partial<AbRule>) => new Set(told(noisy(1, 0), rule).asks.map(({ arm }) => arm));
    expect(arms({ placebo: true })).toEqual(new Set<Arm>(["without", "with", "placebo"]));
    expect(arms({ control: "before" })).toEqual(new Set<Arm>(["before", "with"]));
  });
});

describe("the verdict", () => {
  it("is better for a skill that helps everywhere, soon, with the points that it brings", () => {
    const verdict = told(({ arm }) => (arm === "with" ? 70 : 40));
    expect(verdict).toMatchObject({
      outcome: "better",
      kept: true,
      veto: null,
      invalid: null,
      more: null,
      net: 30,
    });
    expect(verdict.effect).toMatchObject({ points: 30, tasks: 8 });
    // Eight tasks that agree do not make it known exactly.
    const [low = 0, high = 0] = verdict.effect?.interval ?? [];
    expect(low).toBeGreaterThan(0);
    expect(low).toBeLessThan(25);
    expect(high).toBeGreaterThan(35);
    expect(verdict.runs).toBeLessThanOrEqual(64);
    expect(verdict.reason).toMatch(/^better by 30 points over 8 tasks \(p 0\.0039\)$/);
  });

  it("is never reached before every pair was run twice, unless the rule has no runs for that", () => {
    for (const tasks of [5, 8, 12, 20, 30]) {
      const verdict = told(({ arm }) => (arm === "with" ? 90 : 10), {}, tasks);
      expect(verdict.outcome).toBe("better");
      for (const { task } of suiteOf(tasks))
        expect(verdict.asks.filter((ask) => ask.task === task).length).toBeGreaterThanOrEqual(4);
    }
    const once = told(({ arm }) => (arm === "with" ? 90 : 80), { maxRuns: 10 }, 5);
    expect(once).toMatchObject({ outcome: "better", runs: 10 });
    expect(laxness(abRule({ maxRuns: 10 }), replicatesOf(abRule({ maxRuns: 10 }), 5))).toEqual([
      "each goal at most 1 times under each arm",
    ]);
  });

  it("turns around when the arms are swapped", () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: -45, max: 45 }), (seed, effect) => {
        const world = noisy(seed, effect);
        const swapped = (ask: TrialAsk) => world({ ...ask, arm: ask.arm === "with" ? "without" : "with" });
        const rule = { futility: 0, maxRuns: 64 };
        const [one, other] = [told(world, rule), told(swapped, rule)];
        const opposite = { better: "worse", worse: "better" } as Record<string, string>;
        expect(other.outcome).toBe(opposite[one.outcome] ?? one.outcome);
        expect(other.effect?.points).toBeCloseTo(-(one.effect?.points as number), 9);
        expect([other.p.worse, other.p.better]).toEqual([
          expect.closeTo(one.p.better, 9),
          expect.closeTo(one.p.worse, 9),
        ]);
        outcomes.add(one.outcome);
      }),
      { numRuns: 60, seed: 3 },
    );
    expect(outcomes.size).toBe(3);
  });

  it("finds a skill that does nothing better in no more than alpha of the tests", () => {
    const tests = 400;
    let better = 0;
    for (let seed = 1; seed <= tests; seed++)
      better += Number(
        told(noisy(seed, 0), { alpha: 0.1, minEffect: 0, futility: 0, maxRuns: 64 }).outcome === "better",
      );
    // Binomial with 400 and .1: above 60 in one of some thousand.
    expect(better).toBeLessThanOrEqual(60);
    expect(better).toBeGreaterThan(10);
  });

  it("is not enough evidence for help of less than the smallest worthwhile effect, however sure", () => {
    const verdict = told(({ arm }) => (arm === "with" ? 43 : 40), { futility: 0 });
    expect(verdict).toMatchObject({ outcome: "not enough evidence", kept: false });
    expect(verdict.reason).toMatch(/\+3 points after 192 runs, less than the 5 that are worth having/);
    expect(told(({ arm }) => (arm === "with" ? 43 : 40), { minEffect: 2 }).outcome).toBe("better");
  });

  it("gives up early on what does harm, and says how many more runs would decide", () => {
    const verdict = told(
      ({ arm, replicate, task }) => (arm === "with" ? 30 : 55) + ((replicate * 7 + task.length) % 5),
    );
    expect(verdict.outcome).not.toBe("better");
    const hopeless = told((ask) => noisy(5, -8)(ask));
    expect(hopeless).toMatchObject({ outcome: "not enough evidence", kept: false });
    expect(hopeless.runs).toBeLessThan(100);
    expect(hopeless.reason).toMatch(
      /^given up after \d+ runs: .* points so far.*; some \d+ more runs .*would decide about/,
    );
    expect(hopeless.more?.runs).toBeGreaterThan(0);
  });

  it("asks for more tasks, not more replicates, where tasks differ and runs do not", () => {
    const helped = new Set(["t1", "t2", "t3"]);
    const verdict = told(({ arm, task }) => (arm === "with" && helped.has(task) ? 100 : 50));
    expect(verdict.outcome).toBe("not enough evidence");
    expect(verdict.p.better).toBeCloseTo(1 / 8, 9);
    expect(verdict.runs).toBeLessThanOrEqual(32);
    expect(verdict.more?.tasks).toBeGreaterThan(8);
    expect(verdict.reason).toMatch(/with a suite of \d+ tasks would decide/);
  });

  it("says before any run that so few tasks, or runs, can never show anything", () => {
    expect(told(noisy(1, 90), {}, 4)).toMatchObject({ outcome: "not enough evidence", runs: 0 });
    expect(told(noisy(1, 90), {}, 4).reason).toMatch(/^4 tasks can never show it at alpha 0\.04.*at least 5/);
    expect(told(noisy(1, 90), { maxRuns: 15 }).reason).toMatch(
      /15 runs are too few for 2 arms of 8 tasks: allow at least 16/,
    );
  });

  it("keeps nothing that costs more than it brings, and counts what it saves", () => {
    const costing = (tokens: number) =>
      told(({ arm }) => (arm === "with" ? { score: 70, tokens, loaded: true } : { score: 50, tokens: 1000 }));
    expect(costing(3000)).toMatchObject({ outcome: "better", kept: false, net: -20 });
    expect(costing(3000).veto).toBe("it costs more than it brings: 200 % more tokens for 20 points");
    expect(costing(1500)).toMatchObject({ outcome: "better", kept: true, net: 10 });
    expect(costing(500)).toMatchObject({ kept: true, net: 30 });
    const timed = told(({ arm }) => ({
      score: arm === "with" ? 70 : 50,
      tokens: null,
      wallMs: arm === "with" ? 9000 : 3000,
      loaded: arm === "with",
    }));
    expect(timed).toMatchObject({ kept: false, cost: { unit: "ms", extra: 2 } });
  });
});

describe("what is missing", () => {
  it("never counts a run without a score as zero", () => {
    const holes = told(({ arm, replicate, task }) =>
      arm === "with" && task === "t1" && replicate % 2 === 0 ? null : arm === "with" ? 70 : 40,
    );
    expect(holes).toMatchObject({ outcome: "better" });
    expect(holes.effect?.points).toBe(30);
  });

  it("ends without a conclusion when more than a quarter of the pairs lack a score", () => {
    const verdict = told(({ arm, task }) =>
      arm === "with" && ["t1", "t2", "t3"].includes(task) ? null : arm === "with" ? 90 : 10,
    );
    expect(verdict).toMatchObject({ outcome: "not enough evidence", pairs: { begun: 8, missing: 3 } });
    expect(verdict.reason).toMatch(/^3 of 8 pairs lack a score, more than the 25 % that may/);
  });
});

describe("runs lost under one arm only", () => {
  it("make a better score no proof where they are the skill's own", () => {
    const losing = (loser: Arm) =>
      told(
        ({ arm, replicate, task }) => {
          if (arm === loser && ["t1", "t2"].includes(task)) return null;
          return (arm === "with" ? 58 : 50) + ((replicate + Number(task.slice(1))) % 3);
        },
        { maxRuns: 96 },
      );
    expect(losing("without")).toMatchObject({ outcome: "better", kept: true });
    expect(losing("with")).toMatchObject({ outcome: "not enough evidence", kept: false });
    expect(losing("with").reason).toMatch(
      /^\d+ runs with the skill lack a score, and 0 without it: were they worth nothing/,
    );
  });
});

describe("a few runs with the skill that lack a score", () => {
  const lossy = (gain: number) =>
    told(
      ({ arm, replicate, task }) =>
        arm === "with" && replicate === 2 && ["t1", "t2", "t3"].includes(task)
          ? null
          : (arm === "with" ? 50 + gain : 50) + Number(task.slice(1)) + replicate,
      { maxRuns: 32 },
    );

  it("turn a gain into no evidence where it would be gone, were they worth nothing", () => {
    expect(lossy(8)).toMatchObject({ outcome: "not enough evidence", kept: false });
    expect(lossy(8).reason).toMatch(/^3 runs with the skill lack a score, and 0 without it: were they worth/);
    // So large a gain stands even then.
    expect(lossy(45)).toMatchObject({ outcome: "better", kept: true });
  });

  it("say of what is given up that it leans worse, where it does", () => {
    const verdict = told(noisy(5, -25));
    expect(verdict.reason).toMatch(/^given up after \d+ runs: leans worse, -\d+(\.\d)? points so far/);
  });
});

describe("the arms", () => {
  it("ends at once when the control loaded the skill", () => {
    const verdict = told(({ arm }) => ({ score: arm === "with" ? 90 : 10, loaded: true }));
    expect(verdict).toMatchObject({ outcome: "not enough evidence", kept: false, more: null });
    expect(verdict.invalid).toMatch(/^the control loaded the skill in t\d/);
    expect(verdict.runs).toBeLessThanOrEqual(2);
    // The earlier version of a skill is loaded in its own arm, of course.
    expect(
      told(({ arm }) => ({ score: arm === "with" ? 90 : 10, loaded: true }), { control: "before" }).kept,
    ).toBe(true);
  });

  it("concludes nothing when most treated runs did not load the skill", () => {
    const verdict = told(({ arm }) => ({ score: arm === "with" ? 90 : 10, loaded: false }));
    expect(verdict).toMatchObject({ outcome: "not enough evidence", kept: false });
    expect(verdict.invalid).toMatch(/loaded the skill in only 0 % of its runs/);
  });

  it("counts runs that did not load it by intention to treat, and tells what loading brings apart from that", () => {
    const verdict = told(({ arm, task }) => {
      const loaded = arm === "with" && task !== "t1" && task !== "t2";
      return { score: loaded ? 80 : 40, loaded };
    });
    expect(verdict.outcome).toBe("better");
    expect(verdict.loaded).toEqual({ control: 0, treatment: 0.75 });
    expect(verdict.effect?.points).toBeCloseTo(30, 9);
    expect(verdict.asLoaded?.points).toBeCloseTo(40, 9);
  });

  it("does not keep what a text of equal length does as well", () => {
    const words = told(({ arm }) => (arm === "without" ? 40 : 70), { placebo: true, maxRuns: 96 });
    expect(words).toMatchObject({ outcome: "not enough evidence", kept: false, overPlacebo: { points: 0 } });
    expect(words.reason).toMatch(/not shown to do more than a placebo/);
    const real = told(({ arm }) => (arm === "with" ? 70 : 40), { placebo: true, maxRuns: 96 });
    expect(real).toMatchObject({ outcome: "better", kept: true, overPlacebo: { points: 30 } });
  });
});

describe("the rule", () => {
  it("refuses what makes no sense", () => {
    expect(() => abRule({ alpha: 0.6 })).toThrow(
      "alpha of an A/B test must be a number from 0.000001 to 0.4, not 0.6",
    );
    expect(() => abRule({ maxRuns: Number.NaN })).toThrow(RangeError);
    const twins = Array.from({ length: 6 }, () => ({ task: "same", family: "f" }));
    expect(() => abTest(twins, abRule()).next()).toThrow("two tasks of the suite are named same");
  });
});

describe("the words of a test without any difference", () => {
  it("say that all runs were equal, not that a difference might be chance", () => {
    for (const maxRuns of [16, 192]) {
      const { reason, outcome, more } = told(() => 100, { maxRuns });
      expect([outcome, more]).toEqual(["not enough evidence", null]);
      expect(reason).toMatch(/all \d+ pairs of runs scored the same with and without it/);
      expect(reason).not.toMatch(/no difference|may be chance/);
    }
    expect(told(() => 0, { maxRuns: 16 }).reason).toContain("so nothing was shown to help");
    expect(told(() => 70, { maxRuns: 16, control: "before" }).reason).toContain("as with the version before");
  });

  it("still speak of chance where runs differed and came to nothing on average", () => {
    const { reason } = told(
      ({ arm, task }) => (arm === "with" ? (Number(task.slice(1)) % 2 === 0 ? 60 : 40) : 50),
      { maxRuns: 16 },
    );
    expect(reason).toMatch(/^no difference on average after 16 runs may be chance/);
  });
});
