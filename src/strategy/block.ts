import type { Ask, Coroutine } from "../decision/index.ts";
import type { RunRow } from "../ledger/index.ts";
import { sampleOf } from "./replayRuns.ts";

/**
 * Runs that belong together, in their order: one run, or both of a pair, which share a seed and must meet the same
 * machine. Whoever runs a block ends it with its first failed run: what follows then is asked for anew.
 */
export type Block = readonly [Ask] | readonly [Ask, Ask];

/**
 * What a decision asks for next, going by the runs that are on record.
 *
 * @param begin begins the decision from its beginning: it is told the recorded runs again, and is thrown away.
 * @throws IncumbentFails as the decision does.
 */
export function nextBlock<Result>(
  begin: () => Coroutine<Result>,
  recorded: readonly RunRow[],
): { block: Block } | { result: Result } {
  const coroutine = begin();
  let step = coroutine.next();
  for (const run of recorded) {
    if (step.done) return { result: step.value };
    step = coroutine.next(sampleOf(run));
  }
  if (step.done) return { result: step.value };
  const first = step.value;
  // The second run of a pair is asked for whatever the first one gives, unless that fails.
  const after = coroutine.next({ ok: true, value: 0 });
  return { block: after.done || after.value.seed !== "same" ? [first] : [first, after.value] };
}
