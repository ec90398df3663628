import { RunFailed } from "../errors.ts";
import { type GrantHint, grantHints, hintLines, hostView } from "../evaluator/index.ts";
import type { EvaluationRow, SessionRow } from "../ledger/index.ts";
import type { Session } from "./session.ts";

/** A run that failed, as far as its log and its end tell what it met. */
export type FailedRun = Pick<EvaluationRow, "failureKind" | "failureMessage" | "logTail">;

type Where = Pick<Session, "contract" | "place" | "repo"> & { row: Pick<SessionRow, "level"> };

/**
 * A failure of the untouched code with what its log says of the sandbox's limits: each grant that opens one stands
 * before the general advice. The same error where the log names nothing of the kind.
 *
 * @param run the run that failed; null when none was measured.
 */
export function withHints(error: unknown, run: FailedRun | null, where: Where): unknown {
  if (!(error instanceof RunFailed) || run === null) return error;
  const lines = hintLines(hintsOf(run, where), where.row.level);
  return lines.length === 0 ? error : new RunFailed(error.message, [...lines, error.fix].join("\n"));
}

/** What a failed run met at the sandbox's limits; empty for one that did not fail. */
export function hintsOf(run: FailedRun, { contract, place, repo, row }: Where): GrantHint[] {
  if (run.failureKind === null) return [];
  const part = run.failureKind === "scorer" ? "score" : run.failureKind === "check" ? "check" : "run";
  return grantHints({
    log: `${run.logTail}\n${run.failureMessage ?? ""}`,
    part,
    command: part === "score" ? (contract.score?.command ?? "") : contract.run,
    level: row.level,
    signal: /killed by (SIG[A-Z]+)/.exec(run.failureMessage ?? "")?.[1] ?? null,
    contract,
    host: hostView(repo.root, repo.labPath, place.base),
  });
}
