import * as decision from "../decision/index.ts";
import { RunFailed } from "../errors.ts";
import { addAudit, type EvaluationRow, endAudit, evaluationsOf, latestAudit } from "../ledger/index.ts";
import { drive } from "./drive.ts";
import { measureRun, type Session } from "./session.ts";
import type { Incumbent } from "./state.ts";

/**
 * Measures baseline and final state side by side on fresh seeds: the only source of a headline.
 * Does nothing when this state has been audited already; goes on with an audit that was interrupted.
 */
export async function auditSession(session: Session, incumbent: Incumbent, pairs: number): Promise<void> {
  const { ledger, row, contract, listener } = session;
  const latest = await latestAudit(ledger, row.id);
  const same = latest !== null && latest.finalState === incumbent.state;
  if (same && latest.endedAt !== null) return;
  const id =
    same && latest.pairs === pairs
      ? latest.id
      : await addAudit(ledger, {
          sessionId: row.id,
          finalState: incumbent.state,
          experiment: incumbent.number,
          pairs,
          startedAt: Date.now(),
        });
  listener({
    type: "phase",
    phase: "audit",
    number: incumbent.number,
    what: "baseline against final, fresh seeds",
  });
  const recorded: EvaluationRow[] = await evaluationsOf(ledger, { audit: id });
  // A deterministic evaluator gives the same pair again and again: two of them show it.
  const enough = session.noise.deterministic ? Math.min(2, pairs) : pairs;
  const { result } = await drive(
    decision.audit(contract.metric, enough),
    recorded,
    (ask, position, previousSeed) => {
      const own = ask.arm === "candidate";
      return measureRun(session, {
        ask,
        position,
        previousSeed,
        owner: { experimentId: null, auditId: id, label: `audit ${id}` },
        state: own ? incumbent.state : row.baseState,
        files: own ? incumbent.files : session.baseFiles,
        rounds: enough,
      });
    },
  );
  if ("failure" in result)
    throw new RunFailed(
      `the audit could not be finished: ${result.failure}`,
      "run `whet run` again to repeat it",
    );
  await endAudit(ledger, id, {
    endedAt: Date.now(),
    baselineMean: result.baselineMean,
    finalMean: result.finalMean,
    effect: result.effect,
    low: result.interval?.[0] ?? result.effect,
    high: result.interval?.[1] ?? result.effect,
  });
  listener({
    type: "audit",
    effect: result.effect,
    interval: result.interval ?? [result.effect, result.effect],
    baselineMean: result.baselineMean,
    finalMean: result.finalMean,
    pairs: result.pairs,
  });
}
