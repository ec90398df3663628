import type { ServerContext } from "@modelcontextprotocol/server";
import type { Listener, SessionEvent } from "../notebook/index.ts";

/** Milliseconds after which a client hears again that work goes on: many give up after a minute of silence. */
const heartbeat = 10_000;

/** What is being done, in words: `race, run 3 of at most 8: candidate`; null for events that change nothing in that. */
export function stepOf(event: SessionEvent): string | null {
  switch (event.type) {
    case "setup":
      return "setup";
    case "phase":
      return event.number === null ? event.phase : `#${event.number} ${event.phase}`;
    case "run": {
      const most = event.rounds === null ? "" : ` of at most ${event.rounds}`;
      return `${event.purpose}, run ${event.round}${most}${event.arm === event.purpose ? "" : `: ${event.arm}`}`;
    }
    case "waiting":
    case "notice":
    case "alarm":
      return event.message;
    case "decision":
      return `#${event.number} ${event.decision.kind}`;
    default:
      return null;
  }
}

/** Tells a client that asked for it how a call gets on; its listener is for the loop. */
export function openProgress({ mcpReq }: ServerContext): { listener: Listener; end: () => void } {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return { listener: () => {}, end: () => {} };
  const begun = performance.now();
  let progress = 0;
  let step = "it begins";
  const tell = (message: string) => {
    progress += 1;
    const params = { progressToken, progress, message };
    // A client that has gone does not end the work by that.
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
  };
  const timer = setInterval(
    () => tell(`${step}, ${Math.round((performance.now() - begun) / 1000)} s so far`),
    heartbeat,
  );
  return {
    listener: (event) => {
      const next = stepOf(event);
      if (next === null || next === step) return;
      step = next;
      tell(step);
    },
    end: () => clearInterval(timer),
  };
}
