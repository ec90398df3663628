import type { Contract } from "./contract.ts";

export function channelOf(contract: Contract): Channel {
  if (contract.metric.clock) return "clocked";
  return contract.score && !contract.score.evaluator?.inProcess ? "scored" : "self-reported";
}

/** Whether what decides depends on how busy the machine is: such runs have it for themselves. */
export function isTimed(contract: Contract): boolean {
  return [contract.metric, ...contract.guards].some(
    ({ clock }) => clock?.kind === "wall" || clock?.kind === "cpu",
  );
}

/** Whether what decides depends on how much memory a run holds. */
export function isWeighed(contract: Contract): boolean {
  return [contract.metric, ...contract.guards].some(({ clock }) => clock?.kind === "memory");
}

/** How the metric reached us: see "The contract" in docs/design.md. */
export type Channel = "scored" | "clocked" | "self-reported";
