import type { StopReason } from "@agentclientprotocol/sdk/unstable";
import type { TurnEnding } from "../agent.ts";

/** How a turn ended, with the sentence for a person. */
export interface Ended {
  ending: TurnEnding;
  message: string;
}

/**
 * How a turn ended by the agent's own answer to the prompt.
 *
 * @param refused why something was refused in this turn, if it was: some agents end their turn then.
 */
export function endedBy(stop: StopReason, refused: string | null): Ended {
  switch (stop) {
    case "end_turn":
      return { ending: "done", message: "" };
    case "max_tokens":
      return { ending: "limit", message: "the model ran out of tokens" };
    case "max_turn_requests":
      return { ending: "limit", message: "the agent ran out of model calls" };
    case "refusal":
      return { ending: "failed", message: "the model refused to go on" };
    case "cancelled":
      return {
        ending: "failed",
        message:
          refused === null
            ? "the agent cancelled its turn by itself"
            : `the agent gave up its turn after a refusal: ${refused}`,
      };
  }
}

/** The JSON-RPC error code by which an agent says that it wants a login first. */
const authRequired = -32000;

/**
 * How a turn ended by an error answer. Agents put the provider's HTTP status into the code (gemini), into the data or
 * just into the words.
 */
export function endedByError(error: { code?: unknown; message: string; data?: unknown }): Ended & {
  retryAfterMs: number | null;
} {
  const words = [error.message, typeof error.data === "string" ? error.data : JSON.stringify(error.data)]
    .filter((part) => part !== undefined && part !== "")
    .join(": ");
  const ended = (ending: TurnEnding, retryAfterMs: number | null = null) => ({
    ending,
    message: words.slice(0, 2000),
    retryAfterMs,
  });
  if (error.code === authRequired) return ended("auth");
  const status =
    typeof error.code === "number" && error.code >= 400 && error.code < 600
      ? error.code
      : Number(/\b(?:status|code|error|http)\D{0,12}([45]\d\d)\b/i.exec(words)?.[1] ?? Number.NaN);
  if (status === 401 || status === 403 || /invalid api key|authentication required|unauthorized/i.test(words))
    return ended("auth");
  if (status === 429 || /rate.?limit|quota exceeded|too many requests/i.test(words))
    return ended("rate", retryAfter(words));
  if (
    status >= 500 ||
    /overloaded|econnrefused|econnreset|enotfound|etimedout|fetch failed|connection error/i.test(words)
  )
    return ended("outage", retryAfter(words));
  return ended("failed");
}

function retryAfter(words: string): number | null {
  const [, amount, unit] =
    /retry.{0,3}(?:after|in|delay)\D{0,6}(\d+(?:\.\d+)?)\s*(ms|s|m)?/i.exec(words) ?? [];
  if (amount === undefined) return null;
  return Number(amount) * (unit === "ms" ? 1 : unit === "m" ? 60_000 : 1000);
}
