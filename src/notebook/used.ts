import type { Contract } from "../contract/index.ts";
import { type Ledger, modelSpending, usedOf } from "../ledger/index.ts";
import type { ModelSpent, RowUse } from "./model.ts";

/** What an evaluation's row says of its grants (`Used` of the relay); older rows may lack parts. */
type Recorded = {
  models?: (Omit<RowUse["models"][number], "tokens"> & { tokensIn: number; tokensOut: number })[];
  reached?: Record<string, number>;
  refused?: Record<string, number>;
};

/** What a session has spent on each model of its contract, with the limits; models that were never asked included. */
export async function modelsOf(
  ledger: Ledger,
  sessionId: number,
  { models }: Contract,
): Promise<ModelSpent[]> {
  if (models.length === 0) return [];
  const all = await modelSpending(ledger, sessionId);
  return models.map(({ model, to: asker, session: limits }) => {
    const spent = all.find((each) => each.model === model && each.asker === asker);
    const { calls, tokens, dollars, unpriced } = spent ?? { calls: 0, tokens: 0, dollars: 0, unpriced: 0 };
    return { model, asker, calls, tokens, dollars: unpriced > 0 ? null : dollars, limits };
  });
}

/** What the runs of each experiment used; those that used nothing are not in it. */
export async function usesOf(ledger: Ledger, experimentIds: readonly number[]): Promise<Map<number, RowUse>> {
  const found = new Map<number, RowUse>();
  for (const { experimentId, used } of await usedOf(ledger, experimentIds)) {
    const sum = found.get(experimentId) ?? { models: [], reached: {}, refused: {} };
    const { models = [], reached = {}, refused = {} } = JSON.parse(used) as Recorded;
    for (const { tokensIn, tokensOut, ...each } of models)
      add(sum.models, { ...each, tokens: tokensIn + tokensOut });
    for (const [into, counts] of [
      [sum.reached, reached],
      [sum.refused, refused],
    ] as const)
      for (const [host, count] of Object.entries(counts)) into[host] = (into[host] ?? 0) + count;
    found.set(experimentId, sum);
  }
  for (const [id, { models, reached, refused }] of found)
    if (models.length + Object.keys(reached).length + Object.keys(refused).length === 0) found.delete(id);
  return found;
}

function add(all: RowUse["models"], use: RowUse["models"][number]): void {
  const known = all.find(({ model, asker }) => model === use.model && asker === use.asker);
  if (!known) {
    const { model, asker, calls, cached, failed, refused, tokens, dollars } = use;
    all.push({ model, asker, calls, cached, failed, refused, tokens, dollars });
    return;
  }
  for (const name of ["calls", "cached", "failed", "refused", "tokens"] as const) known[name] += use[name];
  known.dollars = known.dollars === null || use.dollars === null ? null : known.dollars + use.dollars;
}
