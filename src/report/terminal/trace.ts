import type { ShownTurn } from "../../notebook/index.ts";
import { printable } from "../../printable.ts";
import { duration, moment, oneLine, shorten } from "../words/format.ts";
import { costWords, eventWords } from "../words/turn.ts";
import { left, type Paint, paints, wrap } from "./columns.ts";

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

/** What the agents printed, as it came, without what a terminal would obey. */
export function rawText(raws: readonly string[]): string {
  return printable(raws.join("\n"));
}
