import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted } from "../errors.ts";
import { pausedSince } from "../ledger/index.ts";
import type { Session } from "../session/index.ts";

/** How long is waited for a provider that refuses, or cannot be reached. */
export interface Backoff {
  /** Milliseconds after the first refusal; twice as long after each further one. */
  first: number;
  most: number;
}

export const usualBackoff: Backoff = { first: 5000, most: 10 * 60_000 };

/**
 * Milliseconds to wait after some refusals in a row: exponential with jitter over its upper half, so that several who
 * were refused at once do not come back at once, and never less than the provider asks for.
 *
 * @param refusals in a row before this one.
 * @param afterMs what the provider asks for; null: it does not say.
 * @param random uniform in [0, 1).
 */
export function delay(
  refusals: number,
  afterMs: number | null,
  random: number,
  { first, most }: Backoff = usualBackoff,
): number {
  // Told how long, and for the first time: a little later than that, and no longer.
  if (afterMs !== null && refusals === 0) return afterMs * (1 + 0.1 * random);
  const full = Math.min(most, first * 2 ** Math.min(refusals, 30));
  return Math.max(afterMs ?? 0, full * (0.5 + 0.5 * random));
}

const poll = 100;

/** Waits; ends at once when a person wants an end. @throws Interrupted */
export async function idle(session: Pick<Session, "stop" | "abort">, ms: number): Promise<void> {
  const until = performance.now() + ms;
  for (;;) {
    if (session.stop.requested || session.abort.signal.aborted) throw new Interrupted();
    const left = until - performance.now();
    if (left <= 0) return;
    await sleep(Math.min(poll, left), undefined, { signal: session.abort.signal }).catch(() => {});
  }
}

/**
 * Waits while a person has paused the session.
 *
 * @returns milliseconds that it was paused.
 * @throws Interrupted
 */
export async function whilePaused(session: Session): Promise<number> {
  const { ledger, row, listener } = session;
  if ((await pausedSince(ledger, row.id)) === null) return 0;
  const began = performance.now();
  listener({ type: "waiting", message: "paused: `whet resume` goes on, Ctrl-C ends" });
  while ((await pausedSince(ledger, row.id)) !== null) await idle(session, 2 * poll);
  listener({ type: "notice", message: "resumed" });
  return performance.now() - began;
}
