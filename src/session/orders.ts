import { isAlive } from "../lab/index.ts";
import { addSteering, type Ledger, type SessionRow, setPaused } from "../ledger/index.ts";

/** No new experiment begins in a session until it is resumed. Needs no hold on the lab: any process may say so. */
export function pause(ledger: Ledger, row: SessionRow): Promise<void> {
  return setPaused(ledger, row.id, Date.now());
}

export function resume(ledger: Ledger, row: SessionRow): Promise<void> {
  return setPaused(ledger, row.id, null);
}

/** A word from a person that the next briefing of a session holds. */
export function steer(ledger: Ledger, row: SessionRow, text: string): Promise<void> {
  return addSteering(ledger, { sessionId: row.id, text, saidAt: Date.now() });
}

/** Whether a living process runs a session. */
export function isAtWork({ holder }: Pick<SessionRow, "holder">): boolean {
  return holder !== null && isAlive(holder);
}
