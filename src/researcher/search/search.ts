import picomatch from "picomatch";
import { generator } from "../random.ts";
import {
  type Briefing,
  type PastExperiment,
  type Proposal,
  proposalKey,
  type Researcher,
} from "../researcher.ts";
import { type Drawn, draw, weigh } from "./belief.ts";
import type { Knob, Value } from "./knob.ts";
import { setKnobs } from "./knobs.ts";
import { lineProposals } from "./lines.ts";
import { keyOf, memory, type Read, stateTest } from "./memory.ts";
import type { Move } from "./steps.ts";
import { mechanism } from "./words.ts";

export interface SearchOptions {
  /** Globs of the knobs to try, by name; `!` before a glob leaves its knobs out. All knobs when left out. */
  knobs?: readonly string[];
}

/** Experiments without a keep after which near misses are combined, and after which the search jumps. */
const combineAfter = 4;
const jumpAfter = 12;
const mostJumps = 1000;
/** Standard errors from which a discarded change counts as a near miss. */
const nearMiss = 0.5;

/**
 * The researcher that needs no model: a search over the constants in the editable files.
 *
 * It changes one knob at a time, the one with the highest draw from what is believed of it (see belief.ts); what is
 * untried is drawn from what is commonly known of the name. After some experiments without a keep every third proposal
 * combines near misses, later every third, and then two of three, jump with
 * several knobs at once. Texts without knobs are searched line by line.
 *
 * A proposal depends on the briefing and on what was refused alone, so a session can be repeated and resumed.
 */
export function search(options: SearchOptions = {}): Researcher {
  const { knobsOf, read } = memory();
  const wanted = selection(options.knobs ?? []);

  return {
    name: "search",

    async propose(briefing, { refused }) {
      const random = generator(briefing.seed, briefing.history.length, refused.size);
      const knobs = Object.entries(briefing.files).flatMap(([file, text]) =>
        knobsOf(file, text).filter(wanted),
      );
      const isKnown = stateTest(briefing, read);
      for (const proposal of proposals(briefing, knobs, read, random))
        if (!refused.has(proposalKey(proposal)) && !isKnown(proposal.changes))
          return { kind: "proposal", proposal };
      return { kind: "nothing", reason: "every change of the constants that it knows of has been tried" };
    },
  };
}

function selection(globs: readonly string[]): (knob: Knob) => boolean {
  const include = globs.filter((glob) => !glob.startsWith("!"));
  const exclude = globs.filter((glob) => glob.startsWith("!")).map((glob) => glob.slice(1));
  const included = picomatch(include.length > 0 ? include : "**");
  const excluded = picomatch(exclude);
  return ({ name }) => (include.length === 0 || included(name)) && !(exclude.length > 0 && excluded(name));
}

/** Everything there is to try from here, best first; the jumps at the end are bounded in number. */
function* proposals(
  briefing: Briefing,
  knobs: Knob[],
  read: (experiment: PastExperiment) => Read,
  random: () => number,
): Generator<Proposal> {
  const { history } = briefing;
  if (knobs.length > 0) {
    const evidences = weigh(history, read);
    const drawn = knobs.flatMap((knob) => draw(knob, evidences, random)).sort((a, b) => b.gain - a.gain);
    const sinceKeep = history.length - 1 - history.findLastIndex((past) => past.decision === "keep");
    if (sinceKeep >= combineAfter && sinceKeep % 3 === 1)
      for (const moves of combinations(history, knobs, read))
        yield describe(briefing, moves, "each was a near miss");
    if (
      sinceKeep >= jumpAfter &&
      (sinceKeep % 3 === 2 || (sinceKeep >= 2 * jumpAfter && sinceKeep % 3 === 0))
    )
      for (let i = 0; i < 5; i++) yield jump(briefing, drawn, 2 + Math.floor(2 * random()), random);
    for (const move of drawn) yield describe(briefing, [move], because(move));
    yield* lineProposals(briefing, random);
    if (knobs.length > 1)
      for (let i = 0; i < mostJumps; i++) yield jump(briefing, drawn, 2 + Math.floor(3 * random()), random);
  } else yield* lineProposals(briefing, random);
}

/** Near misses of different knobs put together, the best two first; then all of the best three. */
function* combinations(
  history: readonly PastExperiment[],
  knobs: readonly Knob[],
  read: (experiment: PastExperiment) => Read,
): Generator<Move[]> {
  const byKey = new Map(knobs.map((knob) => [keyOf(knob), knob]));
  const best = new Map<Knob, Move & { t: number }>();
  for (const experiment of history.slice(-60)) {
    // Without noise there are no standard errors, and what is better at all has been kept.
    const t = experiment.t ?? 0;
    const [only, more] = read(experiment).moves;
    const knob = only && byKey.get(only.key);
    if (experiment.decision !== "discard" || t < nearMiss || !only || more || !knob || knob.value === only.to)
      continue;
    if (!(t <= (best.get(knob)?.t ?? 0))) best.set(knob, { knob, value: only.to, t });
  }
  const ranked = [...best.values()].sort((a, b) => b.t - a.t).slice(0, 6);
  for (let sum = 1; sum < 2 * ranked.length; sum++)
    for (let i = 0; 2 * i < sum; i++) {
      const [one, other] = [ranked[i], ranked[sum - i]];
      if (one && other) yield [one, other];
    }
  if (ranked.length > 2) yield ranked.slice(0, 3);
}

/** Several knobs set at random within their reach, each knob as likely as any other, off what has failed. */
function jump(briefing: Briefing, drawn: readonly Drawn[], count: number, random: () => number): Proposal {
  const byKnob = new Map<Knob, Move[]>();
  for (const move of drawn) if (!move.failed) byKnob.set(move.knob, [...(byKnob.get(move.knob) ?? []), move]);
  const moves: Move[] = [];
  while (moves.length < count && byKnob.size > 0) {
    const knob = pick([...byKnob.keys()], random);
    moves.push(pick(byKnob.get(knob) as Move[], random));
    byKnob.delete(knob);
  }
  return describe(briefing, moves, "single steps no longer help: somewhere else may be better");
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** Why one move may help: what the ledger says, else what is commonly known. */
function because({ knob, value, because: past }: Drawn): string {
  if (past) {
    const what =
      past.direction === 0 ? String(value) : `a ${past.direction > 0 ? "larger" : "smaller"} ${knob.name}`;
    if (past.found === "kept") return `${what} was better in #${past.id}: go further`;
    if (past.found === "better") return `${what} looked better in #${past.id}`;
    if (past.direction !== 0) return `${what} was worse in #${past.id}: try the other way`;
  }
  return mechanism(knob.name, directionOf(knob, value));
}

function directionOf(knob: Knob, value: Value): number {
  return typeof value === "number" && typeof knob.value === "number" ? Math.sign(value - knob.value) : 0;
}

function describe(briefing: Briefing, moves: readonly Move[], reason: string): Proposal {
  const changes: Proposal["changes"] = {};
  for (const file of new Set(moves.map((move) => move.knob.file))) {
    const settings = new Map(
      moves.filter((move) => move.knob.file === file).map((move) => [move.knob, move.value]),
    );
    changes[file] = setKnobs(briefing.files[file] as string, settings);
  }
  const { metric } = briefing.program.contract;
  const several = Object.keys(briefing.files).length > 1;
  const what = moves.map(({ knob, value }) => {
    const [from, to] =
      knob.kind === "number" ? [knob.literal, knob.write(value)] : [String(knob.value), String(value)];
    return `${knob.name} ${from} -> ${to}${several ? ` (${knob.file})` : ""}`;
  });
  return {
    hypothesis: {
      what: what.join(", "),
      mechanism: reason,
      prediction: `${metric.name} ${metric.direction === "minimize" ? "falls" : "rises"} by more than the noise`,
    },
    changes,
  };
}
