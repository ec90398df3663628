import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";

/**
 * The runs that the untouched code's mean is made of: all but one that stands out, where the session's rule passes it
 * over.
 *
 * @param choice the decision rule as the session recorded it.
 */
export function soundRuns<Run extends { value: number | null }>(
  runs: readonly Run[],
  { preset, parameters }: Contract["decision"],
): Run[] {
  const { outlier } = decision.rule(preset, parameters);
  const odd = decision.standsOut(
    runs.map((run) => run.value as number),
    outlier,
  );
  return runs.filter((_, index) => index !== odd);
}
