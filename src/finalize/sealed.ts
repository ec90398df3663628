import { dataHash } from "../evaluator/index.ts";
import { type AuditRow, sealedAudits } from "../ledger/index.ts";
import type { Sealed } from "../notebook/index.ts";
import { measurePairs, type Session } from "../session/index.ts";
import type { Incumbent } from "../strategy/index.ts";

/**
 * Opens the third split, once for all sessions of the lab: baseline against final state on data that decided nothing.
 * Null where the contract names none. An opening that was interrupted goes on; another state gets none.
 */
export async function openSealed(
  session: Session,
  incumbent: Incumbent,
  pairs: number,
): Promise<Sealed | null> {
  const { contract, place, ledger } = session;
  const sealed = contract.holdout?.sealed;
  if (!sealed) return null;
  const data = await dataHash(sealed, place);
  const opened = (await sealedAudits(ledger)).filter((audit) => audit.subject === JSON.stringify([data]));
  const own = (audit: AuditRow) => audit.sessionId === session.row.id && audit.finalState === incumbent.state;
  const other = opened.find((audit) => !own(audit));
  if (other) return { openedBy: other.tag, at: other.startedAt, result: null };
  const audit = await measurePairs(session, {
    kind: "sealed",
    what: "opening the sealed split",
    state: incumbent.state,
    files: incumbent.files,
    against: null,
    subject: [data],
    experiment: incumbent.number,
    // What was opened with so many pairs is not opened for more.
    pairs: opened[0]?.pairs ?? pairs,
  });
  return {
    openedBy: session.row.tag,
    at: audit.startedAt,
    result: {
      baselineMean: audit.baselineMean as number,
      finalMean: audit.finalMean as number,
      effect: audit.effect as number,
      interval: [audit.low as number, audit.high as number],
    },
  };
}
