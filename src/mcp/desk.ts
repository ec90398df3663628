import { Interrupted, UserError } from "../errors.ts";
import { readLab } from "../lab/index.ts";
import type { Box } from "../ledger/index.ts";
import { openTrying, type Trying, type TryingOptions } from "../loop/index.ts";
import type { Listener, SessionEvent, Standing } from "../notebook/index.ts";
import { stepOf } from "./progress.ts";

export interface DeskOptions extends Pick<TryingOptions, "tag" | "workspace" | "level" | "probe" | "still"> {
  /** Milliseconds without a call after which the lab is let go, so that others may work on it. Default 5 minutes. */
  idle?: number;
  /** The sandbox of the agent that makes these calls; absent: as far as is known, the agent has the user's rights. */
  box?: () => Box | undefined;
}

/** What one call brings. */
export interface Call {
  /** What is being done, in words: for others that come meanwhile. */
  what: string;
  signal: AbortSignal;
  listener: Listener;
}

/** What is handed on to the session with each try. */
type Within = Pick<Call, "signal" | "listener"> & { box?: Box };

/** One lab, kept open between calls, at which one thing is done at a time. */
export interface Desk {
  /** The lab's folder, or its contract file. */
  readonly lab: string;
  /**
   * Does something with the session that the agent drives; `within` is to be handed on to it.
   *
   * @throws UserError when something is being done already; Interrupted when the signal came.
   */
  work<Result>(call: Call, action: (trying: Trying, within: Within) => Promise<Result>): Promise<Result>;
  /** Where the session stood after the last call; null: there was none. */
  standing(): Standing | null;
  /** What is being done, and how far it is; null: nothing. */
  measuring(): string | null;
  /** Ends what is being done and lets the lab go. */
  close(): Promise<void>;
}

export function openDesk(lab: string, { idle = 5 * 60_000, box, ...options }: DeskOptions = {}): Desk {
  let open: Trying | null = null;
  let known: Standing | null = null;
  let busy: { what: string; step: string; end: AbortController; over: Promise<unknown> } | null = null;
  let timer: NodeJS.Timeout | undefined;

  let closing: Promise<void> = Promise.resolve();
  const letGo = (): Promise<void> => {
    const trying = open;
    open = null;
    closing = closing.catch(() => {}).then(() => trying?.close());
    return closing;
  };

  const act = async <Result>(
    within: Pick<Call, "signal" | "listener">,
    action: (trying: Trying, within: Within) => Promise<Result>,
  ): Promise<Result> => {
    try {
      // What was let go for want of calls may still be closing, and holds the lab until then.
      await closing.catch(() => {});
      open ??= await openTrying(await readLab(lab), { ...options, ...within });
      const from = box?.();
      const result = await action(open, { ...within, ...(from ? { box: from } : {}) });
      known = await open.standing();
      return result;
    } catch (error) {
      // Whatever is wrong may be mended before the next call, which then begins with a fresh look.
      if (!(error instanceof Interrupted)) await letGo().catch(() => {});
      throw error;
    }
  };

  return {
    lab,
    async work(call, action) {
      if (busy !== null)
        throw new UserError(
          `busy: "${busy.what}" is at work (${busy.step}), and one thing is measured at a time`,
          "wait for its answer or cancel it; context, show, diff, failures, ideas and status work meanwhile",
        );
      clearTimeout(timer);
      const end = new AbortController();
      const now = { what: call.what, step: "it begins", end, over: Promise.resolve() as Promise<unknown> };
      busy = now;
      const listener = (event: SessionEvent) => {
        now.step = stepOf(event) ?? now.step;
        call.listener(event);
      };
      const over = act({ signal: AbortSignal.any([call.signal, end.signal]), listener }, action);
      now.over = over;
      try {
        return await over;
      } finally {
        busy = null;
        timer = setTimeout(() => {
          if (busy === null) letGo().catch(() => {});
        }, idle);
        timer.unref();
      }
    },
    standing: () => known,
    measuring: () => (busy === null ? null : `${busy.what} (${busy.step})`),
    async close() {
      clearTimeout(timer);
      busy?.end.abort();
      await busy?.over.catch(() => {});
      clearTimeout(timer);
      await letGo();
    },
  };
}
