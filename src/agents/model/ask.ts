import type { FinishReason, JSONSchema7, ModelMessage, ToolSet } from "ai";
import type { ZodType } from "zod";
import { redactor } from "../../redaction/index.ts";
import { dollarsOf } from "../../relay/index.ts";
import { added, type TraceEvent, type Usage, usageOf } from "../../trace.ts";
import type { TurnEnding } from "../agent.ts";
import { patientModel } from "./again.ts";
import type { ProvidedModel } from "./provider.ts";

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
  /** What the model may call. Its calls are carried out one after the other, and it is asked again with their results. */
  tools?: readonly ModelTool[];
  /** Most answers, each but the last followed by calls. Default 1. */
  steps?: number;
  /** Asked after each answer that called tools: why there must be no other one; null: go on. */
  enough?: (usage: Usage) => string | null;
  /** Handed on to providers that know one. */
  seed?: number;
  /** Milliseconds before a refused call in the midst of the work is made again, doubled each time. Default 2000. */
  backoff?: number;
}

/** Something that a model can call. */
export interface ModelTool {
  name: string;
  description: string;
  /** What its arguments must look like; others never reach `run`. */
  parameters: ZodType | { jsonSchema: object };
  /** @throws Error whose message the model is told. */
  run(args: unknown, signal: AbortSignal): Promise<ToolAnswer>;
}

export interface ToolAnswer {
  /** What the model is told. */
  text: string;
  ok: boolean;
  /** Of a command; null: it was none. */
  exitCode: number | null;
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
 * Asks a model once, or with tools until it calls none any more. A first call that is refused is not made again: whether
 * and when to come again is for the caller to say. Never throws for what a provider does; what it cost is unknown (null)
 * where the answer broke off before its end.
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
  /** How much of `text` is in the trace. */
  let told = 0;
  let over: string | null = null;
  const callsAt = new Map<string, number>();
  let finish: { reason: FinishReason } | null = null;
  let failure: unknown;

  emit({ at: startedAt, type: "begin", agent: "model", version: null, model: provided.id, session: null });
  const last = question.messages.at(-1);
  if (last) emit({ at: startedAt, type: "message", role: "user", text: redact(last.text) });

  const tell = () => {
    const at = Date.now();
    if (reasoning !== "") emit({ at, type: "message", role: "reasoning", text: redact(reasoning) });
    const said = text.slice(told);
    if (said !== "") emit({ at, type: "message", role: "assistant", text: redact(said) });
    reasoning = "";
    told = text.length;
  };
  const answered = (id: string, answer: ToolAnswer, error: string | null) => {
    const at = Date.now();
    const began = callsAt.get(id);
    emit({
      ...{
        at,
        type: "result",
        id,
        ok: answer.ok,
        output: redact(answer.text),
        error: error && redact(error),
      },
      ...{ exitCode: answer.exitCode, ms: began === undefined ? null : at - began, msFrom: "arrival" },
    });
  };
  const { steps = 1 } = question;
  const limit = (made: readonly { usage: TokenCounts }[]) => {
    over ??= question.enough?.(made.map((each) => spent(provided, each.usage)).reduce(added)) ?? null;
    return over !== null;
  };

  try {
    const { stream } = streamText({
      model:
        steps > 1
          ? await patientModel(provided.model, { ...cut, backoff: question.backoff ?? 2000 })
          : provided.model,
      instructions: question.instructions,
      messages: question.messages.map(({ role, text: content }): ModelMessage => ({ role, content })),
      maxOutputTokens: question.maxOutput,
      maxRetries: 0,
      ...(question.seed === undefined ? {} : { seed: question.seed }),
      ...(question.tools ? { tools: await toolSet(question.tools, cut), toolCallConcurrency: 1 } : {}),
      stopWhen: ({ steps: made }) => limit(made) || made.length >= steps,
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
      if (part.type === "start-step") {
        text = "";
        told = 0;
      } else if (part.type === "text-delta") text += part.text;
      else if (part.type === "reasoning-delta") reasoning += part.text;
      else if (part.type === "tool-call") {
        tell();
        callsAt.set(part.toolCallId, Date.now());
        const args = redact(JSON.stringify(part.input) ?? "null");
        emit({ at: Date.now(), type: "call", id: part.toolCallId, tool: part.toolName, args });
      } else if (part.type === "tool-result") {
        const answer = part.output as ToolAnswer;
        answered(part.toolCallId, answer, answer.ok ? null : answer.text);
      } else if (part.type === "tool-error") {
        const error = part.error instanceof Error ? part.error.message : String(part.error);
        answered(part.toolCallId, { text: error, ok: false, exitCode: null }, error);
      } else if (part.type === "error") failure = part.error;
      else if (part.type === "raw") {
        const line = redact(JSON.stringify(part.rawValue) ?? "");
        rawLength += line.length;
        if (rawLength <= rawLimit) raw.push(line);
      } else if (part.type === "finish-step") {
        tell();
        finish = { reason: part.finishReason };
        const usage = spent(provided, part.usage);
        if (usage.input !== null || usage.output !== null || usage.cached !== null)
          emit({ at: Date.now(), type: "usage", scope: "step", ...usage });
      }
    }
  } catch (error) {
    failure ??= error;
  } finally {
    cut.release();
  }

  tell();

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
    if (over !== null) return ended("limit", `${id}: ${over}`);
    if (question.tools && finish?.reason === "tool-calls")
      return ended("limit", `${id} was still at work after ${steps} answers.`);
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

/** As the library counts. */
interface TokenCounts {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  inputTokenDetails: { cacheReadTokens: number | undefined };
}

function spent({ priced }: ProvidedModel, counts: TokenCounts): Usage {
  const usage = {
    input: counts.inputTokens ?? null,
    output: counts.outputTokens ?? null,
    cached: counts.inputTokenDetails.cacheReadTokens ?? null,
  };
  return { ...usage, dollars: priced === null ? null : dollarsOf(priced, usage) };
}

async function toolSet(tools: readonly ModelTool[], cut: ReturnType<typeof cutter>): Promise<ToolSet> {
  const { jsonSchema, tool } = await import("ai");
  return Object.fromEntries(
    tools.map((each) => [
      each.name,
      tool({
        description: each.description,
        inputSchema:
          "jsonSchema" in each.parameters
            ? jsonSchema(each.parameters.jsonSchema as JSONSchema7)
            : (each.parameters as ZodType<unknown>),
        // A tool may be silent for long.
        execute: async (args: unknown) => {
          cut.hold();
          try {
            return await each.run(args, cut.signal);
          } finally {
            cut.alive();
          }
        },
        toModelOutput: ({ output }) => ({ type: "text", value: (output as ToolAnswer).text }),
      }),
    ]),
  );
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
    hold() {
      clearTimeout(silence);
    },
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
