import { UserError } from "../../errors.ts";
import { isAtWork, pause, resume, steer } from "../../session/index.ts";
import { print, printJson } from "../output.ts";
import { inSession } from "./notebook.ts";

interface Options {
  tag?: string;
  json?: boolean;
}

/** From another terminal: no new experiment begins. */
export async function pauseCommand(lab: string | undefined, options: Options): Promise<number> {
  return inSession(lab, options.tag, async (ledger, row) => {
    await pause(ledger, row);
    const atWork = isAtWork(row);
    if (options.json) printJson({ tag: row.tag, paused: true, atWork });
    else
      print(
        `session ${row.tag} is paused: ${atWork ? "the experiment in flight is finished, the next one waits" : "it is not running; `whet run` would wait"}. \`whet resume\` goes on.`,
      );
    return 0;
  });
}

export async function resumeCommand(lab: string | undefined, options: Options): Promise<number> {
  return inSession(lab, options.tag, async (ledger, row) => {
    await resume(ledger, row);
    const atWork = isAtWork(row);
    if (options.json) printJson({ tag: row.tag, paused: false, atWork });
    else
      print(
        `session ${row.tag} ${row.pausedAt === null ? "was not paused" : "is no longer paused"}${atWork ? "" : "; `whet run` starts it"}.`,
      );
    return 0;
  });
}

/** A word from a person: the next briefing begins with it. */
export async function steerCommand(text: string, lab: string | undefined, options: Options): Promise<number> {
  if (text.trim() === "") throw new UserError("there is nothing to say", 'whet steer "try smaller steps"');
  return inSession(lab, options.tag, async (ledger, row) => {
    await steer(ledger, row, text.trim());
    if (options.json) printJson({ tag: row.tag, said: text.trim() });
    else print(`said to session ${row.tag}: the next briefing holds it.`);
    return 0;
  });
}
