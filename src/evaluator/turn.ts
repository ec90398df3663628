import type { Budget, Contract } from "../contract/index.ts";
import { ContractError, UserError } from "../errors.ts";
import {
  claimGpus,
  type Gpu,
  listGpus,
  readyToWatch,
  type SlotMode,
  suitableGpus,
  takeSlot,
} from "../sandbox/index.ts";

/** What an evaluation holds of the machine until it is released. */
export interface Turn {
  /** The GPUs that are this evaluation's own meanwhile. */
  gpus: readonly Gpu[];
  release(): void;
}

export interface TurnOptions {
  /** Told what is waited for, once the wait has taken a second. */
  onWait?: (words: string) => void;
  signal?: AbortSignal | undefined;
}

const waiting: Record<SlotMode, string> = {
  exclusive: "waiting for other runs on this machine to end: this one is timed",
  shared: "waiting for another timed run on this machine to end",
};

let known: Promise<Gpu[]> | undefined;

/** The GPUs of this machine: they do not change while a process lives, and asking the vendor's tool takes time. */
function machineGpus(): Promise<Gpu[]> {
  known ??= listGpus();
  return known;
}

/**
 * Refuses, before anything is measured, a budget that wants GPUs which this machine does not have.
 *
 * @throws ContractError with what is there.
 */
export async function requireGpus({ budget, stages }: Contract): Promise<void> {
  const wanted: [path: (string | number)[], gpus: Budget["gpus"]][] = [
    [["budget", "gpus"], budget.gpus],
    ...stages.map((stage, index): [(string | number)[], Budget["gpus"]] => [
      ["stages", index, "budget", "gpus"],
      stage.budget?.gpus,
    ]),
  ];
  for (const [path, gpus] of wanted) {
    if (gpus === undefined) continue;
    const all = await machineGpus();
    try {
      suitableGpus(gpus, all);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new ContractError(path, error.message, error.fix);
    }
  }
}

/**
 * Waits until the machine is this evaluation's: first for its GPUs, then for the timing slot. In this order nobody who
 * holds the slot waits for anything.
 *
 * @returns null when the signal was aborted first.
 * @throws UserError when the budget wants GPUs that the machine does not have.
 */
export async function takeTurn(
  mode: SlotMode,
  { gpus }: Budget,
  options: TurnOptions = {},
): Promise<Turn | null> {
  const { signal, onWait } = options;
  const common = signal ? { signal } : {};
  const claim = gpus
    ? await claimGpus(gpus.count, suitableGpus(gpus, await machineGpus()), {
        onWait: () => onWait?.("waiting for another evaluation to give a GPU back"),
        ...common,
      })
    : { gpus: [], release() {} };
  if (claim === null) return null;
  try {
    await readyToWatch(claim.gpus);
    const slot = await takeSlot(mode, { onWait: () => onWait?.(waiting[mode]), ...common });
    if (slot)
      return {
        gpus: claim.gpus,
        release() {
          slot.release();
          claim.release();
        },
      };
  } catch (error) {
    claim.release();
    throw error;
  }
  claim.release();
  return null;
}
