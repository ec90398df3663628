import type { Contract } from "../../contract/index.ts";
import { inUnit, type Quantity } from "./quantity.ts";

/**
 * The unit of each metric of a contract: the one that it says, or else the one in which the value was first printed, so
 * that a tool that goes over from `1.02 ms` to `950 µs` is not taken for one that became worse.
 */
export class Units {
  readonly #units: Map<string, string | undefined>;

  constructor(contract: Pick<Contract, "metric" | "guards">) {
    this.#units = new Map(contract.guards.map(({ name }) => [name, undefined]));
    this.#units.set(contract.metric.name, contract.metric.unit);
  }

  /** The number of a quantity in the metric's unit; as printed where the contract does not know the metric. */
  number(name: string, quantity: Quantity): number {
    const unit = this.#units.get(name);
    if (unit === undefined && this.#units.has(name) && quantity.unit !== "")
      this.#units.set(name, quantity.unit);
    return inUnit(quantity, unit);
  }

  /** Whether a word may follow the metric's number: it is the contract's own name of the unit. */
  isOf(name: string, word: string): boolean {
    return word !== "" && this.#units.get(name) === word;
  }
}
