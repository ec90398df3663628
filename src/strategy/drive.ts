import type { Ask, Sample } from "../decision/index.ts";
import { RunFailed } from "../errors.ts";
import type { EvaluationRow, RunRow } from "../ledger/index.ts";

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

/** Thrown by a replay that asks for a run that the ledger does not hold. */
export class MissingRun extends Error {}

/** The same without real runs: what the ledger's evaluations lead to. @throws MissingRun */
export function replayRuns<Result>(
  coroutine: Generator<Ask, Result, Sample>,
  recorded: readonly RunRow[],
): Result {
  let step = coroutine.next();
  for (let position = 0; !step.done; position++) {
    const row = recorded[position];
    if (!row) throw new MissingRun(`run ${position + 1} is not in the ledger`);
    step = coroutine.next(sampleOf(row));
  }
  return step.value;
}

/** What an evaluation tells the decision. */
export function sampleOf(row: Pick<EvaluationRow, "value" | "failureKind" | "failureMessage">): Sample {
  if (row.failureKind === null && row.value !== null) return { ok: true, value: row.value };
  return {
    ...{ ok: false, kind: failedDecision(row.failureKind), message: row.failureMessage ?? "no value" },
    ...(row.failureKind === "crash" ? {} : { limit: true }),
  };
}

/** The decision that a failed run of the candidate means. */
function failedDecision(kind: string | null): "crash" | "timeout" | "invalid" | "discard" {
  switch (kind) {
    case "timeout":
      return "timeout";
    // A constraint that is not met is no crash: the change works and is not wanted.
    case "check":
      return "discard";
    case "tampered":
    case "protocol":
    case "scorer":
    case "bad-metric":
      return "invalid";
    default:
      return "crash";
  }
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
