import { finalizeSession } from "../../finalize/index.ts";
import { readLab } from "../../lab/index.ts";
import { finalizeText } from "../../report/index.ts";
import { colour, print, printJson, width } from "../output.ts";
import { plainDisplay } from "../plainDisplay.ts";
import { onSignals } from "../stopping.ts";

export async function finalizeCommand(
  lab: string | undefined,
  options: { tag?: string; pairs: number; branches: boolean; json?: boolean },
): Promise<number> {
  const folder = await readLab(lab ?? ".");
  const { stop, abort, done } = onSignals();
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
    done();
  }
}
