import type { Outcome } from "../../sandbox/index.ts";
import type { TraceEvent } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import { signOf } from "../presets/signs.ts";
import type { ProviderAnswer } from "../relay/relay.ts";

export interface Evidence {
  /** Why we ended it, if we did. */
  cut: { ending: TurnEnding; message: string } | null;
  outcome: Pick<Outcome, "ending" | "exitCode" | "message" | "stderr">;
  /** The agent's own final event; null: none came. */
  final: (TraceEvent & { type: "final" }) | null;
  /** Whether this agent writes one. */
  hasFinal: boolean;
  /** What its words say about a bad ending. */
  sign: TurnEnding | null;
  /** The provider's last answer, where we see it. */
  answer: ProviderAnswer | null;
  /** The last line that it printed. */
  lastLine: string;
}

/** How a turn ended, from everything that is known. No single sign suffices: agents say "success", and exit with 0, on errors. */
export function verdict(evidence: Evidence): { ending: TurnEnding; message: string } {
  const { cut, outcome, final, answer } = evidence;
  const asked = looksLikeQuestion(evidence.lastLine) && !evidence.hasFinal;
  if (cut) {
    const sign =
      cut.ending === "idle" && answer && failed(answer) ? signOf(answer.status, answer.message) : null;
    if (answer && sign) return { ending: sign, message: refusal(sign, answer) };
    if (cut.ending === "idle" && asked)
      return { ending: "asked", message: `it waited for an answer to: ${evidence.lastLine.trim()}` };
    return cut;
  }
  if (outcome.ending === "timeout" && asked)
    return { ending: "asked", message: `it waited for an answer to: ${evidence.lastLine.trim()}` };
  if (outcome.ending === "timeout" || outcome.ending === "cancelled" || outcome.ending === "start")
    return { ending: outcome.ending, message: outcome.message };
  if (
    outcome.ending === "exit" &&
    (outcome.exitCode === 126 || outcome.exitCode === 127) &&
    evidence.lastLine === "" &&
    !final
  )
    return {
      ending: "start",
      message: `it could not be started: ${lastLine(outcome.stderr) || outcome.message}`,
    };
  if (outcome.ending === "ok" && (final?.ok || !evidence.hasFinal)) return { ending: "done", message: "" };

  const reason =
    (final?.ok === false ? final.reason : null) ??
    (outcome.ending !== "ok"
      ? [outcome.message, lastWords(evidence)].filter((each) => each !== "").join(": ")
      : "it ended without a word on how it went");
  const seen = answer && failed(answer) ? signOf(answer.status, `${answer.message} ${reason}`) : null;
  return {
    ending:
      seen ??
      evidence.sign ??
      (evidence.hasFinal && !final ? signOf(null, lastLine(outcome.stderr)) : null) ??
      "failed",
    message: reason,
  };
}

/** What a person is told of a provider that refuses. */
export function refusal(ending: TurnEnding, { status, message, retryAfterMs }: ProviderAnswer): string {
  const words = wordsOf(message) || (ending === "rate" ? "too many requests" : "");
  const what =
    status === 0 ? `cannot be reached (${message})` : `answered ${status}${words === "" ? "" : `: ${words}`}`;
  const when = retryAfterMs === null ? "" : `; it says to come again in ${Math.ceil(retryAfterMs / 1000)} s`;
  return `the model's provider ${what}${when}`;
}

/** The sentence for a person in a provider's refusal. */
function wordsOf(body: string): string {
  const words = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(body)?.[1];
  try {
    return words === undefined ? "" : (JSON.parse(words) as string).slice(0, 300);
  } catch {
    return "";
  }
}

export function failed({ status }: ProviderAnswer): boolean {
  return status < 200 || status >= 400;
}

/** The last line of standard error, or of what was printed: events of an agent that writes such are no words. */
function lastWords({ outcome, hasFinal, lastLine: printed }: Evidence): string {
  return lastLine(outcome.stderr) || (hasFinal ? "" : lastLine(printed));
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim().slice(0, 500) ?? "";
}

/** A prompt that a program waits behind: a question mark, or a choice in brackets, at the very end. */
function looksLikeQuestion(line: string): boolean {
  return /(\?|\[y\/n\]|\(y\/n\)|\(yes\/no\))\s*[:>]?\s*$/i.test(line);
}
