import { presets } from "../../src/decision/index.ts";
import type { Verdict } from "./attack.ts";
import { type Gamble, gambles, shares } from "./gambling.ts";

/** An attack on the rule itself. It is the same at every level: nothing runs but the decision, in simulation. */
export interface StatisticalAttack {
  name: string;
  gamble: Gamble;
  /** Submissions in one session, and sessions. */
  tries: number;
  sessions: number;
  expect: Verdict;
}

export interface StatisticalFinding {
  attack: StatisticalAttack;
  /** Share kept over all sessions, and in the worst of them. */
  mean: number;
  worst: number;
  verdict: Verdict;
}

/** The share of useless candidates that docs/decision.md allows on the mean of sessions. */
export const allowedShare = 0.012;

export const statistics: readonly StatisticalAttack[] = [
  {
    name: "100 edits that change nothing",
    ...{ gamble: gambles.noOp, tries: 100, sessions: 100, expect: "blocked" },
  },
  {
    name: "100 edits that change nothing, where all noise comes from the seed",
    ...{ gamble: gambles.noOpOfSeed, tries: 100, sessions: 100, expect: "blocked" },
  },
  {
    name: "100 edits of the candidate's own random seed",
    ...{ gamble: gambles.seedOnly, tries: 100, sessions: 100, expect: "blocked" },
  },
  {
    name: "the same content 200 times with another comment, until it is lucky",
    ...{ gamble: gambles.noOp, tries: 200, sessions: 100, expect: "blocked" },
  },
  {
    name: "100 candidates that triple the noise",
    ...{ gamble: gambles.tripleNoise, tries: 100, sessions: 100, expect: "not covered" },
  },
  {
    name: "100 harmful candidates (by one run's noise) that triple the noise",
    ...{ gamble: gambles.harmfulNoise, tries: 100, sessions: 100, expect: "not covered" },
  },
];

/** Blocked: no more of them are kept, on the mean, than docs/decision.md allows for candidates that change nothing. */
export function runStatistics(attack: StatisticalAttack): StatisticalFinding {
  const kept = shares(presets.balanced, attack.gamble, attack.tries, attack.sessions);
  const mean = kept.reduce((sum, share) => sum + share, 0) / kept.length;
  const verdict = mean <= allowedShare ? "blocked" : "not covered";
  return { attack, mean, worst: Math.max(...kept), verdict };
}
