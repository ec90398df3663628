import { type Lock, lockFolder, openLock, pause, privateFolder, tryLock } from "../locks.ts";
import type { Gpu } from "./gpu.ts";

/** GPUs that one evaluation holds until it releases them, or until its process is gone. */
export interface GpuClaim {
  gpus: readonly Gpu[];
  release(): void;
}

export interface ClaimOptions {
  /** Told once, when the wait has taken a second. */
  onWait?: () => void;
  signal?: AbortSignal;
  /** Where the locks lie; default: beside those of the timing slot. */
  folder?: string;
}

const noticeable = 1000;

/**
 * Waits for so many of these GPUs: each has one holder among all processes of this user that share a temporary folder.
 * All are taken at once or none, so that two sessions which want two GPUs each never wait for each other.
 *
 * @returns null when the signal was aborted first.
 */
export async function claimGpus(
  count: number,
  suitable: readonly Gpu[],
  options: ClaimOptions = {},
): Promise<GpuClaim | null> {
  const folder = privateFolder(options.folder ?? lockFolder());
  const began = performance.now();
  let told = false;
  while (!options.signal?.aborted) {
    const claim = tryClaim(count, suitable, folder);
    if (claim) return claim;
    const waited = performance.now() - began;
    if (!told && waited >= noticeable) {
      told = true;
      options.onWait?.();
    }
    await pause(waited, options.signal);
  }
  return null;
}

function tryClaim(count: number, suitable: readonly Gpu[], folder: string): GpuClaim | null {
  const held: { gpu: Gpu; lock: Lock }[] = [];
  for (const gpu of suitable) {
    if (held.length === count) break;
    const lock = openLock(folder, `gpu-${gpu.kind}-${gpu.index}`);
    if (tryLock(lock, "exclusive")) held.push({ gpu, lock });
    else lock.close();
  }
  const release = () => {
    for (const { lock } of held) lock.close();
  };
  if (held.length === count) return { gpus: held.map(({ gpu }) => gpu), release };
  release();
  return null;
}
