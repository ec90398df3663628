import { normal } from "../random.ts";
import type { PastExperiment } from "../researcher.ts";
import type { Knob, Value } from "./knob.ts";
import { keyOf, type Memory } from "./memory.ts";
import { coordinate, type Move, steps } from "./steps.ts";
import { importance } from "./words.ts";

/** Everything that the ledger says of one knob. */
export interface Evidence {
  /** Measured: how much better this value is than the one from which the knob first set out, with its standard error. */
  measured: Map<Value, { effect: number; error: number; id: number }>;
  /** Values that crashed, ran out of time or failed a check, while nothing else had changed. */
  failed: { from: Value; to: Value; id: number }[];
  /** How often it changed nothing at all, to the last digit. */
  ties: number;
  /** The latest keep that moved it. */
  kept: { from: Value; to: Value; id: number } | null;
}

/** What the ledger says of all knobs, and the effect that a move typically has. */
export interface Evidences {
  of: Map<string, Evidence>;
  /** In the metric's unit, positive. */
  typical: number;
}

/** Reads the ledger. A knob's values are compared along the chain of its experiments, as if knobs did not interact. */
export function weigh(history: readonly PastExperiment[], read: Memory["read"]): Evidences {
  const of = new Map<string, Evidence>();
  const sizes: number[] = [];
  for (const experiment of history) {
    const { moves } = read(experiment);
    const { effect, t, decision, id } = experiment;
    const failed = decision === "crash" || decision === "timeout" || decision === "invalid";
    for (const { key, from, to } of moves) {
      const evidence: Evidence = of.get(key) ?? { measured: new Map(), failed: [], ties: 0, kept: null };
      of.set(key, evidence);
      if (failed && moves.length === 1) evidence.failed.push({ from, to, id });
      if (decision === "keep") evidence.kept = { from, to, id };
      if (failed || effect === null || !Number.isFinite(effect)) continue;
      // A joint change that was not kept says little of its parts; of one that was kept, each part gets its share.
      if (moves.length > 1 && decision !== "keep") continue;
      const share = effect / moves.length;
      const error = t === null || t === 0 || !Number.isFinite(t) ? 0 : Math.abs(effect / t);
      if (effect === 0) evidence.ties++;
      else sizes.push(Math.abs(share));
      const { measured } = evidence;
      if (!measured.has(from)) measured.set(from, { effect: 0, error: 0, id });
      const base = measured.get(from) as { effect: number };
      const fresh = { effect: base.effect + share, error, id };
      const known = measured.get(to);
      measured.set(to, known ? { ...fresh, effect: (known.effect + fresh.effect) / 2 } : fresh);
    }
  }
  sizes.sort((a, b) => a - b);
  return { of, typical: sizes[sizes.length >> 1] ?? 1 };
}

/** A move with what was drawn for it: its gain in typical effects. */
export interface Drawn extends Move {
  /** At or beyond a value that failed. */
  failed: boolean;
  gain: number;
  /** The past experiment on which the draw rests most: what it found, and in which direction (0 without order). */
  because: { id: number; found: "kept" | "better" | "worse"; direction: number } | null;
}

/**
 * A draw from what is believed of each move of a knob (Thompson sampling, Thompson 1933: acting on a draw from the
 * belief tries each move as often as it is the best one). A numeric knob's gain is believed to be a parabola on its
 * own scale through the present value; slope and curvature are drawn from their Bayesian regression on what was
 * measured, the near values counting most, so one draw speaks for all steps: it goes on where it rose and comes back
 * where it overshot. The first step of a knob is one unit; the steps may grow with the stretch that has been seen.
 */
export function draw(knob: Knob, evidences: Evidences, random: () => number): Drawn[] {
  const evidence = evidences.of.get(keyOf(knob));
  const prior = importance(knob.name);
  // The untried come first; what has no effect as things stand comes ever later.
  const start = evidence ? -0.3 * evidence.ties : 0.5 * prior;
  return knob.kind === "number"
    ? drawParabola(knob, evidence, evidences.typical, prior, start, random)
    : drawEach(knob, steps(knob), evidence, evidences.typical, prior, start, random);
}

function drawEach(
  knob: Knob,
  values: readonly Value[],
  evidence: Evidence | undefined,
  typical: number,
  prior: number,
  start: number,
  random: () => number,
): Drawn[] {
  const present = evidence?.measured.get(knob.value)?.effect ?? 0;
  return values.map((value) => {
    const known = evidence?.measured.get(value);
    const noise = normal(random);
    const failed = evidence?.failed.some((failure) => failure.to === value) ?? false;
    if (failed) return { knob, value, failed, gain: -3 + 0.3 * noise, because: null };
    if (!known) return { knob, value, failed, gain: start + prior * noise, because: null };
    const seen = bounded((known.effect - present) / typical);
    // It was measured while other knobs stood elsewhere: that much remains open.
    return {
      knob,
      value,
      failed,
      gain: Math.min(0, start) + seen + 0.4 * prior * noise,
      because: { id: known.id, found: seen > 0 ? "better" : "worse", direction: 0 },
    };
  });
}

function drawParabola(
  knob: Knob,
  evidence: Evidence | undefined,
  typical: number,
  prior: number,
  start: number,
  random: () => number,
): Drawn[] {
  const here = coordinate(knob, knob.value as number);
  const seen = evidence ? seenFrom(knob, evidence, typical) : [];
  const { slope, curvature } = drawnCurve(seen, prior, random);
  const top = Math.max(-3, Math.min(3, -slope / (2 * curvature)));
  const values = steps(knob, curvature < 0 && seen.length > 1 ? [here + top] : []);

  const lowest = Math.min(0, ...seen.map(({ x }) => x));
  const highest = Math.max(0, ...seen.map(({ x }) => x));
  const reach = Math.min(2, 1 + highest - lowest) + 0.01;
  const onScale = values.flatMap((value) => {
    const x = coordinate(knob, value as number) - here;
    if (!(x >= lowest - reach && x <= highest + reach)) return [];
    const failed = beyondFailure(value as number, evidence);
    const again = evidence?.measured.has(value) ? 0.5 : 0;
    const gain = start + slope * x + curvature * x * x - again - (failed ? 4 : 0);
    return [{ knob, value, failed, gain, because: reasonFor(Math.sign(x), seen, knob, evidence) }];
  });
  const offScale = values.filter((value) => !Number.isFinite(coordinate(knob, value as number)));
  return [...onScale, ...drawEach(knob, offScale, evidence, typical, prior, start, random)];
}

/** A measured value as seen from the present one: distance in steps, gain in typical effects. */
interface Seen {
  x: number;
  y: number;
  /** One over its variance. */
  precision: number;
  id: number;
}

function seenFrom(knob: Knob, evidence: Evidence, typical: number): Seen[] {
  const here = coordinate(knob, knob.value as number);
  const present = evidence.measured.get(knob.value)?.effect ?? 0;
  const seen: Seen[] = [];
  for (const [value, { effect, error, id }] of evidence.measured) {
    const x = coordinate(knob, value as number) - here;
    if (!Number.isFinite(x) || x === 0) continue;
    // What is far away says little here: a parabola is a local likeness.
    const precision = 1 / ((error / typical) ** 2 + 0.02 * (1 + x ** 4));
    seen.push({ x, y: bounded((effect - present) / typical), precision, id });
  }
  return seen;
}

/**
 * Slope and curvature drawn from their posterior: Bayesian linear regression of y on (x, x^2) without intercept
 * (Bishop, Pattern Recognition and Machine Learning, 3.3), the curvature believed downward beforehand.
 */
function drawnCurve(
  seen: readonly Seen[],
  prior: number,
  random: () => number,
): { slope: number; curvature: number } {
  // Precision matrix [[p, q], [q, r]] and right side (u, v).
  let p = 1 / prior ** 2;
  let q = 0;
  let r = 4 / prior ** 2;
  let u = 0;
  let v = r * -0.3 * prior;
  for (const { x, y, precision } of seen) {
    p += precision * x ** 2;
    q += precision * x ** 3;
    r += precision * x ** 4;
    u += precision * x * y;
    v += precision * x ** 2 * y;
  }
  const determinant = p * r - q * q;
  // The inverse's Cholesky factor [[a, 0], [b, c]].
  const a = Math.sqrt(r / determinant);
  const b = -q / determinant / a;
  const c = Math.sqrt(Math.max(0, p / determinant - b * b));
  const [first, second] = [normal(random), normal(random)];
  return {
    slope: (r * u - q * v) / determinant + a * first,
    curvature: (p * v - q * u) / determinant + b * first + c * second,
  };
}

/** What speaks for a direction: the keep that came that way, the best seen there, or a loss on the other side. */
function reasonFor(
  direction: number,
  seen: readonly Seen[],
  knob: Knob,
  evidence: Evidence | undefined,
): Drawn["because"] {
  const kept = evidence?.kept;
  if (kept && kept.to === knob.value && Math.sign((kept.to as number) - (kept.from as number)) === direction)
    return { id: kept.id, found: "kept", direction };
  const best = seen.filter(({ x, y }) => x * direction > 0 && y > 0).sort((a, b) => b.y - a.y)[0];
  if (best) return { id: best.id, found: "better", direction };
  const worst = seen.filter(({ x, y }) => x * direction < 0 && y < 0).sort((a, b) => a.y - b.y)[0];
  return worst ? { id: worst.id, found: "worse", direction: -direction } : null;
}

/** Whether a value lies at or beyond one that failed, in the same direction. */
function beyondFailure(value: number, evidence: Evidence | undefined): boolean {
  return (evidence?.failed ?? []).some(({ from, to }) => {
    if (typeof from !== "number" || typeof to !== "number") return false;
    return to > from ? value >= to : value <= to;
  });
}

/** A loss of ten typical effects says no more than a loss of five. */
function bounded(effect: number): number {
  return Math.max(-5, Math.min(5, effect));
}
