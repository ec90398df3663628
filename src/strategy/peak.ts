import type { EvaluationRow } from "../ledger/index.ts";

/**
 * The memory that a run needed at most, bytes: of its GPUs where it had some that were measured (that is what
 * `memory_gb` has always meant where models are trained), else of its processes.
 */
export function peakOf({ peakBytes, machine }: Pick<EvaluationRow, "peakBytes" | "machine">): number {
  const told = machine === null ? {} : (JSON.parse(machine) as { gpuPeakBytes?: number | null });
  return told.gpuPeakBytes ?? peakBytes;
}
