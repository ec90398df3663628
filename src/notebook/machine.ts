import { type Contract, isTimed } from "../contract/index.ts";
import { drift } from "../decision/index.ts";
import type { MachineRow } from "../ledger/index.ts";
import type { Neighbours } from "../sandbox/index.ts";
import type { ReportMachine } from "./model.ts";

/** Runs of a state that has been chosen already, on the data that decides: neither selected nor of another kind. */
const plain = ["baseline", "control", "race", "confirm"];

/**
 * What the machine did during some runs: shares weighted by the runs' time, and whether unchanged code drifts.
 *
 * @param runs in any order; those without counters or value are passed over.
 */
export function machineOf(contract: Contract, runs: readonly MachineRow[]): ReportMachine {
  const known = runs.flatMap(({ machine, wallMs }) =>
    machine === null ? [] : [{ ...(JSON.parse(machine) as Neighbours), wallMs }],
  );
  const whole = known.reduce((sum, { wallMs }) => sum + wallMs, 0);
  const summary = (of: "others" | "steal") =>
    whole === 0
      ? null
      : {
          mean: known.reduce((sum, run) => sum + run[of] * run.wallMs, 0) / whole,
          worst: known.reduce((most, run) => Math.max(most, run[of]), 0),
        };
  const rung = contract.stages.find((stage) => stage.decides)?.name ?? null;
  const own = runs.filter(
    ({ arm, purpose, stage, value }) =>
      arm !== "candidate" && plain.includes(purpose) && stage === rung && value !== null,
  );
  const stretches = [...Map.groupBy(own, ({ state }) => state).values()];
  return {
    timed: isTimed(contract),
    pinned: typeof contract.budget.cpus === "object",
    others: summary("others"),
    steal: summary("steal"),
    drift: drift(
      stretches.map((stretch) =>
        stretch.map(({ startedAt, value }) => ({ at: startedAt, value: value as number })),
      ),
    ),
  };
}
