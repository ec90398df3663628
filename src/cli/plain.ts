import type { SessionEvent } from "../loop/index.ts";

/** One line for the events that a log should keep, null for the others. */
export function plainLine(event: SessionEvent): string | null {
  switch (event.type) {
    case "session":
      return `${event.resumed ? `going on with session ${event.tag} after ${event.experiments} experiments` : `session ${event.tag}`}, branch ${event.branch}`;
    case "notice":
      return event.message;
    case "phase":
      if (event.phase === "setup" && event.what) return `setup: ${event.what}`;
      if (event.phase === "baseline") return "baseline: measuring the untouched code";
      if (event.phase === "audit") return "audit: baseline against final, interleaved, fresh seeds";
      return null;
    case "noise":
      return event.deterministic
        ? `baseline ${round(event.mean)}, deterministic`
        : `baseline ${round(event.mean)}, one run varies by ${round(event.sigma)}`;
    case "decision":
      return `#${event.number} ${event.decision.kind.padEnd(7)} ${event.what}: ${event.decision.reason}${event.value === null ? "" : ` (${round(event.value)}, best ${round(event.best)})`}`;
    case "audit":
      return `audited gain ${round(event.effect)} [${round(event.interval[0])}, ${round(event.interval[1])}] over ${event.pairs} pairs: ${round(event.baselineMean)} -> ${round(event.finalMean)}`;
    case "stop":
      return event.reason;
    default:
      return null;
  }
}

function round(value: number): string {
  return String(Number(value.toPrecision(5)));
}
