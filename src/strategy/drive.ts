import type { Ask, Sample } from "../decision/index.ts";
import { RunFailed } from "../errors.ts";
import type { EvaluationRow } from "../ledger/index.ts";
import { sampleOf } from "./replayRuns.ts";

export interface Driven<Result> {
  result: Result;
  evaluations: EvaluationRow[];
}

/**
 * Runs a decision coroutine: every question is first answered from the ledger and, past its end, by a real run.
 * So the same code decides live, goes on after an interruption without repeating a finished evaluation, and replays.
 *
 * @param recorded finished evaluations, in the order in which they were asked for.
 * @param measure runs one evaluation and records it before it resolves; `position` is its 0-based place in the order.
 */
export async function drive<Result>(
  coroutine: Generator<Ask, Result, Sample>,
  recorded: readonly EvaluationRow[],
  measure: (ask: Ask, position: number, previousSeed: number | null) => Promise<EvaluationRow>,
): Promise<Driven<Result>> {
  const evaluations: EvaluationRow[] = [];
  let step = coroutine.next();
  while (!step.done) {
    const position = evaluations.length;
    const row = recorded[position] ?? (await measure(step.value, position, evaluations.at(-1)?.seed ?? null));
    evaluations.push(row);
    step = coroutine.next(sampleOf(row));
  }
  return { result: step.value, evaluations };
}

/** The baseline's coroutine takes numbers: a failure that is not repeated ends it with what was seen. */
export function* fromNumbers<Result>(
  inner: Generator<Ask, Result, number>,
  again: (sample: Sample) => boolean = () => false,
): Generator<Ask, Result, Sample> {
  let step = inner.next();
  while (!step.done) {
    let sample = yield step.value;
    let attempts = 1;
    for (; again(sample); attempts++) sample = yield step.value;
    if (!sample.ok)
      throw new RunFailed(
        `the untouched code could not be measured (run ${step.value.round} of the baseline${attempts > 1 ? `, tried ${attempts} times` : ""}): ${sample.message}`,
        "mend this and commit it, then try again",
      );
    step = inner.next(sample.value);
  }
  return step.value;
}
