import { UserError } from "../errors.ts";
import {
  experimentByNumber,
  type Ledger,
  rawOf,
  type SessionRow,
  traceOf,
  turnsOf,
} from "../ledger/index.ts";
import type { ShownTurn } from "./model.ts";

/** Turns that are shown at most. */
const newest = 100;

/**
 * The turns of an experiment with their events, or those of a session that came to nothing.
 *
 * @param raw true: with everything that the agents printed.
 * @throws UserError when there is no such experiment.
 */
export async function tracesOf(
  ledger: Ledger,
  session: SessionRow,
  of: number | "failed",
  raw: boolean,
): Promise<(ShownTurn & { raw: string })[]> {
  const experiment = of === "failed" ? null : await experimentByNumber(ledger, session.id, of);
  if (of !== "failed" && !experiment)
    throw new UserError(`session ${session.tag} has no experiment ${of}`, "`whet log` lists them");
  const turns = await turnsOf(
    ledger,
    experiment ? { experiment: experiment.id } : { fruitless: session.id },
    newest,
  );
  return Promise.all(
    turns.map(async ({ sessionId: _session, experimentId: _experiment, ...turn }) => ({
      ...turn,
      events: await traceOf(ledger, turn.id),
      raw: raw ? await rawOf(ledger, turn.id) : "",
    })),
  );
}
