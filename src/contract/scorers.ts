import type { ForeignEvaluator, Network } from "./contract.ts";
import type { FrontMatter } from "./schema.ts";

/** A scorer that starts the shim for an evaluator of another tool. */
export interface ForeignScore {
  command: string;
  evaluator: ForeignEvaluator;
  private?: string | string[];
  time?: string | number;
  network?: Network;
}

/** The scorer of a contract that names an evaluator of another tool; undefined for every other contract. */
export function foreignScore(given: FrontMatter["score"]): ForeignScore | undefined {
  if (given === undefined || typeof given === "string" || "command" in given) return undefined;
  const { program, inProcess = false, private: hidden, time, network } = given;
  const [kind, target] =
    "openevolve" in given
      ? (["openevolve", given.openevolve] as const)
      : "shinka" in given
        ? (["shinka", given.shinka] as const)
        : "gepa" in given
          ? (["gepa", given.gepa] as const)
          : (["python", given.python] as const);
  return {
    command: `whetstone-shim ${kind} ${target}`,
    evaluator: { kind, target, inProcess, ...(program === undefined ? {} : { program }) },
    ...(hidden === undefined ? {} : { private: hidden }),
    ...(time === undefined ? {} : { time }),
    ...(network === undefined ? {} : { network }),
  };
}
