import { UserError } from "../../errors.ts";
import { experimentByNumber, setLesson } from "../../ledger/index.ts";
import { print, printJson } from "../output.ts";
import { inSession, type Options } from "./notebook.ts";

/** What an agent, or a person, concludes from an experiment: about the hypothesis, never about the result. */
export async function learnCommand(
  id: number,
  lab: string | undefined,
  options: Options & { confirmed?: string; refuted?: string },
): Promise<number> {
  const { confirmed, refuted } = options;
  // Of two options in a row the first takes the second for its lesson.
  const swallowed = [confirmed, refuted].some((lesson) => /^--(confirmed|refuted)\b/.test(lesson ?? ""));
  if (swallowed || (confirmed === undefined) === (refuted === undefined))
    throw new UserError(
      "say either --confirmed or --refuted, with what follows",
      `whet learn ${id} --refuted "the schedule was not the bottleneck"`,
    );
  const verdict = confirmed === undefined ? "refuted" : "confirmed";
  const lesson = tidy(confirmed ?? refuted ?? "");
  return inSession(lab, options.tag, async (ledger, row) => {
    const experiment = await experimentByNumber(ledger, row.id, id);
    if (!experiment)
      throw new UserError(`session ${row.tag} has no experiment ${id}`, "`whet log` lists them");
    if (!experiment.decision)
      throw new UserError(`experiment ${id} has not been decided yet`, "the next `whet try` finishes it");
    await setLesson(ledger, experiment.id, verdict, lesson);
    if (options.json) printJson({ id, verdict, lesson });
    else print(`#${id} ${verdict}: ${lesson}`);
    return 0;
  });
}

const longest = 1000;

function tidy(text: string): string {
  const line = text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .toWellFormed();
  if (line === "") throw new UserError("the lesson is empty", "say in a sentence what follows");
  if (line.length > longest)
    throw new UserError(
      `the lesson is ${line.length} characters long, and ${longest} are allowed`,
      "say it briefly",
    );
  return line;
}
