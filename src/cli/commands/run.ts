import { parseDuration, parseResearcher, type ResearcherChoice } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";
import { type LabFolder, readLab, uncommittedWork } from "../../lab/index.ts";
import { type RunOptions, type RunResult, rescore, runSession } from "../../loop/index.ts";
import { liveDisplay } from "../live.ts";
import { levelOf } from "../options.ts";
import { interactive, print, printJsonLine, write } from "../output.ts";
import { plainDisplay } from "../plainDisplay.ts";
import { resultsWriter } from "../results.ts";
import { onSignals } from "../stopping.ts";
import { statusCommand } from "./notebook.ts";

interface Options {
  experiments?: number;
  for?: string;
  until?: number;
  money?: number;
  tokens?: number;
  researcher?: string;
  audit?: number;
  seed?: number;
  fresh?: boolean;
  probe?: boolean;
  isolation?: string;
  tag?: string;
  json?: boolean;
}

export function runCommand(lab: string | undefined, options: Options): Promise<number> {
  return shown(lab, options, runSession);
}

/** The same display and the same end, for a session that measures earlier keeps again. */
export function rescoreCommand(lab: string | undefined, options: Options): Promise<number> {
  return shown(lab, options, rescore);
}

function choiceOf(text: string): ResearcherChoice {
  const choice = parseResearcher(text);
  if (choice === null)
    throw new UserError(
      `--researcher ${text} is nobody that is known`,
      "write search, claude, codex, gemini, opencode, pi, `command: ...`, `acp: ...` or `model: provider/name`",
    );
  return choice;
}

async function shown(
  lab: string | undefined,
  options: Options,
  run: (folder: LabFolder, given: RunOptions) => Promise<RunResult>,
): Promise<number> {
  const folder = await readLab(lab ?? ".");
  const time = options.for === undefined ? undefined : parseDuration(options.for);
  if (time === null || time === 0 || /^[\d.]+$/.test(options.for ?? ""))
    throw new UserError(`--for ${options.for} is not a length of time`, "write 30m, 8h or 1h30m");
  if (options.money !== undefined && options.money <= 0)
    throw new UserError(
      `--money ${options.money} buys nothing`,
      "write an amount of US dollars, such as 2.50",
    );
  const level = levelOf(options.isolation, folder.contract.image);
  const display = options.json
    ? { listener: printJsonLine, end: () => {} }
    : interactive
      ? liveDisplay(folder, {
          ...(time === undefined ? {} : { time }),
          ...(options.experiments === undefined ? {} : { experiments: options.experiments }),
        })
      : plainDisplay(folder, { write });
  const { stop, abort, done } = onSignals();
  const given: RunOptions = {
    listener: display.listener as NonNullable<RunOptions["listener"]>,
    stop,
    abort,
    afterExperiment: resultsWriter(folder.folder),
    ...(options.experiments === undefined ? {} : { experiments: options.experiments }),
    ...(time === undefined ? {} : { time }),
    ...(options.until === undefined ? {} : { until: options.until }),
    ...(options.money === undefined ? {} : { money: options.money }),
    ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
    ...(options.researcher === undefined ? {} : { choice: choiceOf(options.researcher) }),
    ...(options.audit === undefined ? {} : { auditPairs: options.audit }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.fresh ? { fresh: true } : {}),
    ...(options.probe === false ? { probe: false } : {}),
    ...(options.tag === undefined ? {} : { tag: options.tag }),
    ...level,
  };
  try {
    for (const message of (await uncommittedWork(folder)).warnings)
      given.listener?.({ type: "notice", message });
    const result = await run(folder, given);
    display.end();
    await (await import("./forge.ts")).feedFromSession(folder.folder);
    if (!options.json && result.final) {
      print("");
      return statusCommand(lab, { tag: result.tag });
    }
    return 0;
  } finally {
    display.end();
    done();
  }
}
