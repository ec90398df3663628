import type { Clock } from "../../contract/index.ts";

/**
 * The value of a clocked metric: seconds for wall and CPU time, bytes for memory and size. Null where it could not be
 * measured.
 */
export function clockValue(
  clock: Clock,
  run: { wallMs: number; cpuMs: number; peakBytes: number; gpuPeakBytes: number | null },
  sizeOf: (path: string) => number | null,
): number | null {
  switch (clock.kind) {
    case "wall":
      return run.wallMs / 1000;
    case "cpu":
      return run.cpuMs / 1000;
    case "memory":
      return run.peakBytes;
    case "gpu-memory":
      return run.gpuPeakBytes;
    case "size":
      return sizeOf(clock.path);
  }
}
