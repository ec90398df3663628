/** Ctrl-C asks for an end after the evaluation in flight; once more, SIGTERM, or a terminal that closes, for one at once. */
export interface Stopping {
  stop: { requested: boolean };
  abort: AbortController;
  /** Signals are the system's own again. */
  done: () => void;
}

export function onSignals(): Stopping {
  const stop = { requested: false };
  const abort = new AbortController();
  const interrupted = () => {
    if (stop.requested) abort.abort();
    else {
      stop.requested = true;
      process.stderr.write("\nstopping after what is in flight; once more stops at once\n");
    }
  };
  const terminated = () => {
    stop.requested = true;
    abort.abort();
  };
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", terminated);
  process.on("SIGHUP", terminated);
  return {
    stop,
    abort,
    done: () => {
      process.off("SIGINT", interrupted);
      process.off("SIGTERM", terminated);
      process.off("SIGHUP", terminated);
    },
  };
}
