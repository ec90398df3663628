import { describe, expect, it } from "vitest";
import {
  type Ask,
  baseline,
  type Candidate,
  type Judged,
  type Judgement,
  judge,
  type Noise,
  type Rule,
  rule,
  type Sample,
} from "./index.ts";
import { learn } from "./learned.ts";
import { control } from "./noise.ts";

const balanced = rule("balanced");
const up: Judged = { direction: "maximize", minEffect: 0 };

function start(values: readonly number[], r = balanced, metric = up): Noise {
  const run = baseline(r, metric);
  let step = run.next();
  for (const value of values) step = run.next(value);
  if (!step.done) throw new Error("the baseline asks for more runs");
  return step.value;
}

interface Told extends Judgement {
  /** What is known afterwards. */
  noise: Noise;
  asks: Ask[];
}

/** Answers each arm from its own list of values; a string is a failure of that kind. */
function tell(
  noise: Noise,
  answers: { c?: (number | "crash" | "timeout")[]; i?: (number | "crash")[] },
  { candidate = { linesDelta: 0 }, metric = up, r = balanced } = {} as {
    candidate?: Candidate;
    metric?: Judged;
    r?: Rule;
  },
): Told {
  const left = { c: [...(answers.c ?? [])], i: [...(answers.i ?? [])] };
  const asks: Ask[] = [];
  const judging = judge(r, metric, noise, candidate);
  let step = judging.next();
  while (!step.done) {
    asks.push(step.value);
    const next = left[step.value.arm === "candidate" ? "c" : "i"].shift();
    if (next === undefined) throw new Error(`no answer left for ask ${JSON.stringify(step.value)}`);
    const sample: Sample =
      typeof next === "number" ? { ok: true, value: next } : { ok: false, kind: next, message: "boom" };
    step = judging.next(sample);
  }
  expect(left).toEqual({ c: [], i: [] });
  return { ...step.value, noise: learn(r, noise, step.value.learned), asks };
}

const arms = (asks: readonly Ask[]) =>
  asks.map((ask) => `${ask.arm[0]} ${ask.seed} ${ask.purpose} ${ask.round}`);

/** A race that is dropped at its sixth pair. */
const fading = {
  c: [11.2, 11, 10.9, 10.6, 10.3, 10.1, 10, 11],
  i: [10.4, 10.9, 10.2, 10, 9.9, 12],
};

describe("the order of runs", () => {
  const noise = start([10, 11, 9, 10.5, 9.5]);

  it("screens on fresh seeds, then races on shared ones, the arms taking turns at going first", () => {
    const { asks } = tell(noise, fading);
    expect(arms(asks).slice(0, 8)).toEqual([
      "c fresh screen 1",
      "c fresh screen 2",
      "i fresh race 1",
      "c same race 1",
      "c fresh race 2",
      "i same race 2",
      "i fresh race 3",
      "c same race 3",
    ]);
    expect(asks).toHaveLength(14);
  });

  it("runs the incumbent again when it last ran more than ten runs ago, and learns from it", () => {
    const stale = { ...noise, sinceIncumbent: 11 };
    const { asks, noise: after } = tell(stale, { c: [9], i: [10.8] });
    expect(arms(asks)).toEqual(["i fresh control 1", "c fresh screen 1"]);
    expect(after.ref).toEqual([10, 11, 9, 10.5, 9.5, 10.8]);
    expect(after.one.v).toBeCloseTo((0.625 * 4 + 0.8 ** 2 / 1.2) / 5, 12);
    expect(after.sinceIncumbent).toBe(1);
    expect(tell({ ...noise, sinceIncumbent: 10 }, { c: [9] }).asks).toHaveLength(1);
  });

  it("counts a wild control run as three standard deviations at most", () => {
    const { noise: after } = tell({ ...noise, sinceIncumbent: 11 }, { c: [9], i: [1000] });
    expect(after.one.v).toBeCloseTo((0.625 * 4 + 9 * 0.625) / 5, 12);
  });

  it("counts a wild pair as three standard deviations at most", () => {
    const c = [11.2, 11, 10.5, -1000, ...Array(6).fill(10.5)];
    const { decision, noise: after } = tell(noise, { c, i: Array(8).fill(10) });
    expect(decision.kind).toBe("discard");
    expect(after.pair.df).toBe(11);
    expect(after.pair.v).toBeCloseTo((1.25 * 4 + 9 * 1.25) / 11, 12);
  });

  it("makes the candidate's race runs the record, never its lucky screen", () => {
    const { decision, noise: after } = tell(noise, { c: [12, 12.5, 12.1], i: [10.2] });
    expect(decision.reason).toBe("kept after 1 pair: +2.16 [+0.579, +3.74], p 0.0096");
    expect(after).toMatchObject({ ref: [12.1], keeps: 1, raced: 1, sinceIncumbent: 0 });
  });
});

describe("a lucky screen", () => {
  it("cannot carry a candidate that loses its pairs", () => {
    const noise = start([10, 11, 9, 10.5, 9.5]);
    const { decision } = tell(noise, { c: [14, 14, ...Array(8).fill(9.9)], i: Array(8).fill(10) });
    expect(decision).toMatchObject({ kind: "discard", pairs: 8 });
  });
});

describe("a candidate that fails in a race", () => {
  const noise = start([10, 11, 9, 10.5, 9.5]);

  it("ends it with its kind, and what the incumbent's runs taught stays", () => {
    const { decision, noise: after } = tell(noise, { c: [11.5, 11.4, "timeout"], i: [10.4] });
    expect(decision).toMatchObject({ kind: "timeout", reason: "boom", effect: null, pairs: 0 });
    expect(after).toMatchObject({ ref: [10, 11, 9, 10.5, 9.5, 10.4], raced: 1, sinceIncumbent: 0 });
  });

  it("asks a pair again on a fresh seed when the incumbent failed in it, and forgets its first half", () => {
    const once = tell(noise, fading);
    const [first, second, third, ...others] = fading.c as [number, number, number, ...number[]];
    const [start, ...rest] = fading.i as [number, ...number[]];
    const twice = tell(noise, { c: [first, second, third, 99, ...others], i: [start, "crash", ...rest] });
    expect(arms(twice.asks).slice(4, 8)).toEqual([
      "c fresh race 2",
      "i same race 2",
      "c fresh race 2",
      "i same race 2",
    ]);
    expect(twice.decision).toEqual(once.decision);
    expect(twice.noise).toEqual(once.noise);
  });
});

describe("a spread too small for floating point", () => {
  it("still decides in finite figures", () => {
    const noise = start([0, 0, 0, 0, Number.MIN_VALUE]);
    expect(noise.deterministic).toBe(false);
    const { decision } = tell(noise, { c: [1, 1, 1], i: [0] });
    expect(decision).toMatchObject({ kind: "keep", effect: 1, p: expect.closeTo(0, 9) });
    expect(decision.pReal).toBe(1);
  });

  it("is never reached by forgetting: the variance can always be inverted", () => {
    let noise = start([0, 0, 0, 0, 1]);
    for (let i = 0; i < 60_000; i++) noise = control(noise, balanced, 0);
    expect(1 / noise.one.v).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

describe("simpler code", () => {
  const simpler = { candidate: { linesDelta: -4 } };
  const noise = start([10, 11, 9, 10.5, 9.5]);
  const equal = { c: [10.5, 10.4, ...Array(7).fill(10.3)], i: Array(7).fill(10.1) };

  it("is kept when as good, thanks to a head start of half a sigma that is written down", () => {
    const { decision, noise: after } = tell(noise, equal, simpler);
    expect(decision.kind).toBe("keep");
    expect(decision.reason).toContain("simpler, with a head start of 0.4");
    expect(after.allowance).toBeCloseTo(Math.sqrt(0.625) / 2, 12);
    expect(tell(after, { c: [0] }, simpler).noise.allowance).toBe(after.allowance);
  });

  it("costs no allowance when it would have been kept anyway", () => {
    const { decision, noise: after } = tell(noise, { c: [13, 13.5, 13.1], i: [10.2] }, simpler);
    expect(decision.kind).toBe("keep");
    expect(after.allowance).toBe(0);
  });

  it("may lose up to the smallest effect worth having on a deterministic metric, and no more", () => {
    const metric: Judged = { direction: "minimize", minEffect: 1 };
    const still = start([5, 5, 5, 5, 5], balanced, metric);
    const kept = tell(still, { c: [6, 6] }, { ...simpler, metric });
    expect(kept.decision).toMatchObject({ kind: "keep", effect: -1 });
    expect(kept.noise).toMatchObject({ record: -6, allowance: 1 });
    expect(tell(still, { c: [6.1] }, { ...simpler, metric }).decision.kind).toBe("discard");
    expect(tell(still, { c: [6] }, { metric }).decision.kind).toBe("discard");
  });
});

describe("a deterministic metric", () => {
  it("has the first three keeps and every fourth run twice", () => {
    let noise = start([5, 5, 5, 5, 5]);
    const runs: number[] = [];
    for (let keep = 1; keep <= 20; keep++) {
      const twice = keep <= 3 || keep % 4 === 0;
      const told = tell(noise, { c: twice ? [5 + keep, 5 + keep] : [5 + keep] });
      expect(told.decision.kind).toBe("keep");
      runs.push(told.asks.length);
      noise = told.noise;
    }
    expect(runs.filter((count) => count === 2)).toHaveLength(8);
  });

  it("that hides noise only the candidate shows is judged by that noise, not as if it had none", () => {
    const noise = start([5, 5, 5, 5, 5]);
    const { decision, noise: after } = tell(noise, { c: [6, 5.2, 5.3], i: [5, 5, 5, 5, 5] });
    expect(decision.kind).toBe("discard");
    expect(after.deterministic).toBe(false);
    expect(after.one.v).toBeCloseTo(0.32, 12);
  });

  it("is not kept below the smallest effect worth having", () => {
    const metric: Judged = { direction: "maximize", minEffect: 0.5 };
    const noise = start([5, 5, 5, 5, 5], balanced, metric);
    expect(tell(noise, { c: [5.5] }, { metric }).decision.kind).toBe("discard");
    expect(tell(noise, { c: [5.6, 5.6] }, { metric }).decision.kind).toBe("keep");
  });
});

describe("expensive evaluations", () => {
  const r = rule("expensive");
  const noise = start([10, 10.5, 9.5], r);

  it("are decided by the screen alone, provisionally", () => {
    const { decision, asks, noise: after } = tell(noise, { c: [13, 13.2] }, { r });
    expect(asks).toHaveLength(2);
    expect(decision).toMatchObject({ kind: "keep", provisional: true, pairs: 0 });
    expect(after.ref).toEqual([13, 13.2]);
  });

  it("are not kept when the screen is passed and nothing is proven", () => {
    const { decision, noise: after } = tell(noise, { c: [10.6, 10.7] }, { r });
    expect(decision).toMatchObject({ kind: "discard", provisional: false });
    expect(decision.reason).toMatch(/not proven in 2 runs: p .* is above 0.05/);
    expect(after.raced).toBe(1);
  });
});

describe("an improvement too small to want", () => {
  it("is dropped though it is certain, and the reason says so", () => {
    const metric: Judged = { direction: "maximize", minEffect: 5 };
    const noise = start([10, 11, 9, 10.5, 9.5], balanced, metric);
    const told = tell(noise, { c: Array(10).fill(13), i: Array(8).fill(10) }, { metric });
    expect(told.decision.kind).toBe("discard");
    expect(told.decision.reason).toContain("less than the smallest effect worth keeping (5)");
  });
});

describe("a gain that is hard to believe", () => {
  const noise = start([10, 11, 9, 10.5, 9.5]);
  const candidate = { linesDelta: 0, bestGain: 1 };

  it("is measured in as many pairs again, at least two, and kept in doubt when they confirm it", () => {
    const {
      decision,
      asks,
      noise: after,
    } = tell(noise, { c: [20, 20.5, 20.2, 20.1, 19.9], i: [10.2, 10, 10.1] }, { candidate });
    expect(arms(asks).slice(2)).toEqual([
      "i fresh race 1",
      "c same race 1",
      "i fresh confirm 1",
      "c same confirm 1",
      "c fresh confirm 2",
      "i same confirm 2",
    ]);
    expect(decision).toMatchObject({ kind: "keep", pairs: 1 });
    expect(decision.doubt).toMatch(/a gain of 10 is 10 times the best one so far/);
    expect(after.ref).toEqual([20.2, 20.1, 19.9]);
  });

  it("is dropped when it does not show itself again", () => {
    const { decision, noise: after } = tell(
      noise,
      { c: [20, 20.5, 20.2, 10.1, 9.9], i: [10.2, 10, 10.1] },
      { candidate },
    );
    expect(decision.kind).toBe("discard");
    expect(decision.reason).toMatch(/not confirmed by 2 pairs more: a gain of/);
    expect(decision.doubt).toBeNull();
    expect(after.ref.slice(-3)).toEqual([10.2, 10, 10.1]);
  });

  it("is one beyond the stated bound, in the metric's own direction", () => {
    const down: Judged = { direction: "minimize", minEffect: 0 };
    const low = start([10, 11, 9, 10.5, 9.5], balanced, down);
    const run = (plausible: number) =>
      tell(low, plausible === 5 ? { c: [2, 2, 2, 2, 2], i: [10, 10, 10] } : { c: [2, 2, 2], i: [10] }, {
        candidate: { linesDelta: 0, plausible },
        metric: down,
      });
    expect(run(5).decision.doubt).toMatch(/2 is beyond 5, which no honest result passes/);
    expect(run(1).decision.doubt).toBeNull();
  });

  it("is none while it is of the size of the others, nor before there are others", () => {
    const answers = { c: [12, 12.5, 12.1], i: [10.2] };
    expect(tell(noise, answers, { candidate }).decision).toMatchObject({ kind: "keep", doubt: null });
    const huge = { c: [90, 90, 90], i: [10] };
    expect(tell(noise, huge).decision).toMatchObject({ kind: "keep", doubt: null });
  });

  it("is run again without noise as well", () => {
    const exact = start([5, 5, 5, 5, 5]);
    const two = { candidate: { linesDelta: 0, bestGain: 0.1 } };
    const kept = tell(exact, { c: [9, 9, 9, 9], i: [5, 5] }, two);
    expect(kept.decision).toMatchObject({ kind: "keep", effect: 4 });
    expect(kept.decision.doubt).toMatch(/40 times/);
    expect(tell(exact, { c: [9, 9, 9, 5], i: [5, 5] }, two).decision.reason).toMatch(/not confirmed/);
  });

  it("ends with the candidate's failure when it fails then", () => {
    const { decision } = tell(noise, { c: [20, 20.5, 20.2, "crash"], i: [10.2, 10] }, { candidate });
    expect(decision).toMatchObject({ kind: "crash", doubt: null });
  });
});
