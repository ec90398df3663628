import { Interrupted } from "../../errors.ts";
import { readLab, uncommittedWork } from "../../lab/index.ts";
import { openTrying, type Trying, type TryingOptions } from "../../loop/index.ts";
import { levelOf } from "../options.ts";
import { complain, print, printJson } from "../output.ts";
import { plainDisplay } from "../plainDisplay.ts";

interface Common {
  tag?: string;
  json?: boolean;
  isolation?: string;
  probe?: boolean;
}

/** Nothing was measured: the candidate is not new. */
const refused = 2;
/** A limit of the session is reached: no further try will be measured. */
const atLimit = 3;
/** As shells have it for Ctrl-C. */
const interrupted = 130;

export interface StartOptions extends Common {
  workspace?: string;
  fresh?: boolean;
  from?: number;
  seed?: number;
}

/** @param onReady is told of the session while it is open. */
export async function startCommand(
  lab: string | undefined,
  options: StartOptions,
  onReady: (trying: Trying) => void = () => {},
): Promise<number> {
  const given = {
    ...(options.workspace === undefined ? {} : { workspace: options.workspace }),
    ...(options.fresh ? { fresh: true } : {}),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
  return during(lab, options, given, async (trying) => {
    onReady(trying);
    const { setAside } = await trying.reset(options.from);
    if (setAside !== null) complain(`your edits that were never tried are kept in ${setAside}`);
    const standing = await trying.standing();
    if (standing.experiments === 0)
      for (const message of (await uncommittedWork(trying.session.lab)).warnings) complain(message);
    const { change } = trying.session.contract;
    if (options.json) printJson({ ...standing, change });
    else print((await import("../../report/index.ts")).startedText(standing, change));
    return 0;
  });
}

export async function tryCommand(
  lab: string | undefined,
  options: Common & { message: string; because: string; expect?: string; idea?: number },
): Promise<number> {
  return during(lab, options, { single: true }, async (trying, signal) => {
    // Loaded while the runs take their time.
    const later = Promise.all([import("../../report/index.ts"), import("../results.ts")]);
    const tried = await trying.try(
      {
        what: options.message,
        mechanism: options.because,
        ...(options.expect === undefined ? {} : { prediction: options.expect }),
      },
      { signal, ...(options.idea === undefined ? {} : { idea: options.idea }) },
    );
    const [{ triedJson, triedText }, { resultsWriter }] = await later;
    print(options.json ? triedJson(tried) : triedText(tried));
    if (tried.kind === "decided" || tried.finished)
      await resultsWriter(trying.session.lab.folder)(trying.session);
    return tried.kind === "decided" ? 0 : tried.kind === "limit" ? atLimit : refused;
  });
}

export async function auditCommand(
  lab: string | undefined,
  options: Common & { pairs: number },
): Promise<number> {
  let tag = "";
  const code = await during(lab, options, { thorough: true }, async (trying, signal) => {
    tag = trying.session.row.tag;
    if (!(await trying.audit(options.pairs, { signal })))
      complain("nothing has been kept, so there is nothing to audit");
    return 0;
  });
  const { statusCommand } = await import("./notebook.ts");
  return code === 0 ? statusCommand(lab, { tag, ...(options.json ? { json: true } : {}) }) : code;
}

/** Opens the session, does the work, and closes it; progress goes to standard error. */
async function during(
  lab: string | undefined,
  options: Common,
  more: TryingOptions,
  work: (trying: Trying, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const folder = await readLab(lab ?? ".", { swift: !more.thorough });
  const level = levelOf(options.isolation, folder.contract.image);
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  let trying: Trying | null = null;
  try {
    trying = await openTrying(folder, {
      ...more,
      ...(options.tag === undefined ? {} : { tag: options.tag }),
      ...level,
      ...(options.probe === false ? { probe: false } : {}),
      signal: controller.signal,
      listener: plainDisplay(folder, process.stderr).listener,
    });
    return await work(trying, controller.signal);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    complain(
      "interrupted: what was measured is recorded, and the next `whet try` finishes the open experiment first",
    );
    return interrupted;
  } finally {
    await trying?.close();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    process.off("SIGHUP", stop);
  }
}
