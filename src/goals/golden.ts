import { type GoldenRow, goldenOf, type Ledger } from "../ledger/index.ts";
import type { Goal, Plan } from "./goal.ts";

/** From this score on a goal's plan and outputs are kept as an example. */
export const goldenScore = 90;

/** Characters of one output that are kept. */
const longestOutput = 4000;
const mostLooked = 200;

export interface Golden {
  title: string;
  score: number;
  plan: Plan;
  /** Last words of its tasks, by key. */
  outputs: Record<string, string>;
  /** 0 to 1: share of words that both goals have. */
  likeness: number;
}

export function goldenRow(
  goal: Goal,
  goalId: number,
  score: number,
  plan: Plan,
  outputs: ReadonlyMap<string, string>,
  addedAt: number,
): Omit<GoldenRow, "id"> | null {
  if (score < goldenScore) return null;
  const kept = Object.fromEntries([...outputs].map(([key, text]) => [key, text.slice(0, longestOutput)]));
  return {
    ...{ goalId, family: goal.family, score, addedAt },
    ...{ plan: JSON.stringify(plan), outputs: JSON.stringify(kept) },
  };
}

/** Plans of earlier goals of the same family that went well, most alike first. */
export async function goldenPlans(ledger: Ledger, goal: Goal, limit = 2): Promise<Golden[]> {
  const rows = await goldenOf(ledger, goal.family, mostLooked);
  return rows
    .map((row): Golden => {
      const other = JSON.parse(row.goal) as Goal;
      return {
        ...{ title: other.title, score: row.score, plan: JSON.parse(row.plan) as Plan },
        outputs: JSON.parse(row.outputs) as Golden["outputs"],
        likeness: likeness(goal.text, other.text),
      };
    })
    .filter((golden) => golden.likeness >= 0.1)
    .sort((a, b) => b.likeness - a.likeness || b.score - a.score)
    .slice(0, limit);
}

/** Jaccard's index of the words of two texts, 0 to 1. */
export function likeness(a: string, b: string): number {
  const [x, y] = [wordsOf(a), wordsOf(b)];
  const both = [...x].filter((word) => y.has(word)).length;
  const all = x.size + y.size - both;
  return all === 0 ? 0 : both / all;
}

export function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu));
}
