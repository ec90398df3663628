import { addModelCall, type Ledger, modelAnswer, modelSpending } from "../ledger/index.ts";
import type { Book } from "../relay/index.ts";

/** A session's record of its calls of models, in the ledger: what was spent survives whatever ends the process. */
export function modelBook(ledger: Ledger, sessionId: number): Book {
  return {
    async spent(asker, model) {
      const all = await modelSpending(ledger, sessionId);
      const own = all.find((each) => each.asker === asker && each.model === model);
      return own ?? { calls: 0, tokens: 0, dollars: 0 };
    },
    find: (asker, key) => modelAnswer(ledger, sessionId, asker, key),
    add: ({ answer, ...call }) =>
      addModelCall(ledger, {
        ...call,
        ...{ sessionId, contentType: answer?.contentType ?? null, answer: answer?.body ?? null },
      }),
  };
}
