import type { z } from "zod";
import type { ProvidedModel } from "../../agents/index.ts";
import { RunFailed } from "../../errors.ts";
import { askJson } from "../../goals/index.ts";
import { addTurns, type Ledger } from "../../ledger/index.ts";
import { costOf, type Meter } from "../test/limits.ts";

/** The model that words things, and what it may take. */
export interface Asking {
  ledger: Ledger;
  model: ProvidedModel;
  meter: Meter;
  signal?: AbortSignal;
}

/**
 * Asks a model for JSON of a given form; what `faults` (or the form) complains of is said to it. Every turn is recorded
 * and counts against the limits.
 *
 * @throws RunFailed when the model does not answer, or not in this form, or the limits are reached.
 */
export async function askFor<T>(
  { ledger, model, meter, signal }: Asking,
  question: { instructions: string; prompt: string; form: z.ZodType<T>; faults?: (value: T) => string[] },
): Promise<T> {
  const beyond = meter.beyond();
  if (beyond !== null)
    throw new RunFailed(`${model.id} was not asked: ${beyond}`, "raise the limit and go on");
  const { value, why } = await askJson(model, {
    ...{ ...question, purpose: "forge" },
    ...(signal ? { signal } : {}),
    record: async (turn) => {
      meter.add(costOf(turn.usage));
      await addTurns(ledger, null, null, [turn]);
      return meter.beyond();
    },
  });
  if (why !== null) throw new RunFailed(why, "try again, or with another model");
  return value;
}
