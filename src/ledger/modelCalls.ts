import type { Insertable, Selectable } from "kysely";
import { link } from "./chain.ts";
import type { Ledger } from "./ledger.ts";
import type { ModelCallTable } from "./schema.ts";

export type ModelCallRow = Selectable<ModelCallTable>;

export async function addModelCall(
  ledger: Ledger,
  call: Omit<Insertable<ModelCallTable>, "id">,
): Promise<void> {
  await ledger.db.transaction().execute(async (tx) => {
    const { id } = await tx.insertInto("modelCalls").values(call).returning("id").executeTakeFirstOrThrow();
    await link(tx, "model_calls", id);
  });
}

/** What a session spent on one model for one asker; `unpriced`: calls of which nobody knows what they cost. */
export interface ModelSpending {
  asker: "run" | "score";
  model: string;
  calls: number;
  tokens: number;
  /** US dollars at list price, of the calls whose price is known. */
  dollars: number;
  unpriced: number;
}

export async function modelSpending(ledger: Ledger, sessionId: number): Promise<ModelSpending[]> {
  const rows = await ledger.db
    .selectFrom("modelCalls")
    .where("sessionId", "=", sessionId)
    .select((eb) => [
      "asker",
      "model",
      eb.fn.countAll<number>().as("calls"),
      eb.fn.sum<number>(eb("tokensIn", "+", eb.ref("tokensOut"))).as("tokens"),
      eb.fn.sum<number | null>("dollars").as("dollars"),
      eb.fn.count<number>("dollars").as("priced"),
    ])
    .groupBy(["asker", "model"])
    .execute();
  return rows.map(({ priced, ...row }) => ({
    ...{ asker: row.asker, model: row.model, calls: Number(row.calls), tokens: Number(row.tokens) },
    ...{ dollars: Number(row.dollars ?? 0), unpriced: Number(row.calls) - Number(priced) },
  }));
}

/**
 * What runs recorded of their use of models and hosts, as JSON. Without looks at a holdout: of these nobody is told more
 * than one bit.
 */
export async function usedOf(
  ledger: Ledger,
  experimentIds: readonly number[],
): Promise<{ experimentId: number; used: string }[]> {
  const found: { experimentId: number; used: string }[] = [];
  // SQLite binds at most 32,766 values in one statement.
  for (let start = 0; start < experimentIds.length; start += 10_000)
    found.push(
      ...((await ledger.db
        .selectFrom("evaluations")
        .select(["experimentId", "used"])
        .where("experimentId", "in", experimentIds.slice(start, start + 10_000))
        .where("used", "is not", null)
        .where("purpose", "!=", "holdout")
        .orderBy("id")
        .execute()) as { experimentId: number; used: string }[]),
    );
  return found;
}

/** The answer that a request of this pair got; null: it is the first. */
export async function modelAnswer(
  ledger: Ledger,
  sessionId: number,
  asker: ModelCallRow["asker"],
  key: string,
): Promise<{ contentType: string; body: Buffer } | null> {
  const row = await ledger.db
    .selectFrom("modelCalls")
    .select(["contentType", "answer"])
    .where("sessionId", "=", sessionId)
    .where("asker", "=", asker)
    .where("key", "=", key)
    .where("answer", "is not", null)
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
  return row?.answer ? { contentType: row.contentType ?? "application/json", body: row.answer } : null;
}
