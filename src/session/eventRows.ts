import { addEvents, type Ledger } from "../ledger/index.ts";
import type { Listener, SessionEvent } from "../notebook/index.ts";

/** Milliseconds for which events are gathered: a transaction for each would hold up the loop. */
const gathered = 200;

/** Writes a session's events into the ledger, so that any other process can follow it. */
export interface EventRows {
  /** Tells a listener, and keeps what is told. */
  with(listener: Listener): Listener;
  /** Writes what has been gathered. */
  close(): Promise<void>;
}

/**
 * Nothing waits for these rows, and a failure to write them ends nothing: whatever decides has rows of its own, whose
 * failures are told.
 */
export function openEventRows(ledger: Ledger, sessionId: number): EventRows {
  let waiting: { at: number; type: string; data: string }[] = [];
  let timer: NodeJS.Timeout | null = null;
  let written: Promise<void> = Promise.resolve();
  const write = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const events = waiting;
    waiting = [];
    if (events.length > 0) written = written.then(() => addEvents(ledger, sessionId, events)).catch(() => {});
    return written;
  };
  return {
    with: (listener) => (event) => {
      listener(event);
      const told = toldOthers(event);
      if (told === null) return;
      const { type, ...data } = told;
      waiting.push({ at: Date.now(), type, data: JSON.stringify(data) });
      timer ??= setTimeout(() => void write(), gathered).unref();
    },
    close: write,
  };
}

/**
 * An event as another process is told it; null: it is not. Lines of output and the steps of an agent come too often for
 * rows; the agent's steps are kept with its turn.
 */
function toldOthers(event: SessionEvent): (Record<string, unknown> & { type: string }) | null {
  switch (event.type) {
    case "line":
    case "setup":
    case "trace":
      return null;
    case "evaluation": {
      const { failure, wallMs } = event.evaluation;
      return {
        ...event,
        evaluation: { failure: failure && { kind: failure.kind, message: failure.message }, wallMs },
      };
    }
    default:
      return event;
  }
}
