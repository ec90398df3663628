import type { z } from "zod";
import { ask, type ModelTurn, type ProvidedModel } from "../agents/index.ts";
import { RunFailed } from "../errors.ts";
import { addTurns, type Ledger, type NewTurn } from "../ledger/index.ts";
import { costOf, type Meter } from "./limits.ts";

/** The model that words things, and what it may take. */
export interface Asking {
  ledger: Ledger;
  model: ProvidedModel;
  meter: Meter;
  signal?: AbortSignal;
}

/** Most tokens of an answer, reasoning included; milliseconds for it. */
const maxOutput = 16_000;
const time = 10 * 60_000;

/**
 * Asks a model for JSON of a given form; an answer that does not have it, or of which `problems` complains, gets one more
 * turn with the exact complaint. Every turn is recorded.
 *
 * @throws RunFailed when the model does not answer, or not in this form, or the limits are reached.
 */
export async function askFor<Schema extends z.ZodType>(
  { ledger, model, meter, signal }: Asking,
  question: {
    instructions: string;
    text: string;
    schema: Schema;
    problems?: (value: z.output<Schema>) => string[];
  },
): Promise<z.output<Schema>> {
  const messages: { role: "user" | "assistant"; text: string }[] = [{ role: "user", text: question.text }];
  let complaint = "";
  for (let attempt = 0; attempt < 2; attempt++) {
    const beyond = meter.beyond();
    if (beyond !== null)
      throw new RunFailed(`${model.id} was not asked: ${beyond}`, "raise the limit and go on");
    const turn = await ask(model, {
      ...{ instructions: question.instructions, messages, maxOutput, time },
      ...(signal ? { signal } : {}),
    });
    meter.add(costOf(turn.usage));
    const read = turn.ending === "done" ? parsed(turn, question.schema) : { complaint: turn.message };
    const problems = "value" in read ? (question.problems?.(read.value) ?? []) : [];
    complaint = "value" in read ? problems.map((problem) => `- ${problem}`).join("\n") : read.complaint;
    await addTurns(ledger, null, null, [
      recorded(model, question.instructions, messages.at(-1)?.text ?? "", turn, complaint),
    ]);
    if ("value" in read && complaint === "") return read.value;
    if (turn.ending !== "done")
      throw new RunFailed(`${model.id} gave no answer: ${turn.message}`, "try again later");
    messages.push({ role: "assistant", text: turn.text || "(nothing)" });
    messages.push({
      role: "user",
      text: `Your answer cannot be used:\n${complaint}\n\nGive the whole answer again, as one JSON document and nothing else.`,
    });
  }
  throw new RunFailed(
    `${model.id} gave no usable answer twice:\n${complaint}`,
    "another model may do better",
  );
}

function parsed<Schema extends z.ZodType>(
  turn: ModelTurn,
  schema: Schema,
): { value: z.output<Schema> } | { complaint: string } {
  if (turn.truncated) return { complaint: "It was cut off at the limit of its length: be briefer." };
  const start = turn.text.indexOf("{");
  const end = turn.text.lastIndexOf("}");
  if (start === -1 || end < start) return { complaint: "It holds no JSON document." };
  let document: unknown;
  try {
    document = JSON.parse(turn.text.slice(start, end + 1));
  } catch (error) {
    return { complaint: `It is no JSON: ${(error as Error).message}` };
  }
  const result = schema.safeParse(document);
  if (result.success) return { value: result.data };
  return {
    complaint: result.error.issues
      .slice(0, 10)
      .map(({ path, message }) => `- ${path.join(".") || "the document"}: ${message}`)
      .join("\n"),
  };
}

function recorded(
  model: ProvidedModel,
  instructions: string,
  words: string,
  turn: ModelTurn,
  complaint: string,
): NewTurn {
  const { ending, message, events, usage, raw, startedAt, wallMs } = turn;
  const unusable = ending === "done" && complaint !== "";
  return {
    ...{ researcher: model.id, purpose: "forge", prompt: `${instructions}\n\n${words}` },
    ...{ ending: unusable ? "malformed" : ending, message: unusable ? complaint : message },
    ...{ events, usage, raw, startedAt, wallMs, model: model.id },
  };
}
