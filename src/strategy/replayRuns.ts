import type { Ask, Sample } from "../decision/index.ts";
import type { EvaluationRow, RunRow } from "../ledger/index.ts";

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
