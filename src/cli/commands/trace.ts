import { UserError } from "../../errors.ts";
import { tracesOf } from "../../notebook/index.ts";
import { rawText, traceText } from "../../report/index.ts";
import { colour, print, printJson, width } from "../output.ts";
import { inSession } from "./notebook.ts";

interface Options {
  tag?: string;
  json?: boolean;
  raw?: boolean;
  failed?: boolean;
}

export async function traceCommand(
  id: number | undefined,
  lab: string | undefined,
  options: Options,
): Promise<number> {
  if ((id === undefined) !== (options.failed === true))
    throw new UserError(
      "whose trace?",
      "name an experiment (`whet trace 12`), ask for the turns that came to nothing (`whet trace --failed`), or for all turns (`whet trace list`)",
    );
  return inSession(lab, options.tag, async (ledger, row) => {
    const turns = await tracesOf(ledger, row, id ?? "failed", options.raw ?? false);
    if (options.json) printJson(options.raw ? turns : turns.map(({ raw: _raw, ...turn }) => turn));
    else if (options.raw) print(rawText(turns.map(({ raw }) => raw)));
    else print(traceText(turns, { colour, width: width() }));
    return 0;
  });
}
