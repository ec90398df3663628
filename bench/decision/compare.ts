import type { Rule } from "../../src/decision/index.ts";
import { type Outcome, screenThenRace, singleRun, type World } from "./session.ts";

/** A rule's sessions in one world, averaged. */
export interface Summary {
  candidates: number;
  keeps: number;
  /** Share of keeps that are truly no better; 0 when nothing was kept. */
  falseShare: number;
  gain: number;
  claimed: number;
  /** False keeps for each candidate that lost its race. */
  c0: number;
}

/** Both rules on the same candidates. */
export function compare(rule: Rule, world: World, sessions: number): { ours: Summary; naive: Summary } {
  const seeds = Array.from({ length: sessions }, (_, index) => index + 1);
  return {
    ours: summary(seeds.map((seed) => screenThenRace(rule, world, seed))),
    naive: summary(seeds.map((seed) => singleRun(world, seed))),
  };
}

function summary(outcomes: readonly Outcome[]): Summary {
  const total = (name: keyof Outcome) => outcomes.reduce((sum, outcome) => sum + outcome[name], 0);
  const of = (part: number, whole: number) => (whole > 0 ? part / whole : 0);
  const keeps = total("keeps");
  return {
    candidates: total("candidates") / outcomes.length,
    keeps: keeps / outcomes.length,
    falseShare: of(total("falseKeeps"), keeps),
    gain: total("gain") / outcomes.length,
    claimed: total("claimed") / outcomes.length,
    c0: of(total("falseKeeps"), total("raced") - keeps),
  };
}
