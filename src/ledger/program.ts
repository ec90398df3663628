import type { Contract, Program } from "../contract/index.ts";

/**
 * A program as a ledger keeps it. Sessions of earlier versions lack the keys that came later: they get the defaults,
 * which mean what those versions did.
 *
 * @param text JSON, written by this or an earlier version.
 */
export function storedProgram(text: string): Program {
  const { contract, ...rest } = JSON.parse(text) as Program;
  const own = { score: withNetwork(contract.score), decision: asBegun(contract.decision) };
  return { ...rest, contract: { ...later, ...contract, ...own } as Contract };
}

/** The rule that the session began with: parameters that it does not name came later, and were as good as these. */
function asBegun(decision: Contract["decision"]): Contract["decision"] {
  return { ...decision, parameters: { outlier: 0, retries: 0, ...decision.parameters } };
}

const later: Pick<Contract, "env" | "secrets" | "models" | "caches" | "tree"> = {
  env: [],
  secrets: [],
  models: [],
  caches: [],
  tree: "read-only",
};

function withNetwork(score: Contract["score"]): Contract["score"] {
  return score && { ...score, network: score.network ?? false };
}
