import type { Briefing, PastExperiment, Proposal, Researcher } from "../researcher.ts";
import { proposalKey } from "../researcher.ts";
import type { Knob, Value } from "./knob.ts";
import { findKnobs, setKnobs } from "./knobs.ts";
import { lineProposals } from "./lines.ts";
import { importance, mechanism } from "./words.ts";

/** One knob set to one value. */
interface Move {
  knob: Knob;
  value: Value;
  /** +1, -1, or 0 for values without an order. */
  direction: number;
  /** 0 for the first thing to try, rising. */
  rank: number;
}

/** What a past experiment did to one knob. */
interface PastMove {
  key: string;
  from: Value;
  to: Value;
  /** The only move of its experiment. */
  alone: boolean;
}

/**
 * The researcher that needs no model: coordinate search over the constants in the editable files.
 *
 * It tries one knob at a time, the promising ones first; goes further in a direction that was kept and backs off where
 * it overshot; combines near misses; and when nothing has been kept for a while it jumps with several knobs at once.
 * Which move comes next is drawn by Thompson sampling (Thompson 1933): each move's worth is believed from the ledger,
 * with an uncertainty that shrinks as its knob is tried, and the highest draw goes first.
 *
 * A proposal depends on the briefing alone, so a session can be repeated and resumed.
 */
export function search(): Researcher {
  // What an experiment moved never changes: read each one once.
  const read = new WeakMap<PastExperiment, PastMove[]>();
  const keys = new WeakMap<PastExperiment, string>();
  const keyed = (experiment: PastExperiment): string => {
    const known = keys.get(experiment) ?? proposalKey(experiment);
    keys.set(experiment, known);
    return known;
  };
  const movesOf = (experiment: PastExperiment): PastMove[] => {
    const known = read.get(experiment);
    if (known) return known;
    const moves = pastMoves(experiment);
    read.set(experiment, moves);
    return moves;
  };

  return {
    name: "search",
    async propose(briefing, refused) {
      const knobs = Object.entries(briefing.files).flatMap(([file, text]) => findKnobs(file, text));
      const random = generator(briefing.seed, briefing.history.length, refused.size);
      const isNew = fresh(briefing, new Set(briefing.history.map(keyed)), refused);
      if (knobs.length === 0) {
        for (const proposal of lineProposals(briefing, random)) if (isNew(proposal)) return proposal;
        return null;
      }
      for (const moves of plans(briefing, knobs, movesOf, random)) {
        const proposal = describe(briefing, moves);
        if (isNew(proposal)) return proposal;
      }
      return null;
    },
  };
}

/** Sets of moves in the order in which they should be tried, ending after a bounded number of random jumps. */
function* plans(
  briefing: Briefing,
  knobs: Knob[],
  movesOf: (experiment: PastExperiment) => PastMove[],
  random: () => number,
): Generator<Move[]> {
  const { history } = briefing;
  const moves = knobs.flatMap(neighbours);
  const beliefs = believe(history, movesOf);
  const worth = new Map(moves.map((move) => [move, draw(move, beliefs, random)]));
  const ordered = [...moves].sort((a, b) => (worth.get(b) as number) - (worth.get(a) as number));

  const sinceKeep = history.length - 1 - history.findLastIndex((past) => past.decision === "keep");
  if (sinceKeep >= 4 && sinceKeep % 3 === 1) yield* combinations(briefing, knobs, movesOf);
  if (sinceKeep >= 12 && sinceKeep % 3 === 2) for (let i = 0; i < 5; i++) yield jump(moves, 3, random);
  for (const move of ordered) yield [move];
  for (let i = 0; i < 1000; i++) yield jump(moves, 2 + Math.floor(random() * 3), random);
}

/** The values beside a knob's present one, nearest sensible step first. */
function neighbours(knob: Knob): Move[] {
  if (knob.kind === "boolean") return [{ knob, value: !knob.value, direction: 0, rank: 0 }];
  if (knob.kind === "enum")
    return knob.choices
      .filter((choice) => choice !== knob.value)
      .map((choice, index) => ({ knob, value: choice, direction: 0, rank: index / 3 }));
  const now = knob.value as number;
  const values: [number, number][] = [];
  if (now === 0)
    for (const [index, value] of (knob.integer ? [1, 2, 4] : [0.1, 0.01, 1]).entries())
      values.push([value, index]);
  else if (knob.integer && Math.abs(now) <= 4)
    for (const [index, step] of [1, -1, 2, -2].entries()) values.push([now + step, index >> 1]);
  else {
    for (const [index, factor] of [2, 4, 1.3, 1.1].entries())
      values.push([now * factor, index], [now / factor, index]);
    // Close to one it is the distance to one that counts: 0.9, 0.95, 0.975, ...
    if (!knob.integer && now > 0.5 && now < 1)
      for (const [index, factor] of [2, 4].entries())
        values.push([1 - (1 - now) / factor, index], [1 - (1 - now) * factor, index]);
  }
  const moves: Move[] = [];
  const seen = new Set<number>([now]);
  for (const [raw, rank] of values) {
    let value = knob.integer ? Math.round(raw) : Number(raw.toPrecision(3));
    if (knob.integer && value > 8 && !Number.isInteger(Math.log2(value)) && value % 2 === 1) value += 1;
    if (!(value >= knob.low && value <= knob.high) || seen.has(value)) continue;
    // A positive quantity rarely means anything below zero, a probability nothing above one.
    if (now > 0 && value <= 0 && !(knob.integer && value === 0)) continue;
    if (now > 0.5 && now < 1 && value >= 1) continue;
    seen.add(value);
    moves.push({ knob, value, direction: Math.sign(value - now), rank });
  }
  return moves;
}

/** What the ledger says of one knob. */
interface Belief {
  trials: number;
  past: { from: number; to: number; direction: number; score: number; bad: boolean; value: Value }[];
  lastKept: number;
}

function believe(
  history: readonly PastExperiment[],
  movesOf: (experiment: PastExperiment) => PastMove[],
): Map<string, Belief> {
  const beliefs = new Map<string, Belief>();
  for (const experiment of history) {
    for (const move of movesOf(experiment)) {
      const belief = beliefs.get(move.key) ?? { trials: 0, past: [], lastKept: 0 };
      beliefs.set(move.key, belief);
      const numeric = typeof move.from === "number" && typeof move.to === "number";
      const direction = numeric ? Math.sign((move.to as number) - (move.from as number)) : 0;
      const kept = experiment.decision === "keep";
      const bad =
        experiment.decision === "crash" ||
        experiment.decision === "timeout" ||
        experiment.decision === "invalid";
      // In standard errors, bounded: a huge loss says no more than a clear one.
      const score = kept ? 2 : bad ? -2 : Math.max(-2, Math.min(1, (experiment.t ?? -0.5) / 2));
      belief.trials += move.alone ? 1 : 0.3;
      belief.past.push({
        from: numeric ? (move.from as number) : 0,
        to: numeric ? (move.to as number) : 0,
        direction,
        score: score * (move.alone ? 1 : 0.4),
        bad,
        value: move.to,
      });
      if (kept) belief.lastKept = direction;
    }
  }
  return beliefs;
}

/** A draw from what is believed of a move: its expected worth plus uncertainty. */
function draw(move: Move, beliefs: Map<string, Belief>, random: () => number): number {
  const belief = beliefs.get(keyOf(move.knob));
  const prior = importance(move.knob.name) - 0.25 * move.rank;
  if (!belief) return prior + 0.6 + 0.25 * normal(random);
  let evidence = 0;
  let weight = 1;
  for (const past of belief.past) {
    if (move.direction === 0) {
      if (past.value === move.value) {
        evidence += past.score;
        weight += 1;
      }
      continue;
    }
    const target = move.value as number;
    // Beyond a value that crashed lies nothing good.
    if (past.bad && past.direction === move.direction && (target - past.to) * move.direction >= 0)
      return -5 + prior;
    // How near the past try was to where this move goes, on a log scale where that makes sense.
    const gap = target > 0 && past.to > 0 ? Math.abs(Math.log(target / past.to)) : Math.abs(target - past.to);
    const nearness = Math.exp(-gap);
    const agrees = past.direction === move.direction ? 1 : -0.35;
    evidence += nearness * agrees * past.score;
    weight += nearness;
  }
  if (belief.lastKept !== 0 && belief.lastKept === move.direction && move.rank <= 1) evidence += 0.9;
  return prior + evidence / Math.sqrt(weight) + (0.5 / Math.sqrt(1 + belief.trials)) * normal(random);
}

/** Near misses of different knobs, put together: the two best first. */
function* combinations(
  briefing: Briefing,
  knobs: Knob[],
  movesOf: (experiment: PastExperiment) => PastMove[],
): Generator<Move[]> {
  const byKey = new Map(knobs.map((knob) => [keyOf(knob), knob]));
  const best = new Map<string, { move: Move; t: number }>();
  for (const experiment of briefing.history.slice(-60)) {
    if (experiment.decision !== "discard" || !(experiment.t !== null && experiment.t > 0)) continue;
    const [only, more] = movesOf(experiment);
    const knob = only && byKey.get(only.key);
    if (!only || more || !knob || knob.value === only.to) continue;
    const known = best.get(only.key);
    if (known && known.t >= experiment.t) continue;
    const direction =
      typeof only.to === "number" && typeof knob.value === "number" ? Math.sign(only.to - knob.value) : 0;
    best.set(only.key, { move: { knob, value: only.to, direction, rank: 0 }, t: experiment.t });
  }
  const ranked = [...best.values()].sort((a, b) => b.t - a.t).slice(0, 6);
  for (let sum = 1; sum < 2 * ranked.length; sum++)
    for (let i = 0; i < ranked.length; i++) {
      const j = sum - i;
      if (j <= i || j >= ranked.length) continue;
      yield [(ranked[i] as (typeof ranked)[number]).move, (ranked[j] as (typeof ranked)[number]).move];
    }
}

function jump(moves: readonly Move[], count: number, random: () => number): Move[] {
  const chosen = new Map<Knob, Move>();
  for (let i = 0; i < 4 * count && chosen.size < count; i++) {
    const move = moves[Math.floor(random() * moves.length)];
    if (move) chosen.set(move.knob, move);
  }
  return [...chosen.values()];
}

function describe(briefing: Briefing, moves: readonly Move[]): Proposal {
  const changes: Proposal["changes"] = {};
  for (const file of new Set(moves.map((move) => move.knob.file))) {
    const settings = new Map(
      moves.filter((move) => move.knob.file === file).map((move) => [move.knob, move.value]),
    );
    changes[file] = setKnobs(briefing.files[file] as string, settings);
  }
  const { metric } = briefing.program.contract;
  const several = Object.keys(briefing.files).length > 1;
  const what = moves
    .map(
      ({ knob, value }) =>
        `${knob.name} ${String(knob.value)} -> ${knob.write(value)}${several ? ` (${knob.file})` : ""}`,
    )
    .join(", ");
  const reasons = moves.map(({ knob, direction }) => mechanism(knob.name, direction));
  return {
    hypothesis: {
      what,
      mechanism:
        moves.length === 1 ? (reasons[0] as string) : `together: ${[...new Set(reasons)].join("; ")}`,
      prediction: `${metric.name} ${metric.direction === "minimize" ? "falls" : "rises"} by more than the noise`,
    },
    changes,
  };
}

/** Which knobs an experiment moved, from the texts before and after. */
function pastMoves(experiment: PastExperiment): PastMove[] {
  const moves: Omit<PastMove, "alone">[] = [];
  for (const [file, after] of Object.entries(experiment.changes)) {
    const before = experiment.before[file];
    if (after === null || before === null || before === undefined) continue;
    const old = new Map(findKnobs(file, before).map((knob) => [knob.name, knob]));
    for (const knob of findKnobs(file, after)) {
      const was = old.get(knob.name);
      if (was && was.value !== knob.value) moves.push({ key: keyOf(knob), from: was.value, to: knob.value });
    }
  }
  return moves.map((move) => ({ ...move, alone: moves.length === 1 }));
}

/** Whether a proposal changes something and was neither tried with these very texts nor refused. */
function fresh(
  briefing: Briefing,
  tried: ReadonlySet<string>,
  refused: ReadonlySet<string>,
): (proposal: Proposal) => boolean {
  return (proposal) => {
    const key = proposalKey(proposal);
    if (tried.has(key) || refused.has(key)) return false;
    return Object.entries(proposal.changes).some(
      ([file, text]) => briefing.files[file] !== (text ?? undefined),
    );
  };
}

function keyOf(knob: Knob): string {
  return `${knob.file}#${knob.name}`;
}

/** Uniform numbers in [0, 1) that depend on the arguments alone (mulberry32). */
function generator(...seeds: number[]): () => number {
  let state = seeds.reduce((sum, seed) => Math.imul(sum ^ seed, 0x9e3779b1) + 0x85ebca6b, 1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
