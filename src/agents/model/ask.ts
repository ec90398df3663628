import type { FinishReason, ModelMessage } from "ai";
import type { TurnEnding } from "../agent.ts";
import { type TraceEvent, type Usage, usageOf } from "../trace.ts";
import { dollarsOf } from "./prices.ts";
import type { ProvidedModel } from "./provider.ts";
import { redactor } from "./redact.ts";

export interface Question {
  /** What it is told once and for all. */
  instructions: string;
  /** The conversation so far, beginning and ending with the user's words. */
  messages: { role: "user" | "assistant"; text: string }[];
  /** Most tokens of the answer, reasoning included. */
  maxOutput: number;
  /** Milliseconds for the whole answer. */
  time: number;
  /** Milliseconds without any sign of life after which it counts as hanging. Default 3 minutes. */
  idle?: number;
  signal?: AbortSignal;
  onEvent?: (event: TraceEvent) => void;
}

/** What came of one call. */
export interface ModelTurn {
  ending: TurnEnding;
  /** A sentence for a person when `ending` is not `done`. */
  message: string;
  text: string;
  /** The answer ends because the output limit was reached. */
  truncated: boolean;
  events: TraceEvent[];
  usage: Usage;
  /** The provider's own stream, one JSON document a line; its error body, if it came to that. */
  raw: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  wallMs: number;
  /** For `rate` and `outage`: when to come again, milliseconds, if the provider says so. */
  retryAfterMs: number | null;
}

const patience = 3 * 60_000;
const rawLimit = 16 * 2 ** 20;

/**
 * Asks a model once. No retries: whether and when to come again is for the caller to say. Never throws for what a
 * provider does; what it cost is unknown (null) where the answer broke off before its end.
 */
export async function ask(provided: ProvidedModel, question: Question): Promise<ModelTurn> {
  const { streamText } = await import("ai");
  const { providerError } = await import("./providerError.ts");
  // Otherwise the library writes its warnings to the terminal.
  (globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

  const redact = redactor(provided.secrets);
  const startedAt = Date.now();
  const events: TraceEvent[] = [];
  const emit = (event: TraceEvent) => {
    events.push(event);
    question.onEvent?.(event);
  };
  const cut = cutter(question);
  const raw: string[] = [];
  let rawLength = 0;
  let text = "";
  let reasoning = "";
  let finish: { reason: FinishReason; usage: Omit<Usage, "dollars"> } | null = null;
  let failure: unknown;

  emit({ at: startedAt, type: "begin", agent: "model", version: null, model: provided.id, session: null });
  const last = question.messages.at(-1);
  if (last) emit({ at: startedAt, type: "message", role: "user", text: redact(last.text) });

  try {
    const { stream } = streamText({
      model: provided.model,
      instructions: question.instructions,
      messages: question.messages.map(({ role, text: content }): ModelMessage => ({ role, content })),
      maxOutputTokens: question.maxOutput,
      maxRetries: 0,
      abortSignal: cut.signal,
      include: { rawChunks: true },
      providerOptions: { openai: { store: false } },
      // The error comes as a part of the stream too; without this it is printed.
      onError: () => undefined,
    });
    const parts = stream[Symbol.asyncIterator]();
    for (;;) {
      const next = parts.next();
      // What is still under way when the call is cut off may fail later, unheard.
      next.catch(() => undefined);
      const { done, value: part } = await Promise.race([next, cut.off]);
      if (done) break;
      cut.alive();
      if (part.type === "text-delta") text += part.text;
      else if (part.type === "reasoning-delta") reasoning += part.text;
      else if (part.type === "error") failure = part.error;
      else if (part.type === "raw") {
        const line = redact(JSON.stringify(part.rawValue) ?? "");
        rawLength += line.length;
        if (rawLength <= rawLimit) raw.push(line);
      } else if (part.type === "finish-step")
        finish = {
          reason: part.finishReason,
          usage: {
            input: part.usage.inputTokens ?? null,
            output: part.usage.outputTokens ?? null,
            cached: part.usage.inputTokenDetails.cacheReadTokens ?? null,
          },
        };
    }
  } catch (error) {
    failure ??= error;
  } finally {
    cut.release();
  }

  if (reasoning !== "") emit({ at: Date.now(), type: "message", role: "reasoning", text: redact(reasoning) });
  if (text !== "") emit({ at: Date.now(), type: "message", role: "assistant", text: redact(text) });
  if (finish) {
    const dollars = provided.priced === null ? null : dollarsOf(provided.priced, finish.usage);
    if (Object.values(finish.usage).some((value) => value !== null))
      emit({ at: Date.now(), type: "usage", scope: "step", ...finish.usage, dollars });
  }

  const outcome = (): Pick<ModelTurn, "ending" | "message" | "retryAfterMs"> => {
    const ended = (ending: TurnEnding, message: string, retryAfterMs: number | null = null) => ({
      ending,
      message: redact(message),
      retryAfterMs,
    });
    const { id } = provided;
    const reason = cut.reason();
    if (reason === "cancelled") return ended("cancelled", `${id}: the call was cancelled.`);
    if (reason === "timeout")
      return ended("timeout", `${id} did not finish its answer within ${seconds(question.time)}.`);
    if (reason === "idle")
      return ended("idle", `${id} sent nothing for ${seconds(question.idle ?? patience)} and was cut off.`);
    if (failure !== undefined) {
      const { ending, message, status, retryAfterMs, body } = providerError(failure);
      if (body !== "") raw.push(redact(body.slice(0, rawLimit)));
      return ended(
        ending,
        `${id} ${whatItMeans(ending, provided.keyName)}${status === null ? "" : ` (HTTP ${status})`}: ${message}`,
        retryAfterMs,
      );
    }
    if (finish === null || finish.reason === "error" || finish.reason === "interrupted")
      return ended("outage", `${id}: the answer broke off before its end.`);
    if (finish.reason === "content-filter")
      return ended("failed", `${id}: the provider withheld the answer (content filter).`);
    return ended("done", "");
  };
  const { ending, message, retryAfterMs } = outcome();
  emit({
    at: Date.now(),
    type: "final",
    ok: ending === "done",
    text: redact(text),
    reason: ending === "done" ? null : message,
  });
  return {
    ending,
    message,
    text,
    truncated: finish?.reason === "length",
    events,
    usage: usageOf(events),
    raw: raw.map((line) => `${line}\n`).join(""),
    startedAt,
    wallMs: Date.now() - startedAt,
    retryAfterMs,
  };
}

type Cut = "cancelled" | "timeout" | "idle";

/** Ends a call at its time, after too long a silence, or when the caller says so. */
function cutter({ time, idle = patience, signal }: Question) {
  const controller = new AbortController();
  let reason: Cut | null = null;
  let end: (error: Error) => void = () => undefined;
  const off = new Promise<never>((_, reject) => {
    end = reject;
  });
  off.catch(() => undefined);
  const stop = (why: Cut) => {
    if (reason !== null) return;
    reason = why;
    controller.abort();
    end(new Error(why));
  };
  const cancelled = () => stop("cancelled");
  if (signal?.aborted) cancelled();
  signal?.addEventListener("abort", cancelled, { once: true });
  const whole = setTimeout(() => stop("timeout"), time);
  let silence = setTimeout(() => stop("idle"), idle);
  return {
    signal: controller.signal,
    off,
    reason: () => reason,
    alive() {
      clearTimeout(silence);
      silence = setTimeout(() => stop("idle"), idle);
    },
    release() {
      clearTimeout(whole);
      clearTimeout(silence);
      signal?.removeEventListener("abort", cancelled);
    },
  };
}

function whatItMeans(ending: TurnEnding, keyName: string | null): string {
  if (ending === "auth") return keyName === null ? "wants a key" : `refuses the key in ${keyName}`;
  if (ending === "rate") return "takes no more requests for now";
  if (ending === "outage") return "cannot be reached or fails";
  if (ending === "limit") return "answers no more: the account's credit or quota is used up";
  if (ending === "start") return "is not known to its provider";
  return "refused the request";
}

function seconds(ms: number): string {
  return `${(ms / 1000).toLocaleString("en-US", { maximumFractionDigits: 1 })} s`;
}
