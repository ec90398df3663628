import type { TraceEvent } from "../../trace.ts";
import { duration, oneLine } from "./format.ts";

/** `12,345 tokens in, 678 out, $0.12`; what is not known is said. */
export function costWords(cost: {
  tokensIn: number | null;
  tokensOut: number | null;
  dollars: number | null;
}): string {
  const { tokensIn, tokensOut, dollars } = cost;
  const tokens =
    tokensIn === null && tokensOut === null
      ? "tokens not known"
      : `${tokensIn === null ? "?" : tokensIn.toLocaleString("en-US")} tokens in, ${tokensOut === null ? "?" : tokensOut.toLocaleString("en-US")} out`;
  return `${tokens}, ${dollars === null ? "money not known" : money(dollars)}`;
}

/** US dollars; small amounts with two digits that count. */
export function money(dollars: number): string {
  return `$${dollars === 0 || dollars >= 0.1 ? dollars.toFixed(2) : Number(dollars.toPrecision(2))}`;
}

/** What happened, on one line of any length. */
export function eventWords(event: TraceEvent): string {
  switch (event.type) {
    case "begin":
      return [event.agent, event.version, event.model]
        .filter((part) => part !== null)
        .map(oneLine)
        .join(" ");
    case "message":
      return `${event.role}: ${oneLine(event.text)}`;
    case "call":
      return `${oneLine(event.tool)} ${oneLine(event.args ?? "")}`.trim();
    case "result": {
      const time = event.ms === null ? "" : ` in ${duration(event.ms)}`;
      const code = event.exitCode === null ? "" : `, exit ${event.exitCode}`;
      return `${event.ok ? "ok" : "failed"}${time}${code} ${oneLine(event.error ?? event.output ?? "")}`.trim();
    }
    case "usage":
      return costWords({ tokensIn: event.input, tokensOut: event.output, dollars: event.dollars });
    case "retry":
      return `${event.attempt === null ? "" : `attempt ${event.attempt}: `}${oneLine(event.reason)}`;
    case "denied":
      return `${event.tool === null ? "" : `${oneLine(event.tool)}: `}${oneLine(event.reason)}`;
    case "note":
      return oneLine(event.text);
    case "final":
      return `${event.ok ? "ok" : `not ok: ${oneLine(event.reason ?? "")}`} ${oneLine(event.text)}`.trim();
  }
}
