import { goalOrders, type Ledger } from "../ledger/index.ts";

/** What a person said of a goal, here or in another terminal. */
export interface Orders {
  readonly paused: boolean;
  readonly cancelled: boolean;
  /** Aborted when the goal is cancelled, or the caller's own signal is. */
  readonly signal: AbortSignal;
  /** Asks the ledger now; otherwise a word is heard within a quarter of a second. */
  look(): Promise<void>;
  close(): void;
}

/** Milliseconds between looks at the ledger. */
const interval = 250;

export function heedOrders(ledger: Ledger, goalId: number, own: AbortSignal | undefined): Orders {
  const controller = new AbortController();
  const state = { paused: false, cancelled: false };
  const look = async () => {
    const { status, pausedAt } = await goalOrders(ledger, goalId);
    state.paused = pausedAt !== null;
    state.cancelled = status === "cancelled";
    if (state.cancelled) controller.abort();
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    // A ledger that cannot be read shows with the next thing that is written there.
    look()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  }, interval);
  return {
    get paused() {
      return state.paused;
    },
    get cancelled() {
      return state.cancelled;
    },
    look,
    signal: own ? AbortSignal.any([own, controller.signal]) : controller.signal,
    close: () => clearInterval(timer),
  };
}
