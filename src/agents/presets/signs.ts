import type { TurnEnding } from "../agent.ts";

/**
 * What an HTTP status, and the words that came with it, say about a failed turn; null: nothing that is known.
 *
 * @param status 0: the provider could not be reached; null: it is not known.
 */
export function signOf(status: number | null, words: string): TurnEnding | null {
  if (/retryDelay|retry in \d/i.test(words) && (status === null || status === 429)) return "rate";
  // Providers answer an empty account with 429 as well: waiting does not fill it.
  if (/insufficient_quota|credit balance|billing|payment required/i.test(words)) return "auth";
  if (status === 401 || status === 402 || status === 403) return "auth";
  if (status === 429) return "rate";
  if (status === 0 || status === 408 || (status !== null && status >= 500)) return "outage";
  if (status !== null) return null;
  if (
    /\b(401|403)\b|unauthori[sz]ed|invalid (api|x-api)[ -]?key|not logged in|please (log|sign) ?in|\/login/i.test(
      words,
    )
  )
    return "auth";
  if (
    /\b429\b|rate.?limit|too many requests|(usage|session) limit|hit your .*limit|resource.?exhausted/i.test(
      words,
    )
  )
    return "rate";
  if (
    /\b5\d\d\b.*(error|server|gateway|unavailable)|overloaded|internal server error|service unavailable|bad gateway/i.test(
      words,
    ) ||
    /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|socket|fetch failed|network|connection (error|reset|closed|refused)|stream (error|disconnected|closed)|terminated|timed? ?out/i.test(
      words,
    )
  )
    return "outage";
  return null;
}
