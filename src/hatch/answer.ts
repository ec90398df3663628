import { resolve } from "node:path";
import { UserError } from "../errors.ts";
import {
  type Desk,
  experiment,
  failures,
  ideas,
  keepIdea,
  learn,
  notebook,
  withoutScorer,
} from "../mcp/index.ts";
import type { Listener } from "../notebook/index.ts";
import {
  contextText,
  diffLines,
  failuresText,
  logText,
  paints,
  showText,
  startedText,
  statusText,
  triedJson,
  triedText,
} from "../report/index.ts";
import type { Session } from "../session/index.ts";
import type { HatchRequest } from "./protocol.ts";

/** What a hatch leads to. */
export interface Behind {
  desk: Desk;
  /** What an agent may call the lab: its folder, its contract file, its folder in the workspace. */
  names: readonly string[];
  /** Makes a listener that passes the progress of a try on as lines. */
  listener: (tell: (line: string) => void) => Listener;
  /** Called after an experiment was decided. */
  onDecided?: (session: Session) => Promise<void>;
}

/** Text for standard output, and an exit code. */
interface Answer {
  out: string;
  exit: number;
}

/** Characters of a context, as `whet context` has it. */
const contextLength = 12_000;
const page = { colour: false, width: 100, whole: true };
/** As `whet try` has them. */
const codes = { decided: 0, known: 2, unchanged: 2, limit: 3 } as const;

/**
 * Does what an agent in a box asks for. It may ask for what an agent that drives may do, in the lab of its box alone.
 *
 * @param tell takes what goes to standard error meanwhile.
 * @throws UserError, Interrupted
 */
export async function answerTo(
  given: Exclude<HatchRequest, { ask: "mcp" }>,
  behind: Behind,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Answer> {
  const { desk, onDecided } = behind;
  const listener = behind.listener(tell);
  requireLab(given.lab, behind);
  const said = (data: unknown, text: () => string): Answer => ({
    out: given.json ? `${JSON.stringify(data, null, 2)}\n` : ended(text()),
    exit: 0,
  });
  switch (given.ask) {
    case "start":
      return desk.work({ what: "start", signal, listener }, async (trying) => {
        const { setAside } = await trying.reset(given.from);
        if (setAside !== null)
          tell(`your edits that were never tried were moved out of this sandbox, to ${setAside}`);
        const standing = await trying.standing();
        const { change } = trying.session.contract;
        return said({ ...standing, change }, () => startedText(standing, change));
      });
    case "try":
      return desk.work({ what: given.what, signal, listener }, async (trying, within) => {
        const { what, because: mechanism, expect, idea } = given;
        const tried = await trying.try(
          { what, mechanism, ...(expect === undefined ? {} : { prediction: expect }) },
          { ...within, ...(idea === undefined ? {} : { idea }) },
        );
        if (tried.kind === "decided" || tried.finished) await onDecided?.(trying.session);
        return {
          out: ended(given.json ? triedJson(tried) : triedText(tried)),
          exit: codes[tried.kind],
        };
      });
    case "status": {
      const now = await notebook(desk.lab);
      const { experiments: _all, ...rest } = now;
      return said({ ...rest, workspace: desk.standing()?.workspace ?? null }, () => statusText(now, page));
    }
    case "context": {
      const context = contextText(await notebook(desk.lab), given.budget ?? contextLength);
      return said({ context }, () => context);
    }
    case "log": {
      const { experiments, metric, sigma } = await notebook(desk.lab);
      const rows = experiments.slice(-(given.newest ?? 30)).map(withoutScorer);
      return said(rows, () => logText(rows, { ...page, metric, sigma }));
    }
    case "failures": {
      const rows = (await failures(desk.lab, given.newest ?? 50)).map(withoutScorer);
      return said(rows, () => failuresText(rows, page));
    }
    case "show": {
      const { row: whole, metric, sigma } = await experiment(desk.lab, given.id);
      const row = withoutScorer(whole);
      return said(row, () => showText(row, { ...page, metric, sigma }));
    }
    case "diff": {
      const { id, diff } = (await experiment(desk.lab, given.id)).row;
      return said({ id, diff }, () => diffLines(diff, paints(false)).join("\n"));
    }
    case "learn": {
      const { id, hypothesis, lesson } = given;
      await learn(desk.lab, { id, hypothesis, lesson });
      return said({ id, hypothesis, lesson }, () => `#${id} ${hypothesis}: ${lesson}`);
    }
    case "idea": {
      const id = await keepIdea(desk.lab, given.text);
      return said({ id, text: given.text }, () => `idea ${id}: ${given.text}`);
    }
    case "ideas": {
      const open = await ideas(desk.lab, false);
      return said(open, () => open.map(({ id, text }) => `${id}  ${text}`).join("\n") || "no open idea");
    }
  }
}

/** An agent may name the lab that it is in the box of; a path to any other leads nowhere. */
function requireLab(lab: string | undefined, { names }: Behind): void {
  if (lab === undefined || lab === "." || names.some((name) => name === lab || name === resolve("/", lab)))
    return;
  throw new UserError(
    `this sandbox is for the lab ${names[0]} alone`,
    "leave the lab out: commands in here are about that one",
  );
}

function ended(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
