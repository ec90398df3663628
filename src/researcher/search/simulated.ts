import { generator, normal } from "../random.ts";
import type { Briefing, PastExperiment, Proposal, Researcher } from "../researcher.ts";
import { findKnobs } from "./knobs.ts";

/** The editable file of the simulated lab, far from its optimum. */
export const startText = `// A file with knobs and other things
export const LEARNING_RATE = 1e-4;
export const BATCH = 256;
const WIDTH = 32; // 8 .. 1024
const settings = { dropout: 0.5, depth: 2 };
const ACTIVATION: "relu" | "gelu" | "silu" | "tanh" = "tanh";
const TIED = false;
`;

const optimum: Record<string, { at: number; weight: number }> = {
  LEARNING_RATE: { at: 0.004, weight: 0.03 },
  BATCH: { at: 48, weight: 0.02 },
  WIDTH: { at: 200, weight: 0.03 },
  "settings.depth": { at: 7, weight: 0.04 },
};
const words: Record<string, number> = { relu: 0.1, gelu: 0.03, silu: 0, tanh: 0.2 };

/** The metric of the simulated lab, smaller is better: a bowl in the logarithms of its knobs, 0 at the optimum. */
export function loss(text: string): number {
  let sum = 0;
  for (const { name, value } of findKnobs("train.ts", text)) {
    const goal = optimum[name];
    if (goal) sum += goal.weight * Math.log2((value as number) / goal.at) ** 2;
    else if (name === "settings.dropout") sum += 0.3 * ((value as number) - 0.1) ** 2;
    else if (typeof value === "string") sum += words[value] ?? 0;
    else if (value === false) sum += 0.1;
  }
  return sum;
}

export function briefing(files: Record<string, string>, history: PastExperiment[], seed: number): Briefing {
  const program = { contract: { metric: { name: "loss", direction: "minimize" } } } as Briefing["program"];
  return { program, files, history, seed };
}

export interface Course {
  /** The part of the achievable gain that was reached, by the true value of what was kept. */
  reached: number;
  history: PastExperiment[];
}

/**
 * A session in the simulated lab. Without noise, whatever is better is kept; with noise `sigma`, a candidate is kept
 * whose mean of four runs is two standard errors above the incumbent's.
 */
export async function session(
  researcher: Researcher,
  seed: number,
  experiments: number,
  sigma: number,
): Promise<Course> {
  const random = generator(seed, 99);
  let text = startText;
  const history: PastExperiment[] = [];
  while (history.length < experiments) {
    const proposal = await proposed(researcher, briefing({ "train.ts": text }, history, seed));
    if (!proposal) break;
    const after = proposal.changes["train.ts"] as string;
    const error = sigma * Math.sqrt(2 / 4);
    const effect = loss(text) - loss(after) + error * normal(random);
    const t = sigma === 0 ? null : effect / error;
    const keep = t === null ? effect > 0 : t > 2;
    history.push({
      id: history.length + 1,
      hypothesis: proposal.hypothesis,
      changes: proposal.changes,
      before: { "train.ts": text },
      decision: keep ? "keep" : "discard",
      effect,
      t,
      reason: "",
    });
    if (keep) text = after;
  }
  return { reached: 1 - loss(text) / loss(startText), history };
}

/** What a researcher without a model proposes; null: nothing. */
export async function proposed(
  researcher: Researcher,
  told: Briefing,
  refused: ReadonlySet<string> = new Set(),
): Promise<Proposal | null> {
  const unavailable = () =>
    Promise.reject(new Error("a mechanical researcher needs neither words nor a copy"));
  const answer = await researcher.propose(told, { refused, words: unavailable, workingCopy: unavailable });
  return answer.kind === "proposal" ? answer.proposal : null;
}
