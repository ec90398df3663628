import { basename } from "node:path";
import { readLab } from "../../lab/index.ts";
import { checkLab } from "../../loop/index.ts";
import { checkText } from "../../report/index.ts";
import { levelOf } from "../options.ts";
import { colour, print, printJson, width } from "../output.ts";
import { plainDisplay } from "../plainDisplay.ts";
import { onSignals } from "../stopping.ts";

export async function checkCommand(
  lab: string | undefined,
  options: {
    json?: boolean;
    tag?: string;
    fresh?: boolean;
    probe?: boolean;
    schema?: boolean;
    isolation?: string;
  },
): Promise<number> {
  if (options.schema) {
    const { jsonSchema } = await import("../../contract/index.ts");
    printJson(jsonSchema());
    return 0;
  }
  const folder = await readLab(lab ?? ".");
  const level = levelOf(options.isolation, folder.contract.image);
  const { stop, abort, done } = onSignals();
  const check = await checkLab(folder, {
    stop,
    abort,
    ...(options.tag === undefined ? {} : { tag: options.tag }),
    ...(options.fresh ? { fresh: true } : {}),
    ...level,
    ...(options.probe ? { probe: true } : {}),
    listener: plainDisplay(folder, process.stderr).listener,
  }).finally(done);
  if (options.json) printJson(check);
  else
    print(
      checkText(
        {
          ...check,
          file: basename(folder.programFile),
          problems: folder.problems,
          baseline: { ...check.baseline, sigma: check.sigma, deterministic: check.deterministic },
          costMs: check.evaluationMs,
          runsPerCandidate: check.runsPerExperiment,
          failure: null,
        },
        { colour, width: width() },
      ),
    );
  return 0;
}
