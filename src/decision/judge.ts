import { type Ask, type Decision, IncumbentFails, type Judged, type Sample } from "./decision.ts";
import { control, firstNoise, mean, median, type Noise, sigma, widen } from "./noise.ts";
import { pReal } from "./real.ts";
import type { Rule } from "./rule.ts";
import { tQuantile, tUpper } from "./student.ts";

export interface Candidate {
  /** Added minus removed lines; below 0 the change is a simplification and gets a head start. */
  linesDelta: number;
  /** Asked when the numbers say keep: a sentence that forbids it (a broken guard), or null. */
  veto?: () => string | null;
}

export interface Judgement {
  decision: Decision;
  /** What is known afterwards. */
  noise: Noise;
}

/** A conversation that asks for runs, is sent what they gave, and returns a result. No effects of its own. */
export type Coroutine<Result> = Generator<Ask, Result, Sample>;

/** Measures the untouched code; the driver sends numbers as the metric reports them. */
export function* baseline(rule: Rule, metric: Judged): Generator<Ask, Noise, number> {
  const ys: number[] = [];
  for (let round = 1; round <= rule.baselineRuns; round++)
    ys.push(up(metric, yield { arm: "baseline", seed: "fresh", purpose: "baseline", round }));
  return firstNoise(ys);
}

/**
 * Decides on one candidate: screen, then race, exactly as docs/decision.md states it.
 *
 * @throws IncumbentFails when the incumbent cannot be measured.
 */
export function* judge(rule: Rule, metric: Judged, noise: Noise, candidate: Candidate): Coroutine<Judgement> {
  return noise.deterministic
    ? yield* judgeDeterministic(rule, metric, noise, candidate)
    : yield* judgeNoisy(rule, metric, noise, candidate);
}

function* judgeDeterministic(
  rule: Rule,
  metric: Judged,
  noise: Noise,
  candidate: Candidate,
): Coroutine<Judgement> {
  const bonus = candidate.linesDelta < 0 ? metric.minEffect : 0;
  const first = yield { arm: "candidate", seed: "fresh", purpose: "screen", round: 1 };
  if (!first.ok) return { decision: failed(first, 0), noise };
  const value = up(metric, first.value);
  const d = value - noise.record;
  const exact = { effect: d, interval: [d, d] as [number, number], pairs: 0, df: null };
  const simpler = candidate.linesDelta < 0 && d >= -bonus;
  if (!(d > metric.minEffect || simpler)) {
    const reason =
      d > 0
        ? `better by ${short(d)}, less than the smallest effect worth keeping (${short(metric.minEffect)})`
        : d === 0
          ? "no difference: the metric is exactly the same"
          : `worse by ${short(-d)}`;
    return { decision: decided("discard", reason, { ...exact, p: 1, pReal: 0, t: null }), noise };
  }
  // The first keeps and every tenth are run again, so that hidden noise cannot pass for determinism.
  if (noise.keeps < 3 || noise.keeps % 10 === 9) {
    const again = yield { arm: "candidate", seed: "fresh", purpose: "recheck", round: 1 };
    if (!again.ok) return { decision: failed(again, 0), noise };
    if (up(metric, again.value) !== value) {
      const ys: number[] = [];
      for (let round = 1; round <= rule.baselineRuns; round++)
        ys.push(up(metric, yield* incumbentRun("control", round)));
      // An incumbent that shows no noise has none to lend: then the candidate's two runs are all that is known of it.
      const incumbent = firstNoise(ys);
      const { one, pair } = incumbent.deterministic
        ? firstNoise([value, up(metric, again.value)])
        : incumbent;
      const noisy: Noise = { ...noise, ref: ys, one, pair, deterministic: false, sinceIncumbent: 0 };
      return yield* judgeNoisy(rule, metric, noisy, candidate);
    }
  }
  const veto = candidate.veto?.() ?? null;
  if (veto) return { decision: decided("discard", veto, { ...exact, p: 0, pReal: 1, t: null }), noise };
  const reason =
    d > metric.minEffect ? `better by ${short(d)}; the evaluator is deterministic` : "simpler, and no worse";
  return {
    decision: decided("keep", reason, { ...exact, p: 0, pReal: d > 0 ? 1 : null, t: null }),
    noise: {
      ...noise,
      record: value,
      ref: [value],
      keeps: noise.keeps + 1,
      allowance: noise.allowance + (d < 0 ? -d : 0),
    },
  };
}

function* judgeNoisy(rule: Rule, metric: Judged, before: Noise, candidate: Candidate): Coroutine<Judgement> {
  let noise = before;
  if (noise.sinceIncumbent > rule.refreshEvery)
    noise = control(noise, rule, up(metric, yield* incumbentRun("control", 1)));

  const bonus = candidate.linesDelta < 0 ? metric.minEffect || sigma(noise) / 2 : 0;
  const recent = noise.ref.slice(-rule.window);
  const R = mean(recent);
  const n = recent.length;
  const v = noise.one.v;
  const ran = (count: number): Noise => ({ ...noise, sinceIncumbent: noise.sinceIncumbent + count });

  const screen: number[] = [];
  let mS = 0;
  let vS = 0;
  for (let i = 1; i <= rule.screenRuns; i++) {
    const sample = yield { arm: "candidate", seed: "fresh", purpose: "screen", round: i };
    if (!sample.ok) return { decision: failed(sample, 0), noise: ran(i) };
    screen.push(up(metric, sample.value));
    mS = mean(screen) - R + bonus;
    vS = v * (1 / i + 1 / n);
    const t = ratio(mS, Math.sqrt(vS));
    if (t < rule.gate) {
      const estimate = summary(mS, vS, noise.one.df, bonus, sigma(noise), 0);
      return {
        decision: decided("discard", `dropped after ${runs(i)}: ${distance(t, rule.gate)}`, estimate),
        noise: ran(i),
      };
    }
  }

  if (rule.maxPairs === 0) return provisional(rule, metric, noise, candidate, { mS, vS, bonus, screen });

  const { pair } = noise;
  const d0 = Math.min(pair.df, rule.dfCap);
  const differences: number[] = [];
  const candidateRuns: number[] = [];
  const incumbentRuns: number[] = [];

  /** The noise after a race that ended without a keep. */
  const lost = (): Noise => {
    let after: Noise = { ...noise, raced: noise.raced + 1 };
    for (const y of incumbentRuns) after = control(after, rule, y);
    // The incumbent ran within the last pair: the count starts again.
    return { ...after, sinceIncumbent: 0, pair: learnPair(after) };
  };
  const learnPair = (after: Noise): Noise["pair"] => {
    const k = differences.length;
    if (k <= 1) return after.pair;
    const centre = median(differences);
    const square = differences.reduce((sum, D) => sum + Math.min((D - centre) ** 2, rule.winsor * pair.v), 0);
    return widen(after.pair, square, k - 1, rule.dfForget);
  };

  for (let k = 1; k <= rule.maxPairs; k++) {
    const round = yield* racePair(metric, k);
    incumbentRuns.push(...round.incumbent);
    if ("failure" in round) {
      return { decision: failed(round.failure, differences.length), noise: lost() };
    }
    candidateRuns.push(round.candidate);
    differences.push(round.candidate - (round.incumbent.at(-1) as number));

    const m = mean(differences);
    const df = d0 + k - 1;
    const spread = differences.reduce((sum, D) => sum + (D - m) ** 2, 0);
    const vP = (d0 * pair.v + spread) / df / k;
    // The mean of both, weighted by their precisions; written so that no inverse can overflow.
    const weight = vP / (vS + vP);
    const T = weight * mS + (1 - weight) * (m + bonus);
    const variance = weight * vS;
    const se = Math.sqrt(variance);
    const t = ratio(T, se);
    const p = tUpper(t, df);
    const effect = T - bonus;
    const won = k >= rule.minPairs && p <= rule.alpha && m >= -bonus;
    const kept = won && effect >= (bonus > 0 ? -bonus : metric.minEffect);
    const out = !kept && t < rule.gate;
    if (!kept && !out && k < rule.maxPairs) continue;

    const estimate = summary(T, variance, df, bonus, sigma(noise), k);
    if (!kept) {
      const reason = out
        ? `dropped at pair ${k}: ${distance(t, rule.gate)}`
        : `not proven after ${pairs(k)}: ${won ? tooSmall(effect, metric) : unproven(p, rule)}`;
      return { decision: decided("discard", reason, estimate), noise: lost() };
    }
    const veto = candidate.veto?.() ?? null;
    if (veto) return { decision: decided("discard", veto, estimate), noise: lost() };
    const needed = bonus > 0 && !(tUpper(ratio(effect, se), df) <= rule.alpha && effect >= metric.minEffect);
    const [low, high] = estimate.interval as [number, number];
    const reason = `kept after ${pairs(k)}: ${needed ? `simpler, with a head start of ${short(bonus)}, ` : ""}${signed(effect)} [${signed(low)}, ${signed(high)}], p ${short(p)}`;
    return {
      decision: decided("keep", reason, estimate),
      noise: {
        ...noise,
        // The screen's runs were selected for being lucky: only the race's become the record to beat.
        ref: candidateRuns.slice(-32),
        pair: learnPair(noise),
        keeps: noise.keeps + 1,
        raced: noise.raced + 1,
        sinceIncumbent: 0,
        allowance: noise.allowance + (needed ? bonus : 0),
      },
    };
  }
  throw new RangeError("a race needs at least one pair");
}

/** Expensive evaluations: no race; the screen alone decides and the final audit is mandatory. */
function provisional(
  rule: Rule,
  metric: Judged,
  noise: Noise,
  candidate: Candidate,
  screened: { mS: number; vS: number; bonus: number; screen: number[] },
): Judgement {
  const { mS, vS, bonus, screen } = screened;
  const estimate = summary(mS, vS, noise.one.df, bonus, sigma(noise), 0);
  const after = { ...noise, raced: noise.raced + 1, sinceIncumbent: noise.sinceIncumbent + screen.length };
  const { effect, p, df } = estimate;
  const won = p <= rule.alpha;
  if (!(won && effect >= (bonus > 0 ? -bonus : metric.minEffect))) {
    const reason = `not proven in ${runs(screen.length)}: ${won ? tooSmall(effect, metric) : unproven(p, rule)}`;
    return { decision: decided("discard", reason, estimate), noise: after };
  }
  const veto = candidate.veto?.() ?? null;
  if (veto) return { decision: decided("discard", veto, estimate), noise: after };
  const needed =
    bonus > 0 && !(tUpper(ratio(effect, Math.sqrt(vS)), df) <= rule.alpha && effect >= metric.minEffect);
  return {
    decision: {
      ...decided("keep", `kept provisionally after ${runs(screen.length)}: the audit decides`, estimate),
      provisional: true,
    },
    noise: {
      ...after,
      ref: screen,
      keeps: noise.keeps + 1,
      sinceIncumbent: 0,
      allowance: noise.allowance + (needed ? bonus : 0),
    },
  };
}

interface FinishedPair {
  candidate: number;
  incumbent: number[];
}

/** One pair on one fresh seed; odd pairs run the incumbent first, so that drift cancels. */
function* racePair(
  metric: Judged,
  k: number,
): Coroutine<FinishedPair | { failure: Extract<Sample, { ok: false }>; incumbent: number[] }> {
  const order = k % 2 === 1 ? (["incumbent", "candidate"] as const) : (["candidate", "incumbent"] as const);
  for (let attempt = 1; ; attempt++) {
    const got: { candidate?: number; incumbent?: number } = {};
    let broken: string | null = null;
    for (const [index, arm] of order.entries()) {
      const sample = yield { arm, seed: index === 0 ? "fresh" : "same", purpose: "race", round: k };
      if (sample.ok) got[arm] = up(metric, sample.value);
      else if (arm === "candidate")
        return { failure: sample, incumbent: got.incumbent === undefined ? [] : [got.incumbent] };
      else {
        broken = sample.message;
        break;
      }
    }
    if (broken === null) return { candidate: got.candidate as number, incumbent: [got.incumbent as number] };
    if (attempt === 2) throw new IncumbentFails(broken);
  }
}

function* incumbentRun(purpose: Ask["purpose"], round: number): Coroutine<number> {
  for (let attempt = 1; ; attempt++) {
    const sample = yield { arm: "incumbent", seed: "fresh", purpose, round };
    if (sample.ok) return sample.value;
    if (attempt === 2) throw new IncumbentFails(sample.message);
  }
}

type Figures = Pick<Decision, "effect" | "interval" | "p" | "pReal" | "t" | "df" | "pairs">;

/** Figures none of which is missing. */
type Estimate = { [Name in keyof Figures]: NonNullable<Figures[Name]> };

/** Estimate from a head-started mean `T` with variance `variance`; effect and interval are without the head start. */
function summary(T: number, variance: number, df: number, bonus: number, one: number, k: number): Estimate {
  const se = Math.sqrt(variance);
  const t = ratio(T, se);
  const effect = T - bonus;
  const half = se > 0 ? tQuantile(0.975, df) * se : 0;
  return {
    effect,
    interval: [effect - half, effect + half],
    p: tUpper(t, df),
    pReal: pReal(effect, se, one),
    t,
    df,
    pairs: k,
  };
}

function failed(sample: Extract<Sample, { ok: false }>, k: number): Decision {
  return decided(sample.kind, sample.message, {
    effect: null,
    interval: null,
    p: null,
    pReal: null,
    t: null,
    df: null,
    pairs: k,
  });
}

function decided(kind: Decision["kind"], reason: string, figures: Figures): Decision {
  return { kind, ...figures, provisional: false, reason };
}

/** Higher is better inside. Values are clipped to what can be squared and added up in floating point. */
export function up(metric: Judged, value: number): number {
  const clipped = Math.max(-1e140, Math.min(1e140, value));
  return metric.direction === "minimize" ? 0 - clipped : 0 + clipped;
}

/** With no noise left any difference is infinitely many standard errors. */
function ratio(value: number, se: number): number {
  if (se > 0) return Math.max(-1e9, Math.min(1e9, value / se));
  return Math.sign(value) * 1e9;
}

function distance(t: number, gate: number): string {
  const far = t < 0 ? `${short(-t)} standard errors worse` : `only ${short(t)} standard errors better`;
  return `${far}, ${short(gate)} better is needed to go on`;
}

function unproven(p: number, rule: Rule): string {
  return `p ${short(p)} is above ${rule.alpha}`;
}

/** Why a candidate that is significantly better is not kept all the same. */
function tooSmall(effect: number, metric: Judged): string {
  return effect < metric.minEffect
    ? `better by ${short(effect)}, less than the smallest effect worth keeping (${short(metric.minEffect)})`
    : "the pairs alone show no improvement";
}

function runs(n: number): string {
  return n === 1 ? "1 run" : `${n} runs`;
}

function pairs(n: number): string {
  return n === 1 ? "1 pair" : `${n} pairs`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${Number(value.toPrecision(3))}`;
}
