import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../errors.ts";
import type { Answer, Briefing, Researcher, Task, TurnRecord } from "../researcher/index.ts";
import { unknownUsage } from "../trace.ts";

/** Milliseconds that a researcher has to give up once it is told to. */
const grace = 5000;

/**
 * Calls a researcher, and comes back in any case: what is thrown is a failed turn, and one that is out of its time, or
 * is not wanted any more, is left behind.
 *
 * @throws what a researcher throws that costs nothing, and any UserError: a person has to mend that.
 */
export async function ask(
  researcher: Researcher,
  briefing: Briefing,
  task: Omit<Task, "signal">,
  abort: AbortSignal,
): Promise<Answer> {
  const cut = new AbortController();
  const time = researcher.time ?? null;
  const signal = AbortSignal.any([abort, cut.signal]);
  const timer = time === null ? null : setTimeout(() => cut.abort(), time);
  const answered = new AbortController();
  const left = async (): Promise<Answer> => {
    if (!signal.aborted)
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
        answered.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    await sleep(grace, undefined, { signal: answered.signal }).catch(() => {});
    return cut.signal.aborted && !abort.aborted
      ? {
          kind: "failed",
          ending: "timeout",
          reason: `it was cut off after ${Math.round((time as number) / 1000)} s`,
        }
      : { kind: "failed", ending: "cancelled", reason: "it was cancelled" };
  };
  const asked = Promise.resolve()
    .then(() => researcher.propose(briefing, { ...task, signal }))
    .catch((error: unknown): Answer => {
      if (error instanceof UserError || researcher.paid !== true) throw error;
      return {
        kind: "failed",
        ending: "failed",
        reason: error instanceof Error ? error.message : String(error),
      };
    });
  try {
    return await Promise.race([asked, left()]);
  } finally {
    if (timer) clearTimeout(timer);
    answered.abort();
    // If it was left behind, whatever it says later is not heard.
    asked.catch(() => {});
  }
}

/** What the ledger keeps of a call that came to nothing and says nothing of itself. */
export function emptyTurn(
  purpose: TurnRecord["purpose"],
  prompt: string,
  answer: { ending: TurnRecord["ending"]; message: string },
  began: { at: number; ms: number },
): TurnRecord {
  return {
    ...{ purpose, prompt, ...answer, events: [], usage: unknownUsage, raw: "" },
    ...{ startedAt: began.at, wallMs: began.ms },
  };
}
