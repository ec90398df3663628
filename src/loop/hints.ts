import { RunFailed } from "../errors.ts";
import { grantHints, hintLines, hostView } from "../evaluator/index.ts";
import type { EvaluationRow } from "../ledger/index.ts";
import type { Session } from "./session.ts";

/**
 * A failure of the untouched code with what its log says of the sandbox's limits: each grant that opens one stands
 * before the general advice. The same error where the log names nothing of the kind.
 *
 * @param run the run that failed; null when none was measured.
 */
export function withHints(
  error: unknown,
  run: EvaluationRow | null,
  { contract, place, repo, row }: Pick<Session, "contract" | "place" | "repo" | "row">,
): unknown {
  if (!(error instanceof RunFailed) || run === null || run.failureKind === null) return error;
  const part = run.failureKind === "scorer" ? "score" : run.failureKind === "check" ? "check" : "run";
  const hints = grantHints({
    log: `${run.logTail}\n${run.failureMessage ?? ""}`,
    part,
    command: part === "score" ? (contract.score?.command ?? "") : contract.run,
    level: row.level,
    signal: /killed by (SIG[A-Z]+)/.exec(run.failureMessage ?? "")?.[1] ?? null,
    contract,
    host: hostView(repo.root, repo.labPath, place.base),
  });
  const lines = hintLines(hints, row.level);
  return lines.length === 0 ? error : new RunFailed(error.message, [...lines, error.fix].join("\n"));
}
