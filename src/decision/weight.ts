/** What a measurement says about a kept change: `worse`: the final state is better without it. */
export type Weight = "carries weight" | "not shown" | "worse";

/**
 * Whether a kept change is shown to carry weight in the final state.
 *
 * An interval that holds 0 shows nothing, and that is no proof of uselessness: the effect may be smaller than the noise.
 *
 * @param contribution 95 % interval of final minus final without the change, positive is better. An interval without
 * width comes from a deterministic evaluator, where only what is too small to be worth keeping is in doubt.
 * @param minEffect in the metric's unit.
 */
export function weigh([low, high]: readonly [number, number], minEffect: number): Weight {
  const least = low === high ? minEffect : 0;
  if (low > least) return "carries weight";
  return high < -least ? "worse" : "not shown";
}

/** Whether a state may be proposed in place of another: it is not worse beyond noise. */
export function notWorse([low, high]: readonly [number, number], minEffect: number): boolean {
  return high >= (low === high ? -minEffect : 0);
}

/** What is not shown to carry weight. */
export interface Removable {
  /** The experiment whose change it is. */
  number: number;
  /** Its contribution, positive is better. */
  effect: number;
  /** Whether the final state is shown to be better without it. */
  worse: boolean;
  /** Lines. */
  added: number;
  removed: number;
}

/**
 * In which order such changes are taken out: what is shown to do harm, then what contributes least; of two that are
 * equal what only adds lines, then the newer one.
 */
export function removalOrder(changes: readonly Removable[]): number[] {
  const onlyAdds = (change: Removable) => change.added > 0 && change.removed === 0;
  return [...changes]
    .sort(
      (a, b) =>
        Number(b.worse) - Number(a.worse) ||
        a.effect - b.effect ||
        Number(onlyAdds(b)) - Number(onlyAdds(a)) ||
        b.number - a.number,
    )
    .map((change) => change.number);
}
