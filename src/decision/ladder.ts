import type { Ask, Decision, Judged, Sample } from "./decision.ts";
import {
  type Candidate,
  type Coroutine,
  decided,
  distance,
  failed,
  headStart,
  type Judgement,
  judge,
  refreshed,
  runs,
  screen,
  up,
} from "./judge.ts";
import { type Lesson, learn } from "./learned.ts";
import type { Noise } from "./noise.ts";
import type { Rule } from "./rule.ts";

/** Rungs of growing cost. */
export interface Ladder {
  /** Names of the rungs on which a candidate is only looked at, cheapest first. */
  below: readonly string[];
  /** The rung that decides; absent: the last, full one. A keep on a named rung is provisional: the audit is full. */
  decides?: string;
}

/** How a candidate did on one rung. */
export interface Rung {
  stage: string;
  /** Over the incumbent's mean there, higher is better, in the metric's unit; null when no run gave a value. */
  effect: number | null;
  /** In standard errors; null where the rung has no noise. */
  t: number | null;
  climbed: boolean;
}

/**
 * Decides on one candidate that has to climb first: on each lower rung the screen of `judge`, against the incumbent's
 * runs on that rung; it climbs only while it looks good. The rung that decides races as without a ladder.
 */
export function* climb(
  rule: Rule,
  metric: Judged,
  noise: Noise,
  candidate: Candidate,
  ladder: Ladder,
): Coroutine<Judgement & { rungs: Rung[] }> {
  const learned: Lesson[] = [];
  const rungs: Rung[] = [];
  for (const [index, stage] of ladder.below.entries()) {
    const look = yield* on(stage, lookAt(rule, metric, noise.rungs[index] as Noise, candidate, stage));
    if (look.lessons.length > 0) learned.push({ of: "rung", index, lessons: look.lessons });
    rungs.push(look.rung);
    if (look.decision) return { decision: look.decision, learned, rungs };
  }
  const judging = judge(rule, metric, noise, candidate);
  const { decision, learned: last } = yield* ladder.decides === undefined
    ? judging
    : on(ladder.decides, judging);
  if (decision.kind !== "keep") return { decision, learned: [...last, ...learned], rungs };

  // The runs that let it climb were lucky ones: the new incumbent is measured anew on each rung.
  for (const [index, stage] of ladder.below.entries()) {
    const measured = yield* on(stage, settle(rule, metric, noise.rungs[index] as Noise));
    if ("failure" in measured)
      return {
        decision: {
          ...decision,
          kind: "discard",
          doubt: null,
          reason: `it fails on the rung ${stage}: ${measured.failure.message}`,
        },
        learned,
        rungs,
      };
    learned.push({ of: "rung", index, lessons: [{ of: "settled", ref: measured.ref }] });
  }
  return {
    decision: ladder.decides === undefined ? decision : { ...decision, provisional: true },
    learned: [...last, ...learned],
    rungs,
  };
}

/** Measures the untouched code on each rung, the one that decides included. */
export function* ladderBaseline(
  rule: Rule,
  metric: Judged,
  ladder: Ladder,
  baseline: (rule: Rule, metric: Judged) => Generator<Ask, Noise, number>,
): Generator<Ask, Noise, number> {
  const last = yield* ladder.decides === undefined
    ? baseline(rule, metric)
    : on(ladder.decides, baseline(rule, metric));
  const rungs: Noise[] = [];
  for (const stage of ladder.below) rungs.push(yield* on(stage, baseline(rule, metric)));
  return { ...last, rungs };
}

/** The same questions, asked on a rung. */
function* on<Result, Answer>(
  stage: string,
  inner: Generator<Ask, Result, Answer>,
): Generator<Ask, Result, Answer> {
  let step = inner.next();
  while (!step.done) step = inner.next(yield { ...step.value, stage });
  return step.value;
}

interface Look {
  rung: Rung;
  /** What its runs taught about this rung. */
  lessons: readonly Lesson[];
  /** Set when it goes no further. */
  decision: Decision | null;
}

function* lookAt(
  rule: Rule,
  metric: Judged,
  before: Noise,
  candidate: Candidate,
  stage: string,
): Coroutine<Look> {
  if (before.deterministic) {
    const sample = yield { arm: "candidate", seed: "fresh", purpose: "screen", round: 1 };
    if (!sample.ok) return stopped(stage, [], failed(sample, 0));
    const effect = up(metric, sample.value) - before.record;
    const climbed = effect > 0 || (candidate.linesDelta < 0 && effect === 0);
    return {
      rung: { stage, effect, t: null, climbed },
      lessons: [],
      decision: climbed ? null : dropped(stage, effect === 0 ? "no better there" : "worse there", effect),
    };
  }
  const refresh = yield* refreshed(rule, metric, before);
  const noise = learn(rule, before, refresh);
  const bonus = headStart(metric, noise, candidate);
  const seen = yield* screen(rule, metric, noise, bonus);
  const lessons: Lesson[] = [...refresh, { of: "screen", runs: seen.runs.length }];
  if (seen.failure) return stopped(stage, lessons, failed(seen.failure, 0));
  const effect = seen.mS - bonus;
  const climbed = seen.t >= rule.gate;
  return {
    rung: { stage, effect, t: seen.t, climbed },
    lessons,
    decision: climbed
      ? null
      : dropped(stage, `after ${runs(seen.runs.length)}: ${distance(seen.t, rule.gate)}`, effect, seen.t),
  };
}

function stopped(stage: string, lessons: readonly Lesson[], decision: Decision): Look {
  return { rung: { stage, effect: null, t: null, climbed: false }, lessons, decision };
}

function dropped(stage: string, why: string, effect: number, t: number | null = null): Decision {
  return decided("discard", `dropped on the rung ${stage}: ${why}`, {
    effect,
    interval: null,
    p: null,
    pReal: null,
    t,
    df: null,
    pairs: 0,
  });
}

/** The new incumbent's runs on a lower rung. */
function* settle(
  rule: Rule,
  metric: Judged,
  before: Noise,
): Coroutine<{ ref: number[] } | { failure: Extract<Sample, { ok: false }> }> {
  const ref: number[] = [];
  const wanted = before.deterministic ? 1 : rule.baselineRuns;
  for (let round = 1; round <= wanted; round++) {
    const sample = yield { arm: "candidate", seed: "fresh", purpose: "control", round };
    if (!sample.ok) return { failure: sample };
    ref.push(up(metric, sample.value));
  }
  return { ref };
}
