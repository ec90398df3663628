import { APICallError, StreamProviderError } from "ai";
import type { TurnEnding } from "../agent.ts";

/** What an error of a provider's client comes to. */
export interface ProviderError {
  ending: Extract<TurnEnding, "rate" | "outage" | "auth" | "limit" | "start" | "failed">;
  /** The provider's own words, as far as there are any. */
  message: string;
  status: number | null;
  /** Milliseconds until it is worth asking again, if the provider says so. */
  retryAfterMs: number | null;
  /** What it sent, for the record. */
  body: string;
}

/** Sorts the errors of all clients into the endings of a turn. */
export function providerError(error: unknown, now = Date.now()): ProviderError {
  if (!APICallError.isInstance(error)) {
    const data = StreamProviderError.isInstance(error) ? error.data : error;
    const message = wordsOf(error);
    const body = data instanceof Error ? message : (JSON.stringify(data) ?? "");
    // Errors in the middle of a stream come with the provider's type for them, and with a status only where it has one.
    const ending = /rate_limit|resource_exhausted/i.test(body)
      ? "rate"
      : /insufficient_quota/i.test(body)
        ? "limit"
        : "outage";
    return { ending, message, status: null, retryAfterMs: null, body };
  }
  const body = error.responseBody ?? "";
  const status = error.statusCode ?? null;
  return {
    ending: endingOf(status, body),
    message: error.message,
    status,
    retryAfterMs: retryAfter(error.responseHeaders ?? {}, body, now),
    body,
  };
}

function endingOf(status: number | null, body: string): ProviderError["ending"] {
  if (status === null) return "outage";
  if (status === 402 || /insufficient_quota|credit balance is too low/i.test(body)) return "limit";
  // Gemini answers a wrong key with 400.
  if (status === 401 || status === 403 || /API_KEY_INVALID|API key not valid/i.test(body)) return "auth";
  if (status === 404) return "start";
  if (status === 429) return "rate";
  if (status === 408 || status >= 500) return "outage";
  // A 200 whose stream could not be read to its end.
  if (status < 400) return "outage";
  return "failed";
}

/** From `retry-after-ms`, `retry-after` (seconds or a date, RFC 9110), or google.rpc.RetryInfo in the body. */
function retryAfter(headers: Record<string, string>, body: string, now: number): number | null {
  const ms = Number.parseFloat(headers["retry-after-ms"] ?? "");
  if (ms >= 0) return ms;
  const after = headers["retry-after"] ?? "";
  if (/^\s*\d+(\.\d+)?\s*$/.test(after)) return Number.parseFloat(after) * 1000;
  const date = Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, date - now);
  const delay = /"retryDelay"\s*:\s*"([\d.]+)s"/.exec(body)?.[1];
  return delay === undefined ? null : Number.parseFloat(delay) * 1000;
}

function wordsOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (error instanceof Error) {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    return `${error.message}${cause}`;
  }
  const { message, error: inner } = (error ?? {}) as { message?: unknown; error?: unknown };
  if (typeof message === "string") return message;
  return inner === undefined ? "it gives no reason" : wordsOf(inner);
}
