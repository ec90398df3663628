import { UserError } from "../../errors.ts";
import { doubted, review } from "../../finalize/index.ts";
import { print, printJson } from "../output.ts";
import { resultsWriter } from "../results.ts";
import { inSession, labFolder, type Options } from "./notebook.ts";

export async function reviewCommand(
  lab: string | undefined,
  options: Options & { accept?: number; reject?: number; note?: string },
): Promise<number> {
  // An agent at the wheel must not pass its own doubtful keep; taking one back harms nobody.
  if (options.accept !== undefined && !process.stdin.isTTY)
    throw new UserError(
      "whether a keep in doubt is real is for a person to say, and nobody sits at a terminal here",
      `type \`whet review --accept ${options.accept}\` in a terminal`,
    );
  const folder = labFolder(lab);
  const { tag } = await inSession(lab, options.tag, async (_, row) => row);
  const note = options.note === undefined ? {} : { note: options.note };
  for (const verdict of ["accept", "reject"] as const) {
    const number = options[verdict];
    if (number === undefined) continue;
    // Else the process that has the session writes it.
    if (await review(folder, { number, verdict, ...note, tag }))
      await inSession(lab, tag, (ledger, row) => resultsWriter(folder)({ ledger, row }));
  }
  const result = await doubted(folder, tag);
  if (options.json) {
    printJson(result);
    return 0;
  }
  if (result.keeps.length === 0) print(`session ${result.tag}: no keep is in doubt`);
  for (const { number, what, doubt, verdict, note: said } of result.keeps) {
    print(`#${number} ${verdict === null ? "waits" : `${verdict}ed`}  ${what}`);
    print(`    ${doubt}${said === null ? "" : `; note: ${said}`}`);
  }
  const waiting = result.keeps.find(({ verdict }) => verdict === null);
  if (waiting)
    print(
      `\nNext: \`whet show ${waiting.number}\`, then \`whet review --accept ${waiting.number}\` or \`--reject ${waiting.number}\``,
    );
  return 0;
}
