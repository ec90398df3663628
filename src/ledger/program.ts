import type { Contract, Program } from "../contract/index.ts";

/**
 * A program as a ledger keeps it. Sessions of earlier versions lack the keys that came later: they get the defaults,
 * which mean what those versions did.
 *
 * @param text JSON, written by this or an earlier version.
 */
export function storedProgram(text: string): Program {
  const { contract, ...rest } = JSON.parse(text) as Program;
  return { ...rest, contract: { ...later, ...contract, score: withNetwork(contract.score) } as Contract };
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
