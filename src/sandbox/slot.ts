import { type LockMode, lockFolder, openLock, pause, privateFolder, tryLock } from "./locks.ts";

/** `exclusive`: nothing else of ours runs on this machine meanwhile. `shared`: beside others, never beside a timed run. */
export type SlotMode = LockMode;

export interface SlotOptions {
  /** Told once, when the wait has taken a second. */
  onWait?: () => void;
  signal?: AbortSignal;
  /** Where the locks lie; default: a private folder of this user among the machine's temporary files. */
  folder?: string;
}

/** A slot that is held until it is released, or until the process is gone, however it ended. */
export interface Slot {
  release(): void;
}

/** After so long a wait is worth a word, milliseconds. */
const noticeable = 1000;

/**
 * Waits for this machine's slot: a readers-writer lock among all processes of this user, so that a timed run never has
 * another of our runs beside it. Whoever waits longest at the gate is next, so neither kind starves the other.
 *
 * It sees only processes that have the same temporary folder (TMPDIR) and the same file system: what runs in another
 * container, or for another user, shows among the neighbours instead.
 *
 * @returns null when the signal was aborted before it was this one's turn.
 * @throws UserError when the folder is not this user's alone, or cannot be made.
 */
export async function takeSlot(mode: SlotMode, options: SlotOptions = {}): Promise<Slot | null> {
  const { signal } = options;
  const folder = privateFolder(options.folder ?? lockFolder());
  const began = performance.now();
  let told = false;
  const gate = openLock(folder, "gate");
  const room = openLock(folder, "room");
  let entered = false;
  try {
    // The gate is held while waiting for the room: a timed run keeps newcomers out and only waits for those inside.
    for (const [lock, how] of [
      [gate, "exclusive"],
      [room, mode],
    ] as const) {
      while (!signal?.aborted && !tryLock(lock, how)) {
        const waited = performance.now() - began;
        if (!told && waited >= noticeable) {
          told = true;
          options.onWait?.();
        }
        await pause(waited, signal);
      }
      if (signal?.aborted) return null;
    }
    entered = true;
    return { release: () => room.close() };
  } finally {
    gate.close();
    if (!entered) room.close();
  }
}
