import { createInterface } from "node:readline";

// How a bin is chosen: the first that fits, the emptiest, or the one with the best score below.
const STRATEGY: "first" | "emptiest" | "score" = "emptiest";
// What a bin's score is made of; all of them count only with the strategy "score".
const TIGHTNESS = 1; // a fuller bin is better
const PERFECT_BONUS = 0; // 0 .. 10, a bin that becomes exactly full
const SMALL_GAP = 10; // gaps up to this size ...
const SMALL_GAP_PENALTY = 0; // 0 .. 10, ... are hard to fill
const NEW_BIN_SCORE = -1; // a new bin is opened when no open bin scores higher

/** The place of the bin that takes the item, or -1 for a new one. `free` holds the open bins' free space. */
function choose(item: number, free: readonly number[], capacity: number): number {
  let best = -1;
  let bestScore = STRATEGY === "score" ? NEW_BIN_SCORE : Number.NEGATIVE_INFINITY;
  for (const [index, space] of free.entries()) {
    const gap = space - item;
    if (gap < 0) continue;
    if (STRATEGY === "first") return index;
    const score = STRATEGY === "emptiest" ? gap : scoreOf(gap, capacity);
    if (score > bestScore) {
      best = index;
      bestScore = score;
    }
  }
  return best;
}

function scoreOf(gap: number, capacity: number): number {
  let score = TIGHTNESS * (1 - gap / capacity);
  if (gap === 0) score += PERFECT_BONUS;
  else if (gap <= SMALL_GAP) score -= SMALL_GAP_PENALTY * (1 - gap / (SMALL_GAP + 1));
  return score;
}

// One question holds the next item of every instance: [{item, free}, ...] with the common capacity.
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ask } = JSON.parse(line) as {
    id: string;
    ask: { capacity: number; next: { item: number; free: number[] }[] };
  };
  const answer = ask.next.map(({ item, free }) => choose(item, free, ask.capacity));
  console.log(JSON.stringify({ id, answer }));
}
