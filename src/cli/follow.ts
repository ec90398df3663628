import { setTimeout as sleep } from "node:timers/promises";
import { workingProcess } from "../lab/index.ts";
import {
  eventsAfter,
  type Ledger,
  newestEvent,
  type SessionRow,
  sessionByTag,
  storedProgram,
} from "../ledger/index.ts";
import type { SessionEvent } from "../notebook/index.ts";
import { hasReader, print, printJsonLine, write } from "./output.ts";
import { plainDisplay } from "./plainDisplay.ts";

/** Milliseconds between two looks into the ledger. */
const pause = 200;

/**
 * Shows a session's events as they come, from the ledger alone, until nobody works on the session any more.
 *
 * @param sigma standard deviation of one run, as far as it is known; null: it is not.
 */
export async function follow(
  ledger: Ledger,
  row: SessionRow,
  { sigma, json }: { sigma: number | null; json: boolean },
): Promise<void> {
  const display = plainDisplay(storedProgram(row.program), { write }, sigma);
  let last = await newestEvent(ledger, row.id);
  for (;;) {
    // Looked at first: what its last moments wrote is still to be shown.
    const now = await sessionByTag(ledger, row.tag);
    const isOver = now === null || workingProcess(now) === null;
    const rows = await eventsAfter(ledger, row.id, last);
    for (const { id, at, type, data } of rows) {
      const event = { type, ...(JSON.parse(data) as object) } as SessionEvent;
      if (json) printJsonLine({ id, at, session: row.tag, ...event });
      else display.listener(event);
      last = id;
    }
    if (!hasReader()) return;
    if (isOver && rows.length === 0) break;
    if (rows.length === 0) await sleep(pause);
  }
  if (!json) print(`nobody works on session ${row.tag} now; \`whet run\` goes on with it`);
}
