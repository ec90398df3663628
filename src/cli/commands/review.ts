import { doubted, review } from "../../loop/index.ts";
import { print, printJson } from "../output.ts";
import { labFolder, type Options } from "./notebook.ts";

export async function reviewCommand(
  lab: string | undefined,
  options: Options & { accept?: number; reject?: number; note?: string },
): Promise<number> {
  const folder = labFolder(lab);
  const tag = options.tag === undefined ? {} : { tag: options.tag };
  const note = options.note === undefined ? {} : { note: options.note };
  if (options.accept !== undefined)
    await review(folder, { number: options.accept, verdict: "accept", ...note, ...tag });
  if (options.reject !== undefined)
    await review(folder, { number: options.reject, verdict: "reject", ...note, ...tag });
  const result = await doubted(folder, options.tag);
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
