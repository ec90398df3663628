import { mean } from "../base/index.ts";
import { type Ask, type Decision, IncumbentFails, type Judged, type Sample } from "./decision.ts";
import { type Lesson, learn } from "./learned.ts";
import { firstNoise, type Noise, sigma } from "./noise.ts";
import { pReal } from "./real.ts";
import type { Rule } from "./rule.ts";
import { tQuantile, tUpper } from "./student.ts";

export interface Candidate {
  /** Added minus removed lines; below 0 the change is a simplification and gets a head start. */
  linesDelta: number;
  /** Asked when the numbers say keep: a sentence that forbids it (a broken guard), or null. */
  veto?: () => string | null;
  /** The best gain kept so far, in the metric's unit; absent or null while there are too few to compare with. */
  bestGain?: number | null;
  /** No honest value is better than this one, in the metric's own orientation. */
  plausible?: number;
}

export interface Judgement {
  decision: Decision;
  /** What its runs taught, for `learn`. */
  learned: readonly Lesson[];
}

/** A conversation that asks for runs, is sent what they gave, and returns a result. No effects of its own. */
export type Coroutine<Result> = Generator<Ask, Result, Sample>;

/** Measures the untouched code; the driver sends numbers as the metric reports them. */
export function* baseline(rule: Rule, metric: Judged): Generator<Ask, Noise, number> {
  const ys: number[] = [];
  for (let round = 1; round <= rule.baselineRuns; round++)
    ys.push(up(metric, yield { arm: "baseline", seed: "fresh", purpose: "baseline", round }));
  return firstNoise(ys, rule);
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
  if (!first.ok) return { decision: failed(first, 0), learned: [] };
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
    return { decision: decided("discard", reason, { ...exact, p: 1, pReal: 0, t: null }), learned: [] };
  }
  // The first keeps and every fourth, say, are run again: what draws at random must not pass for exact for long.
  if (noise.keeps < 3 || noise.keeps % rule.recheckEvery === rule.recheckEvery - 1) {
    const again = yield { arm: "candidate", seed: "fresh", purpose: "recheck", round: 1 };
    if (!again.ok) return { decision: failed(again, 0), learned: [] };
    if (up(metric, again.value) !== value) {
      const ys: number[] = [];
      for (let round = 1; round <= rule.baselineRuns; round++)
        ys.push(up(metric, yield* incumbentRun(rule, "control", round)));
      // An incumbent that shows no noise has none to lend: then the candidate's two runs are all that is known of it.
      const incumbent = firstNoise(ys);
      const { one, pair } = incumbent.deterministic
        ? firstNoise([value, up(metric, again.value)])
        : incumbent;
      const lesson: Lesson = { of: "noise", ref: ys, one, pair };
      const judged = yield* judgeNoisy(rule, metric, learn(rule, noise, [lesson]), candidate);
      return { ...judged, learned: [lesson, ...judged.learned] };
    }
  }
  const veto = candidate.veto?.() ?? null;
  if (veto) return { decision: decided("discard", veto, { ...exact, p: 0, pReal: 1, t: null }), learned: [] };
  const figures = { ...exact, p: 0, pReal: d > 0 ? 1 : null, t: null };
  const doubt = doubtful(rule, metric, candidate, d, up(metric, value));
  if (doubt !== null) {
    const again = yield* confirm(rule, metric, 2);
    if ("failure" in again) return { decision: failed(again.failure, 0), learned: [] };
    if (again.differences.some((D) => !(D > metric.minEffect || simpler)))
      return { decision: decided("discard", `not confirmed: ${doubt}`, figures), learned: [] };
  }
  const reason =
    d > metric.minEffect ? `better by ${short(d)}; the evaluator is deterministic` : "simpler, and no worse";
  return {
    decision: { ...decided("keep", reason, figures), doubt },
    learned: [{ of: "keep", ref: [value], allowance: d < 0 ? -d : 0 }],
  };
}

function* judgeNoisy(rule: Rule, metric: Judged, before: Noise, candidate: Candidate): Coroutine<Judgement> {
  const refresh = yield* refreshed(rule, metric, before);
  const noise = learn(rule, before, refresh);
  const bonus = headStart(metric, noise, candidate);
  const ran = (count: number): Lesson[] => [...refresh, { of: "screen", runs: count }];
  const screened = yield* screen(rule, metric, noise, bonus);
  const { runs: screenRuns, mS, vS } = screened;
  if (screened.failure) return { decision: failed(screened.failure, 0), learned: ran(screenRuns.length + 1) };
  if (screened.t < rule.gate) {
    const estimate = summary(mS, vS, noise.one.df, bonus, sigma(noise), 0);
    const reason = `dropped after ${runs(screenRuns.length)}: ${distance(screened.t, rule.gate)}`;
    return { decision: decided("discard", reason, estimate), learned: ran(screenRuns.length) };
  }

  if (rule.maxPairs === 0) {
    const judged = provisional(rule, metric, noise, candidate, { mS, vS, bonus, screen: screenRuns });
    return { ...judged, learned: [...refresh, ...judged.learned] };
  }

  const { pair } = noise;
  const d0 = Math.min(pair.df, rule.dfCap);
  const differences: number[] = [];
  const candidateRuns: number[] = [];
  const incumbentRuns: number[] = [];

  /** What a race that ended without a keep teaches. */
  const lost = (): Lesson[] => [
    ...refresh,
    { of: "race" },
    ...incumbentRuns.map((y): Lesson => ({ of: "control", y })),
    { of: "pairs", differences },
  ];

  for (let k = 1; k <= rule.maxPairs; k++) {
    const round = yield* racePair(rule, metric, k);
    incumbentRuns.push(...round.incumbent);
    if ("failure" in round) {
      return { decision: failed(round.failure, differences.length), learned: lost() };
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
      return { decision: decided("discard", reason, estimate), learned: lost() };
    }
    const veto = candidate.veto?.() ?? null;
    if (veto) return { decision: decided("discard", veto, estimate), learned: lost() };
    const needed = bonus > 0 && !(tUpper(ratio(effect, se), df) <= rule.alpha && effect >= metric.minEffect);
    const doubt = doubtful(rule, metric, candidate, effect, up(metric, mean(candidateRuns)));
    if (doubt !== null) {
      const again = yield* confirm(rule, metric, Math.max(k, 2));
      incumbentRuns.push(...again.incumbent);
      if ("failure" in again) return { decision: failed(again.failure, k), learned: lost() };
      const own = rested(again.differences, pair, d0);
      const proven = tUpper(ratio(own.mean + bonus, own.se), own.df) <= rule.alpha;
      if (!proven || own.mean < (bonus > 0 ? -bonus : metric.minEffect))
        return {
          decision: decided(
            "discard",
            `not confirmed by ${pairs(again.differences.length)} more: ${doubt}`,
            estimate,
          ),
          learned: lost(),
        };
      candidateRuns.push(...again.candidate);
    }
    const [low, high] = estimate.interval as [number, number];
    const reason = `kept after ${pairs(k)}: ${needed ? `simpler, with a head start of ${short(bonus)}, ` : ""}${signed(effect)} [${signed(low)}, ${signed(high)}], p ${short(p)}`;
    return {
      decision: { ...decided("keep", reason, estimate), doubt },
      learned: [
        ...refresh,
        { of: "race" },
        { of: "pairs", differences },
        // The screen's runs were selected for being lucky: only the race's become the record to beat.
        { of: "keep", ref: candidateRuns.slice(-32), allowance: needed ? bonus : 0 },
      ],
    };
  }
  throw new RangeError("a race needs at least one pair");
}

/** What simpler code may be short of. */
export function headStart(metric: Judged, noise: Noise, candidate: Candidate): number {
  return candidate.linesDelta < 0 ? metric.minEffect || sigma(noise) / 2 : 0;
}

export interface Screened {
  /** Values, higher is better. */
  runs: number[];
  /** Mean over the incumbent's, head start included, and its variance. */
  mS: number;
  vS: number;
  /** In standard errors; below the gate the candidate is dropped. */
  t: number;
  failure: Extract<Sample, { ok: false }> | null;
}

/** A few runs of the candidate alone against what is known of the incumbent; ends as soon as they look bad. */
export function* screen(rule: Rule, metric: Judged, noise: Noise, bonus: number): Coroutine<Screened> {
  const recent = noise.ref.slice(-rule.window);
  const seen: Screened = { runs: [], mS: 0, vS: 0, t: 0, failure: null };
  for (let round = 1; round <= rule.screenRuns; round++) {
    const sample = yield { arm: "candidate", seed: "fresh", purpose: "screen", round };
    if (!sample.ok) return { ...seen, failure: sample };
    seen.runs.push(up(metric, sample.value));
    seen.mS = mean(seen.runs) - mean(recent) + bonus;
    seen.vS = noise.one.v * (1 / round + 1 / recent.length);
    seen.t = ratio(seen.mS, Math.sqrt(seen.vS));
    if (seen.t < rule.gate) break;
  }
  return seen;
}

/** The incumbent runs once more when it has not run for long, so that its mean is fresh. */
export function* refreshed(rule: Rule, metric: Judged, noise: Noise): Coroutine<Lesson[]> {
  if (noise.sinceIncumbent <= rule.refreshEvery) return [];
  return [{ of: "control", y: up(metric, yield* incumbentRun(rule, "control", 1)) }];
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
  const learned: Lesson[] = [{ of: "race" }, { of: "screen", runs: screen.length }];
  const { effect, p, df } = estimate;
  const won = p <= rule.alpha;
  if (!(won && effect >= (bonus > 0 ? -bonus : metric.minEffect))) {
    const reason = `not proven in ${runs(screen.length)}: ${won ? tooSmall(effect, metric) : unproven(p, rule)}`;
    return { decision: decided("discard", reason, estimate), learned };
  }
  const veto = candidate.veto?.() ?? null;
  if (veto) return { decision: decided("discard", veto, estimate), learned };
  const needed =
    bonus > 0 && !(tUpper(ratio(effect, Math.sqrt(vS)), df) <= rule.alpha && effect >= metric.minEffect);
  return {
    decision: {
      ...decided("keep", `kept provisionally after ${runs(screen.length)}: the audit decides`, estimate),
      provisional: true,
      // The audit is the confirmation here; a person is asked all the same.
      doubt: doubtful(rule, metric, candidate, effect, up(metric, mean(screen))),
    },
    learned: [...learned, { of: "keep", ref: screen, allowance: needed ? bonus : 0 }],
  };
}

interface FinishedPair {
  candidate: number;
  incumbent: number[];
}

/** One pair on one fresh seed; odd pairs run the incumbent first, so that drift cancels. */
function* racePair(
  rule: Rule,
  metric: Judged,
  k: number,
  purpose: "race" | "confirm" = "race",
): Coroutine<FinishedPair | { failure: Extract<Sample, { ok: false }>; incumbent: number[] }> {
  const order = k % 2 === 1 ? (["incumbent", "candidate"] as const) : (["candidate", "incumbent"] as const);
  for (let attempt = 1; ; attempt++) {
    const got: { candidate?: number; incumbent?: number } = {};
    let broken: string | null = null;
    for (const [index, arm] of order.entries()) {
      const sample = yield { arm, seed: index === 0 ? "fresh" : "same", purpose, round: k };
      if (sample.ok) got[arm] = up(metric, sample.value);
      else if (arm === "candidate")
        return { failure: sample, incumbent: got.incumbent === undefined ? [] : [got.incumbent] };
      else {
        broken = sample.message;
        break;
      }
    }
    if (broken === null) return { candidate: got.candidate as number, incumbent: [got.incumbent as number] };
    if (attempt === mostFailures(rule)) throw new IncumbentFails(broken, failsWords(rule));
  }
}

/**
 * Why a gain is hard to believe: far beyond everything that was kept so far, or beyond what an honest result can be.
 *
 * @param value the candidate's mean, as the metric reports it.
 */
function doubtful(
  rule: Rule,
  metric: Judged,
  candidate: Candidate,
  gain: number,
  value: number,
): string | null {
  const { plausible, bestGain } = candidate;
  if (plausible !== undefined && up(metric, value) > up(metric, plausible))
    return `${short(value)} is beyond ${plausible}, which no honest result passes`;
  if (bestGain && bestGain > 0 && gain > rule.jump * bestGain)
    return `a gain of ${short(gain)} is ${short(gain / bestGain)} times the best one so far`;
  return null;
}

/** As many pairs again, each on a fresh seed: an implausible gain has to show itself twice. */
function* confirm(
  rule: Rule,
  metric: Judged,
  count: number,
): Coroutine<
  { incumbent: number[] } & (
    | { candidate: number[]; differences: number[] }
    | { failure: Extract<Sample, { ok: false }> }
  )
> {
  const incumbent: number[] = [];
  const candidate: number[] = [];
  const differences: number[] = [];
  for (let round = 1; round <= count; round++) {
    const pair = yield* racePair(rule, metric, round, "confirm");
    incumbent.push(...pair.incumbent);
    if ("failure" in pair) return { failure: pair.failure, incumbent };
    candidate.push(pair.candidate);
    differences.push(pair.candidate - (pair.incumbent.at(-1) as number));
  }
  return { incumbent, candidate, differences };
}

/** Mean of differences and its standard error, with what was known of the spread before. */
function rested(differences: readonly number[], pair: Noise["pair"], d0: number) {
  const k = differences.length;
  const m = mean(differences);
  const df = d0 + k - 1;
  const spread = differences.reduce((sum, D) => sum + (D - m) ** 2, 0);
  return { mean: m, se: Math.sqrt((d0 * pair.v + spread) / df / k), df };
}

/** Failures of the incumbent in a row that end the session: one more where runs are repeated. */
function mostFailures({ retries }: Rule): number {
  return retries > 0 ? 3 : 2;
}

function failsWords(rule: Rule): string {
  return mostFailures(rule) === 3 ? "fails, three times in a row" : "fails, twice in a row";
}

function* incumbentRun(rule: Rule, purpose: Ask["purpose"], round: number): Coroutine<number> {
  for (let attempt = 1; ; attempt++) {
    const sample = yield { arm: "incumbent", seed: "fresh", purpose, round };
    if (sample.ok) return sample.value;
    if (attempt === mostFailures(rule)) throw new IncumbentFails(sample.message, failsWords(rule));
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

export function failed(sample: Extract<Sample, { ok: false }>, k: number): Decision {
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

export function decided(kind: Decision["kind"], reason: string, figures: Figures): Decision {
  return { kind, ...figures, provisional: false, doubt: null, reason };
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

export function distance(t: number, gate: number): string {
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

export function runs(n: number): string {
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
