import { setTimeout as sleep } from "node:timers/promises";
import type * as z from "zod";
import { ask, type ModelTurn, type ProvidedModel } from "../agents/index.ts";
import type { NewTurn } from "../ledger/index.ts";

export interface JsonQuestion<T> {
  purpose: NewTurn["purpose"];
  instructions: string;
  prompt: string;
  form: z.ZodType<T>;
  /** What is wrong with an answer of the right form, one sentence each. */
  faults?: (value: T) => string[];
  signal?: AbortSignal;
  /** Keeps a turn, whatever came of it, and says why there must be no further one; null: go on. */
  record: (turn: NewTurn) => Promise<string | null>;
  /** Milliseconds of one answer. Default 5 minutes. */
  time?: number;
  seed?: number;
  /** Milliseconds before a refused call is tried again, doubled each time. Default 2000. */
  backoff?: number;
}

/** Answers that could not be used, before it is given up. */
const mostRepairs = 2;

/**
 * Asks a model for JSON of a certain form; what is wrong with an answer is said to it, twice at most.
 *
 * @returns null and why, when no answer could be had.
 */
export async function askJson<T>(
  provided: ProvidedModel,
  question: JsonQuestion<T>,
): Promise<{ value: T; why: null } | { value: null; why: string }> {
  const messages: { role: "user" | "assistant"; text: string }[] = [{ role: "user", text: question.prompt }];
  let why = "";
  for (let attempt = 0; attempt <= mostRepairs; attempt++) {
    const prompt = messages.at(-1)?.text ?? "";
    const turn = await patiently(
      async () => {
        const answer = await ask(provided, {
          ...{ instructions: question.instructions, messages, maxOutput: 16_000 },
          time: question.time ?? 5 * 60_000,
          ...(question.signal ? { signal: question.signal } : {}),
          ...(question.seed === undefined ? {} : { seed: question.seed }),
        });
        const end = await question.record({
          ...asTurn(answer, provided.id),
          purpose: question.purpose,
          prompt,
        });
        return { ...answer, end };
      },
      question.signal,
      question.backoff,
    );
    if (turn.ending !== "done") return { value: null, why: turn.message };
    const read = readJson(turn.text, question.form);
    const faults =
      "fault" in read
        ? [turn.truncated ? "the answer was cut at the output limit: be shorter" : read.fault]
        : (question.faults?.(read.value) ?? []);
    if (faults.length === 0 && "value" in read) return { value: read.value, why: null };
    why = `${provided.id} gave no answer that can be used: ${faults.join("; ")}`;
    if (turn.end !== null) return { value: null, why: turn.end };
    messages.push(
      { role: "assistant", text: turn.text || "(nothing)" },
      {
        role: "user",
        text: `That cannot be used:\n${faults.map((fault) => `- ${fault}`).join("\n")}\nAnswer again, with the whole JSON document and nothing else.`,
      },
    );
  }
  return { value: null, why };
}

export function asTurn(answer: ModelTurn, model: string): Omit<NewTurn, "purpose" | "prompt"> {
  const { ending, message, events, usage, raw, startedAt, wallMs } = answer;
  return { ending, message, events, usage, raw, startedAt, wallMs, researcher: model, model };
}

/**
 * Calls again, a few times, while a provider refuses for now.
 *
 * @param onWait told before each wait, in milliseconds.
 */
export async function patiently<
  T extends { ending: string; message: string; retryAfterMs: number | null; end: string | null },
>(
  call: () => Promise<T>,
  signal: AbortSignal | undefined,
  backoff = 2000,
  onWait: (ms: number, refused: T) => void = () => undefined,
): Promise<T> {
  for (let refused = 0; ; refused++) {
    const result = await call();
    const waits = result.ending === "rate" || result.ending === "outage";
    if (!waits || result.end !== null || refused === 5 || signal?.aborted) return result;
    const ms = Math.min(Math.max(result.retryAfterMs ?? 0, backoff * 2 ** refused), 10 * 60_000);
    onWait(ms, result);
    await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
}

/** The JSON document in an answer, with or without a fence or words around it. */
function readJson<T>(text: string, form: z.ZodType<T>): { value: T } | { fault: string } {
  const fenced = /```(?:json)?\s*\n([\s\S]*?)```/.exec(text)?.[1];
  const braces = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
  let fault = "there is no JSON document in it";
  for (const part of [text.trim(), fenced, braces]) {
    if (part === undefined || !part.trim().startsWith("{")) continue;
    let value: unknown;
    try {
      value = JSON.parse(part);
    } catch (error) {
      fault = `it is no valid JSON: ${(error as Error).message}`;
      continue;
    }
    const checked = form.safeParse(value);
    if (checked.success) return { value: checked.data };
    return {
      fault: checked.error.issues
        .slice(0, 10)
        .map((issue) => `${issue.path.map(String).join(".") || "the document"}: ${issue.message}`)
        .join("; "),
    };
  }
  return { fault };
}
