import { type TraceEvent, type Usage, unknownUsage, usageAfter } from "../../trace.ts";

/** Collects a turn's events: in order, with durations where the agent gives none, within bounds. */
export interface Recorder {
  push(event: TraceEvent): void;
  /** A line that is no event. */
  note(text: string, at: number): void;
  readonly events: TraceEvent[];
  /** Used so far. */
  readonly usage: Usage;
  /** Calls without a result yet. */
  readonly openCalls: number;
}

const mostEvents = 20_000;
const mostNotes = 200;
const longestNote = 2000;

export function openRecorder(onEvent: ((event: TraceEvent) => void) | undefined): Recorder {
  const events: TraceEvent[] = [];
  const begun = new Map<string, number>();
  let usage = unknownUsage;
  let notes = 0;

  function push(event: TraceEvent): void {
    if (event.type === "call") begun.set(event.id, event.at);
    if (event.type === "usage") usage = usageAfter(usage, event);
    let kept = event;
    if (event.type === "result") {
      const start = begun.get(event.id);
      begun.delete(event.id);
      if (event.ms === null && start !== undefined)
        kept = { ...event, ms: Math.max(0, event.at - start), msFrom: "arrival" };
    }
    // How it ended is wanted however much came before.
    if (events.length >= mostEvents && event.type !== "final" && event.type !== "usage") return;
    events.push(kept);
    onEvent?.(kept);
  }

  return {
    push,
    note(text, at) {
      if (text.trim() === "" || ++notes > mostNotes) return;
      push({ at, type: "note", text: text.slice(0, longestNote) });
    },
    events,
    get usage() {
      return usage;
    },
    get openCalls() {
      return begun.size;
    },
  };
}
