import type { StopReason } from "@agentclientprotocol/sdk/unstable";
import type { Outcome } from "../../sandbox/index.ts";
import type { TurnEnding } from "../agent.ts";
import { signOf } from "../presets/signs.ts";

/** How a turn ended, with the sentence for a person. */
export interface Ended {
  ending: TurnEnding;
  message: string;
  /** Milliseconds until the provider wants to be asked again, if the agent hands that on. */
  retryAfterMs?: number;
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
export function endedByError(thrown: unknown): Ended {
  const { code, data, message } = thrown as { code?: unknown; data?: unknown; message?: unknown };
  const words = [message, typeof data === "string" ? data : JSON.stringify(data)]
    .filter((part) => typeof part === "string" && part !== "")
    .join(": ");
  const said = words.slice(0, 2000) || String(thrown);
  if (code === authRequired) return { ending: "auth", message: said };
  const status = typeof code === "number" && code >= 400 && code < 600 ? code : null;
  const after = retryAfter(words);
  return {
    ending: signOf(status, words) ?? "failed",
    message: said,
    ...(after === null ? {} : { retryAfterMs: after }),
  };
}

function retryAfter(words: string): number | null {
  const [, amount, unit] =
    /retry.{0,3}(?:after|in|delay)\D{0,6}(\d+(?:\.\d+)?)\s*(ms|s|m)?/i.exec(words) ?? [];
  if (amount === undefined) return null;
  return Number(amount) * (unit === "ms" ? 1 : unit === "m" ? 60_000 : 1000);
}

/** How a turn ended by the end of its process. */
export function endedByExit({ ending, message, stderr }: Outcome, begun: boolean): Ended {
  const tail = stderr.trim().split("\n").slice(-5).join("\n").slice(-1000);
  const when = begun ? "in the middle of its turn" : "before its session began";
  const said = `${message || "it ended"} ${when}${tail === "" ? "" : `: ${tail}`}`;
  if (ending === "timeout") return { ending, message: said };
  return { ending: signOf(null, tail) ?? (begun ? "failed" : "start"), message: said };
}
