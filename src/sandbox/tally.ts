import { statSync } from "node:fs";
import type { Group } from "./groups.ts";
import { mappedMemory, type Nameless, namelessFiles } from "./memory.ts";
import { type TreeSample, tempBytes } from "./processes.ts";

/** Counts what a run holds, look by look. */
export interface Tally {
  /** Bytes of memory at this look. */
  memory(sample: TreeSample): number;
  /** Bytes on disk in files without a name, at the last look. */
  namelessDisk(): number;
}

/** Milliseconds between two looks through open files at least. */
const pause = 100;

/**
 * @param group the run's control group, which counts everything; null: what processes have mapped is added to what lies
 *   in files in memory, of which the one may be part of the other.
 * @param inMemory folders of the run's own file systems in memory.
 * @param writable folders of the host that the run may write.
 */
export function openTally(
  group: Group | null,
  inMemory: readonly string[],
  writable: readonly string[],
): Tally {
  const devices = new Set(writable.map((folder) => statSync(folder, { throwIfNoEntry: false })?.dev ?? -1));
  let nameless: Nameless = { memory: 0, disk: 0 };
  let nextLook = 0;
  const lookAtFiles = (sample: TreeSample) => {
    const began = performance.now();
    if (began < nextLook) return;
    nameless = namelessFiles(sample.folders, devices);
    const now = performance.now();
    nextLook = now + Math.max(pause, 20 * (now - began));
  };
  return {
    memory(sample) {
      lookAtFiles(sample);
      const counted = group?.used() ?? null;
      if (counted !== null) return counted;
      const files = (sample.newest === null ? 0 : tempBytes(sample.newest, inMemory)) + nameless.memory;
      const mapped = mappedMemory(sample.folders);
      // Files in memory that are mapped as well are no more memory for it.
      return mapped === null ? sample.bytes + files : mapped.own + Math.max(mapped.shared, files);
    },
    namelessDisk: () => nameless.disk,
  };
}
