import type { PastExperiment } from "../researcher.ts";
import type { Knob, Value } from "./knob.ts";
import { keyOf, type Memory } from "./memory.ts";
import { normal } from "./random.ts";
import { coordinate, type Move, steps } from "./steps.ts";
import { importance } from "./words.ts";

/** Everything that the ledger says of one knob. */
export interface Evidence {
  /** Measured: how much better this value is than the value from which the knob first set out, in the metric's unit. */
  measured: Map<Value, { effect: number; variance: number; id: number }>;
  /** Values that crashed, ran out of time or failed a check, while nothing else had changed. */
  failed: { from: Value; to: Value; id: number }[];
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
      const evidence: Evidence = of.get(key) ?? { measured: new Map(), failed: [] };
      of.set(key, evidence);
      if (failed && moves.length === 1) evidence.failed.push({ from, to, id });
      if (failed || effect === null || !Number.isFinite(effect)) continue;
      // A joint change that was not kept says little of its parts; of one that was kept, each part gets its share.
      if (moves.length > 1 && decision !== "keep") continue;
      const share = effect / moves.length;
      const error = t === null || t === 0 || !Number.isFinite(t) ? 0 : Math.abs(effect / t);
      if (effect !== 0) sizes.push(Math.abs(share));
      const { measured } = evidence;
      if (!measured.has(from)) measured.set(from, { effect: 0, variance: 0, id });
      const base = measured.get(from) as { effect: number; variance: number };
      const fresh = { effect: base.effect + share, variance: error ** 2, id };
      const known = measured.get(to);
      measured.set(to, known ? { ...fresh, effect: (known.effect + fresh.effect) / 2 } : fresh);
    }
  }
  sizes.sort((a, b) => a - b);
  return { of, typical: sizes[sizes.length >> 1] ?? 1 };
}

/** A move with what was drawn for it: its gain in typical effects. */
export interface Drawn extends Move {
  gain: number;
  /** The past experiment on which the draw rests most, and the value that it tried. */
  because: { id: number; value: Value; better: boolean } | null;
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
  const unknown = evidence ? 0 : 0.5 * prior;
  return knob.kind === "number"
    ? drawParabola(knob, evidence, evidences.typical, prior, unknown, random)
    : drawEach(knob, steps(knob), evidence, evidences.typical, prior, unknown, random);
}

function drawEach(
  knob: Knob,
  values: readonly Value[],
  evidence: Evidence | undefined,
  typical: number,
  prior: number,
  unknown: number,
  random: () => number,
): Drawn[] {
  const present = evidence?.measured.get(knob.value)?.effect ?? 0;
  return values.map((value) => {
    const known = evidence?.measured.get(value);
    const noise = normal(random);
    const failed = evidence?.failed.some((failure) => failure.to === value) ?? false;
    if (failed) return { knob, value, gain: -3 + 0.3 * noise, because: null };
    if (!known) return { knob, value, gain: unknown + prior * noise, because: null };
    const seen = bounded((known.effect - present) / typical);
    // It was measured while other knobs stood elsewhere: that much remains open.
    return {
      knob,
      value,
      gain: seen + 0.4 * prior * noise,
      because: { id: known.id, value, better: seen > 0 },
    };
  });
}

function drawParabola(
  knob: Knob,
  evidence: Evidence | undefined,
  typical: number,
  prior: number,
  unknown: number,
  random: () => number,
): Drawn[] {
  const here = coordinate(knob, knob.value as number);
  const present = evidence?.measured.get(knob.value)?.effect ?? 0;
  // Precision matrix [[p, q], [q, r]] and right side (u, v) of slope and curvature; curvature is believed downward.
  let p = 1 / prior ** 2;
  let q = 0;
  let r = 1 / (0.5 * prior) ** 2;
  let u = 0;
  let v = r * -0.3 * prior;
  let because: Drawn["because"] = null;
  let largest = 0;
  const seenAt = [0];
  for (const [value, seen] of evidence?.measured ?? []) {
    const x = coordinate(knob, value as number) - here;
    if (!Number.isFinite(x) || x === 0) continue;
    seenAt.push(x);
    const y = bounded((seen.effect - present) / typical);
    const precision = 1 / (seen.variance / typical ** 2 + 0.02 * (1 + x ** 4));
    p += precision * x * x;
    q += precision * x ** 3;
    r += precision * x ** 4;
    u += precision * x * y;
    v += precision * x * x * y;
    if (y > largest || !because) because = { id: seen.id, value, better: y > 0 };
    largest = Math.max(largest, y);
  }
  const determinant = p * r - q * q;
  // The inverse's Cholesky factor [[a, 0], [b, c]].
  const a = Math.sqrt(r / determinant);
  const b = -q / determinant / a;
  const c = Math.sqrt(Math.max(0, p / determinant - b * b));
  const [first, second] = [normal(random), normal(random)];
  const slope = (r * u - q * v) / determinant + a * first;
  const curvature = (p * v - q * u) / determinant + b * first + c * second;
  const top =
    curvature < 0 && seenAt.length > 2 ? [here + Math.max(-3, Math.min(3, -slope / (2 * curvature)))] : [];
  const [lowest, highest] = [Math.min(...seenAt), Math.max(...seenAt)];
  const reach = 1.01 + highest - lowest;
  const values = steps(knob, top);
  const offScale = values.filter((value) => !Number.isFinite(coordinate(knob, value as number)));
  const drawn = values
    .map((value) => ({ value, x: coordinate(knob, value as number) - here }))
    .filter(({ x }) => x >= lowest - reach && x <= highest + reach)
    .map(({ value, x }) => {
      const gain =
        unknown + slope * x + curvature * x * x - (beyondFailure(value as number, evidence) ? 4 : 0);
      return { knob, value, gain, because };
    });
  return [...drawn, ...drawEach(knob, offScale, evidence, typical, prior, unknown, random)];
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
