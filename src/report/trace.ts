import type { TraceEvent } from "../agents/index.ts";
import { printable } from "../printable.ts";
import { left, type Paint, paints, wrap } from "./columns.ts";
import { duration, moment, oneLine, shorten } from "./format.ts";

/** One exchange with an agent or a model, as `whet trace` shows it. */
export interface ShownTurn {
  id: number;
  researcher: string;
  purpose: string;
  ending: string;
  message: string;
  /** Null is unknown, never zero. */
  tokensIn: number | null;
  tokensOut: number | null;
  tokensCached: number | null;
  dollars: number | null;
  startedAt: number;
  wallMs: number;
  /** What it was told. */
  prompt: string;
  events: TraceEvent[];
}

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

/** `whet trace list`: a line for each turn. @param turns with where they come from; null: they were run here. */
export function turnList(turns: readonly (Omit<ShownTurn, "events"> & { source: string | null })[]): string {
  return turns
    .map(({ id, startedAt, source, researcher, purpose, ending, wallMs, prompt, ...cost }) =>
      [
        ...[String(id).padStart(6), moment(startedAt), source === null ? purpose : `from ${source}`],
        ...[oneLine(researcher), ending, duration(wallMs), costWords(cost), shorten(oneLine(prompt), 60)],
      ].join("  "),
    )
    .join("\n");
}

/** `whet trace`: what a researcher was told and did, turn by turn. */
export function traceText(turns: readonly ShownTurn[], options: { colour: boolean; width: number }): string {
  if (turns.length === 0) return "No turns are recorded: it was proposed without an agent or a model.\n";
  const paint = paints(options.colour);
  const width = Math.max(40, options.width);
  return `${turns.map((turn) => turnLines(turn, width, paint).join("\n")).join("\n\n")}\n`;
}

function turnLines(turn: ShownTurn, width: number, paint: Paint): string[] {
  const { events, startedAt } = turn;
  const end = turn.ending === "done" ? paint.green("done") : paint.red(turn.ending);
  const asked = turn.purpose === "repair" ? ", to repair a crash" : "";
  return [
    `${paint.bold(`Turn ${turn.id}`)}  ${oneLine(turn.researcher)}${asked}  ${end}  ${paint.dim(duration(turn.wallMs))}`,
    ...wrap(costWords(turn), width),
    ...(turn.message === "" || turn.ending === "done" ? [] : wrap(oneLine(turn.message), width)),
    paint.dim(`told ${turn.prompt.length.toLocaleString("en-US")} characters (--json holds them)`),
    "",
    ...events.map((event) => {
      const at = `+${duration(Math.max(0, event.at - startedAt))}`;
      const line = `${left(at, 8)}  ${left(event.type, 7)}  ${eventWords(event)}`;
      return event.type === "denied" || (event.type === "result" && !event.ok)
        ? paint.red(shorten(line, width))
        : shorten(line, width);
    }),
  ];
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

/** What the agents printed, as it came, without what a terminal would obey. */
export function rawText(raws: readonly string[]): string {
  return printable(raws.join("\n"));
}
