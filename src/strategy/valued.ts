import type { RunRow } from "../ledger/index.ts";

/**
 * The candidate's runs that its value is the mean of: the race's where there was one, since the screen's were lucky.
 *
 * @param stage the rung that decides; null: the full run.
 */
export function valuedRuns<Run extends Pick<RunRow, "arm" | "purpose" | "stage" | "value">>(
  evaluations: readonly Run[],
  stage: string | null,
): Run[] {
  const own = evaluations.filter(
    (run) =>
      run.arm === "candidate" && run.value !== null && run.purpose !== "holdout" && run.stage === stage,
  );
  const raced = own.filter((run) => run.purpose === "race" || run.purpose === "confirm");
  return raced.length > 0 ? raced : own;
}
