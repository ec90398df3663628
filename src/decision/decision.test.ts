import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compare } from "../../bench/decision/compare.ts";
import { coverage } from "../../bench/decision/coverage.ts";
import { realistic } from "../../bench/decision/mixture.ts";
import { naiveNoOps, noOps } from "../../bench/decision/noOps.ts";
import {
  baseline,
  type Candidate,
  detectable,
  IncumbentFails,
  interval,
  type Judged,
  type Judgement,
  judge,
  learn,
  type Noise,
  pReal,
  presets,
  rule,
  type Sample,
  simulate,
} from "./index.ts";
import { tCdf, tQuantile } from "./student.ts";

const balanced = rule("balanced");
const up: Judged = { direction: "maximize", minEffect: 0 };

function start(values: readonly number[], metric = up, r = balanced): Noise {
  const run = baseline(r, metric);
  let step = run.next();
  for (const value of values) step = run.next(value);
  if (!step.done) throw new Error("the baseline asks for more runs");
  return step.value;
}

/** Feeds `c 12` / `i 10.2` in order and insists that the judge asks for exactly these arms. */
function feed(
  noise: Noise,
  script: string,
  candidate: Candidate = { linesDelta: 0 },
  metric = up,
): Judgement & { noise: Noise; runs: number } {
  const judging = judge(balanced, metric, noise, candidate);
  let step = judging.next();
  let runs = 0;
  for (const entry of script.split(", ")) {
    if (step.done) throw new Error(`decided before "${entry}"`);
    const [arm, value] = entry.split(" ");
    expect(step.value.arm).toBe(arm === "c" ? "candidate" : "incumbent");
    runs++;
    step = judging.next({ ok: true, value: Number(value) });
  }
  if (!step.done) throw new Error("asks for more runs");
  return { ...step.value, noise: learn(balanced, noise, step.value.learned), runs };
}

describe("Student's t", () => {
  it("agrees with the reference figures to 1e-9", () => {
    expect(tCdf(2.132, 4)).toBeCloseTo(0.9500086136, 9);
    expect(tQuantile(0.975, 4)).toBeCloseTo(2.7764451052, 9);
    expect(tQuantile(0.98, 8)).toBeCloseTo(2.4489849896, 9);
  });
  it("is inverted by its quantile everywhere", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.0005, max: 0.9995, noNaN: true }),
        fc.double({ min: 0.5, max: 200, noNaN: true }),
        (p, df) => {
          expect(tCdf(tQuantile(p, df), df)).toBeCloseTo(p, 9);
        },
      ),
    );
  });
});

describe("the reference traces", () => {
  const noise = start([10, 11, 9, 10.5, 9.5]);

  it("learns the noise from five runs", () => {
    expect(noise.one).toEqual({ v: 0.625, df: 4 });
    expect(noise.pair).toEqual({ v: 1.25, df: 4 });
  });
  it("drops a candidate below the gate after one run", () => {
    const { decision, runs } = feed(noise, "c 9.9");
    expect([decision.kind, runs]).toEqual(["discard", 1]);
  });
  it("keeps a clear winner after one pair, with the stated figures", () => {
    const { decision } = feed(noise, "c 12, c 12.5, i 10.2, c 12.1");
    expect(decision.kind).toBe("keep");
    expect(decision.t).toBeCloseTo(3.7929983, 6);
    expect(decision.p).toBeCloseTo(0.00960958, 7);
    expect(decision.effect).toBeCloseTo(2.1592593, 6);
    expect(decision.interval?.[0]).toBeCloseTo(0.5786984, 6);
    expect(decision.interval?.[1]).toBeCloseTo(3.7398202, 6);
    expect(decision.df).toBe(4);
  });
  it("drops a fading candidate at pair 6 and learns from the incumbent's runs", () => {
    const { decision, noise: after } = feed(
      noise,
      "c 11.2, c 11.0, i 10.4, c 10.9, c 10.6, i 10.9, i 10.2, c 10.3, c 10.1, i 10, i 9.9, c 10, c 11, i 12",
    );
    expect([decision.kind, decision.pairs, decision.df]).toEqual(["discard", 6, 9]);
    expect(decision.t).toBeCloseTo(0.5482196, 6);
    expect(decision.effect).toBeCloseTo(0.1666732, 6);
    const recent = after.ref.slice(-8);
    expect(recent.reduce((sum, y) => sum + y, 0) / 8).toBeCloseTo(10.425, 9);
    expect(after.one.v).toBeCloseTo(0.6666944, 6);
    expect(after.pair.v).toBeCloseTo(0.7255556, 6);
  });
  it("decides a deterministic metric in one run and a simplification in two", () => {
    const still = start([5, 5, 5, 5, 5]);
    expect(feed(still, "c 5").decision.kind).toBe("discard");
    const simpler = feed(still, "c 5, c 5", { linesDelta: -3 });
    expect(simpler.decision.kind).toBe("keep");
  });
  it("gives the stated audit interval and probabilities", () => {
    const [low, high] = interval([2, 2, 3, 2]) as [number, number];
    expect(low).toBeCloseTo(1.4543884, 6);
    expect(high).toBeCloseTo(3.0456116, 6);
    expect(pReal(2, 0.5, 1)).toBeCloseTo(0.983553, 6);
    expect(pReal(1, 0.45, 1)).toBeCloseTo(0.410224, 6);
  });
  it("judges a metric to be minimised as the mirror image", () => {
    const down: Judged = { direction: "minimize", minEffect: 0 };
    const mirrored = start([-10, -11, -9, -10.5, -9.5], down);
    const { decision } = feed(mirrored, "c -12, c -12.5, i -10.2, c -12.1", { linesDelta: 0 }, down);
    expect(decision.effect).toBeCloseTo(2.1592593, 6);
  });
});

describe("the rule in simulation", () => {
  it.each([
    [-0.5, 0.006, 1.45],
    [0, 0.037, 2.33],
    [0.5, 0.156, 3.82],
    [1, 0.393, 5.14],
    [2, 0.831, 5.13],
    [3, 0.971, 4.37],
  ])("keeps a true effect of %f sigma as often as stated", (effect, kept, runs) => {
    const result = simulate(balanced, effect, 4000, 7);
    expect(Math.abs(result.kept - kept)).toBeLessThan(0.035);
    expect(Math.abs(result.runs - runs)).toBeLessThan(0.3);
  });

  it("keeps under 1.2 % of 1,000 no-op changes, and in no session more than 2.5 %", () => {
    const shares = Array.from({ length: 10 }, (_, seed) => noOps(balanced, 1000, 0, seed + 1).keeps / 1000);
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    expect(mean).toBeGreaterThan(0.004);
    expect(mean).toBeLessThan(0.012);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.025);
  });

  it("still finds a change of 2 sigma after 100 no-ops, where the naive rule's record is locked by luck", () => {
    const seeds = Array.from({ length: 400 }, (_, seed) => seed + 1);
    const found = seeds.filter((seed) => noOps(balanced, 100, 2, seed).found).length;
    const foundNaively = seeds.filter((seed) => naiveNoOps(100, 2, seed)).length;
    expect(found / seeds.length).toBeGreaterThanOrEqual(0.65);
    expect(foundNaively / seeds.length).toBeLessThan(0.4);
  });

  it.each([
    [0, false],
    [0.5, false],
    [0.5, true],
  ])(
    "covers the truth with its audit interval 93 to 97 %% of the time at drift %f (steady: %s)",
    (size, steady) => {
      const covered = coverage(8, 4000, { size, steady }, 3);
      expect(covered).toBeGreaterThan(0.93);
      expect(covered).toBeLessThan(0.97);
    },
  );

  it.each([
    [0, 0, 0.95, 0, 0],
    [0.3, 0, 0.6, 0.12, 0],
    [1, 0, 1.3, 0.35, 0.5],
    [1, 0.15, 1.5, 0.4, 0.5],
  ])(
    "gains what it should in sessions at sigma %f and drift %f, and keeps few false changes",
    (sigma, drift, leastRatio, mostFalse, naiveFalse) => {
      const { ours, naive } = compare(balanced, { mixture: realistic, sigma, drift, runs: 700 }, 200);
      expect(ours.gain / naive.gain).toBeGreaterThanOrEqual(leastRatio);
      expect(ours.falseShare).toBeLessThanOrEqual(mostFalse);
      expect(naive.falseShare).toBeGreaterThanOrEqual(naiveFalse);
    },
  );

  it("says the smallest effect that it can detect, larger for a surer detection", () => {
    expect(detectable(balanced)).toBeGreaterThan(1.6);
    expect(detectable(balanced)).toBeLessThan(2.2);
    expect(detectable(balanced, 0.95)).toBeGreaterThan(detectable(balanced, 0.8));
  });
});

describe("failures", () => {
  const noise = start([10, 11, 9, 10.5, 9.5]);
  const down = (kind: "crash" | "timeout" | "invalid" | "discard"): Sample => ({
    ok: false,
    kind,
    message: "boom",
  });

  it.each(["crash", "timeout", "invalid", "discard"] as const)(
    "ends a candidate that fails with %s",
    (kind) => {
      const judging = judge(balanced, up, noise, { linesDelta: 0 });
      judging.next();
      const step = judging.next(down(kind));
      expect(step.done && step.value.decision).toMatchObject({ kind, reason: "boom", effect: null });
    },
  );

  it("repeats a pair in which the incumbent failed, and gives up the third time, or the second in old sessions", () => {
    for (const [retries, failures] of [
      [3, 3],
      [0, 2],
    ] as const) {
      const judging = judge(rule("balanced", { retries }), up, noise, { linesDelta: 0 });
      judging.next();
      judging.next({ ok: true, value: 12 });
      judging.next({ ok: true, value: 12.5 });
      for (let failure = 1; failure < failures; failure++)
        expect(judging.next(down("crash")).value).toMatchObject({
          ...{ arm: "incumbent", seed: "fresh", purpose: "race", round: 1 },
        });
      expect(() => judging.next(down("crash"))).toThrow(IncumbentFails);
    }
  });

  it("measures the noise when a deterministic metric turns out not to be one", () => {
    const judging = judge(balanced, up, start([5, 5, 5, 5, 5]), { linesDelta: 0 });
    judging.next();
    judging.next({ ok: true, value: 6 });
    let step = judging.next({ ok: true, value: 5.5 });
    for (const value of [5, 5.2, 4.9, 5.1]) {
      expect(step.value).toMatchObject({ arm: "incumbent", purpose: "control" });
      step = judging.next({ ok: true, value });
    }
    step = judging.next({ ok: true, value: 5 });
    expect(step.value).toMatchObject({ arm: "candidate", purpose: "screen", round: 1 });
  });

  it("lets a broken guard turn a keep into a discard with that reason", () => {
    const vetoed = feed(noise, "c 12, c 12.5, i 10.2, c 12.1", { linesDelta: 0, veto: () => "guard memory" });
    expect(vetoed.decision).toMatchObject({ kind: "discard", reason: "guard memory" });
    expect(vetoed.noise.keeps).toBe(0);
  });
});

describe("what is true of every judgement", () => {
  const noisy = fc.double({ min: -1e6, max: 1e6, noNaN: true });
  const coarse = fc.integer({ min: 0, max: 3 });
  const extreme = fc.double({ noNaN: true, noDefaultInfinity: true });

  it.each([
    ["ordinary", noisy],
    ["often equal", coarse],
    ["any finite", extreme],
  ])("is finite, leaves its input alone and is the same again from JSON, with %s values", (_, values) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(presets)),
        fc.infiniteStream(values),
        fc.integer({ min: -5, max: 5 }),
        fc.constantFrom<Judged["direction"]>("minimize", "maximize"),
        fc.constantFrom(0, 0.5, 1e-9, 1e200),
        (preset, stream, linesDelta, direction, minEffect) => {
          const metric: Judged = { direction, minEffect };
          const draw = () => stream.next().value as number;
          let noise = start(Array.from({ length: preset.baselineRuns }, draw), metric, preset);
          const run = (state: Noise, next: () => number) => {
            const judging = judge(preset, metric, state, { linesDelta });
            let step = judging.next();
            while (!step.done) step = judging.next({ ok: true, value: next() });
            return step.value;
          };
          for (let candidate = 0; candidate < 5; candidate++) {
            const before = JSON.stringify(noise);
            const seen: number[] = [];
            const live = run(noise, () => {
              seen.push(draw());
              return seen.at(-1) as number;
            });
            expect(JSON.stringify(noise)).toBe(before);
            const { effect, interval: between, p, t, pReal: real, df } = live.decision;
            expect([effect, between?.[0], between?.[1], p]).toSatisfy((all: number[]) =>
              all.every(Number.isFinite),
            );
            expect([t, real, df].filter((figure) => figure !== null)).toSatisfy((all: number[]) =>
              all.every(Number.isFinite),
            );
            expect(live.decision.reason).not.toMatch(/NaN|Infinity|undefined/);
            expect(JSON.parse(JSON.stringify(live.learned))).toEqual(live.learned);
            const replay = seen[Symbol.iterator]();
            expect(run(JSON.parse(before), () => replay.next().value as number)).toEqual(live);
            noise = learn(preset, noise, live.learned);
            expect(JSON.parse(JSON.stringify(noise))).toEqual(noise);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
