import type { Stuck } from "../../contract/index.ts";
import { likeness, nearlyTheSame, wordsOf } from "./likeness.ts";
import type { Memory } from "./memory.ts";

/** How stuck the research is, by its experiments since the last keep. */
export function stuckness(sinceKeep: number, { refine, redirect, rewind }: Stuck): keyof Stuck | null {
  // Whatever the order of the thresholds: the one that asks for most counts.
  if (sinceKeep >= rewind) return "rewind";
  if (sinceKeep >= redirect) return "redirect";
  return sinceKeep >= refine ? "refine" : null;
}

/** What to do differently now; empty while things go well. */
export function advice(memory: Memory, stuck: Stuck): string[] {
  const lines: string[] = [];
  const { sinceKeep, last } = memory;
  const stage = stuckness(sinceKeep, stuck);
  const since = `The last ${sinceKeep} experiments brought nothing that was kept.`;
  if (stage === "refine")
    lines.push(
      `${since} Take up a near miss: find out why it helped a little, and make that part of it stronger.`,
    );
  if (stage === "redirect")
    lines.push(
      `${since} Change direction: leave the family of ideas that was tried last, question what all of them took for granted, and try something of another kind.`,
    );
  if (stage === "rewind")
    lines.push(
      memory.worked.length === 0
        ? `${since} Nothing has been kept yet at all: begin again from what the code really does, with the simplest change that must matter.`
        : `${since} Go back: undo a kept change that may have led into a corner, and go another way from there; or combine what several kept changes did. The newest of them are below with their diffs.`,
    );
  if (last) {
    const words = wordsOf(last.what);
    const same = [...memory.worked, ...memory.nearMisses, ...memory.deadEnds, ...memory.untested].filter(
      (entry) => entry.number < last.number && likeness(words, wordsOf(entry.what)) >= nearlyTheSame,
    );
    if (same.length > 0)
      lines.push(
        `The newest experiment, #${last.number}, was nearly the same idea as ${same
          .slice(0, 5)
          .map(({ number }) => `#${number}`)
          .join(", ")}. Do not try it once more in other words.`,
      );
  }
  return lines;
}
