import { finalizeSession, readLab } from "../../loop/index.ts";
import { finalizeText } from "../../report/index.ts";
import { colour, print, printJson, width } from "../output.ts";
import { plainDisplay } from "../plainDisplay.ts";

export async function finalizeCommand(
  lab: string | undefined,
  options: { tag?: string; pairs: number; branches: boolean; json?: boolean },
): Promise<number> {
  const folder = await readLab(lab ?? ".");
  const stop = { requested: false };
  const abort = new AbortController();
  const onSignal = () => {
    if (stop.requested) abort.abort();
    else {
      stop.requested = true;
      process.stderr.write("\nstopping after the evaluation in flight; once more stops at once\n");
    }
  };
  const onTerminate = () => {
    stop.requested = true;
    abort.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onTerminate);
  try {
    const finalized = await finalizeSession(folder, {
      pairs: options.pairs,
      branches: options.branches,
      listener: plainDisplay(folder, process.stderr).listener,
      stop,
      abort,
      ...(options.tag === undefined ? {} : { tag: options.tag }),
    });
    if (options.json) printJson(finalized);
    else print(finalizeText(finalized, { colour, width: width() }));
    return 0;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onTerminate);
  }
}
