import { setTimeout as sleep } from "node:timers/promises";
import type { LanguageModel } from "ai";

export interface Waiting {
  signal: AbortSignal;
  /** Milliseconds before the first new try, doubled each time, where the provider says nothing. */
  backoff: number;
  /** Called before and after each wait: silence is no fault then. */
  hold(): void;
  alive(): void;
}

/** New tries of one call. */
const most = 4;
/** Milliseconds of one wait: who is told to come again much later loses what was done. */
const longest = 60_000;

/**
 * A model whose calls, all but the first, are made again while the provider refuses for now or cannot be reached: an
 * hour's work with tools is not thrown away for one refusal. Whether the first is made again is for the caller to say.
 */
export async function patientModel(model: LanguageModel, waiting: Waiting): Promise<LanguageModel> {
  const { wrapLanguageModel } = await import("ai");
  const { providerError } = await import("./providerError.ts");
  if (typeof model === "string") return model;
  let calls = 0;
  return wrapLanguageModel({
    model,
    middleware: {
      wrapStream: async ({ doStream }) => {
        const first = calls++ === 0;
        for (let refused = 0; ; refused++)
          try {
            return await doStream();
          } catch (error) {
            const { ending, retryAfterMs } = providerError(error);
            const passing = ending === "rate" || ending === "outage";
            const ms = Math.max(retryAfterMs ?? 0, waiting.backoff * 2 ** refused);
            if (first || !passing || refused === most || ms > longest || waiting.signal.aborted) throw error;
            waiting.hold();
            await sleep(ms, undefined, { signal: waiting.signal }).catch(() => undefined);
            waiting.alive();
          }
      },
    },
  });
}
