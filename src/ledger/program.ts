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
  const read = { ...later, ...contract, ...own } as Contract;
  return { ...rest, contract: isOfFirstVersion(contract) ? asFirstMeant(read) : read };
}

/** Sessions of the first version of the ledger do not say what is done on a divergence. */
function isOfFirstVersion(contract: Contract): boolean {
  return !("onDivergence" in contract);
}

/** Whether `raced` and `allowance` of the session's decisions were counted: the first version did not. */
export function countsRaces(text: string): boolean {
  return !isOfFirstVersion((JSON.parse(text) as Program).contract);
}

/**
 * Under the first version a bound of a guard counted alone, whatever its tolerance; no keep was doubted for its gain; and
 * fewer keeps of a deterministic evaluator were run again.
 */
function asFirstMeant(contract: Contract): Contract {
  const { guards, decision } = contract;
  return {
    ...contract,
    guards: guards.map((guard) =>
      guard.min === undefined && guard.max === undefined ? guard : { ...guard, tolerance: null },
    ),
    decision: { ...decision, parameters: { ...decision.parameters, jump: 1e6, recheckEvery: 10 } },
  };
}

/** The rule that the session began with. Parameters that it does not name came later; these values change nothing. */
function asBegun(decision: Contract["decision"]): Contract["decision"] {
  return { ...decision, parameters: { outlier: 0, retries: 0, ...decision.parameters } };
}

const later: Pick<
  Contract,
  "onDivergence" | "researchers" | "briefing" | "stuck" | "env" | "secrets" | "models" | "caches" | "tree"
> = {
  onDivergence: "warn",
  researchers: [{ kind: "search", options: {}, share: 1, name: "search" }],
  briefing: { tokens: 24_000 },
  stuck: { refine: 5, redirect: 10, rewind: 20 },
  env: [],
  secrets: [],
  models: [],
  caches: [],
  tree: "read-only",
};

function withNetwork(score: Contract["score"]): Contract["score"] {
  return score && { ...score, network: score.network ?? false };
}
