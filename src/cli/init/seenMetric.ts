import { basename, join } from "node:path";
import { parseProgram } from "../../contract/index.ts";
import { guessSource } from "../../evaluator/index.ts";
import { firstRun } from "../../loop/index.ts";
import type { Known } from "./questions.ts";
import { writeProgram } from "./write.ts";

/**
 * What the command prints when it is run once, for a metric that no file names: the likeliest figure of which is known
 * which way it is better. Nothing is written; the same answers where the run tells none.
 */
export async function withSeenMetric(
  known: Known,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Known> {
  const { run, change } = known;
  if (known.metric !== undefined || run === undefined || change === undefined) return known;
  const timed = { goal: "a look", metric: "seconds", direction: "minimize" as const, clocked: true };
  const { program } = parseProgram(writeProgram({ ...known, ...timed, run, change }));
  if (!program) return known;
  const lab = {
    ...{ folder, name: basename(folder), programFile: join(folder, "program.md") },
    ...{ program, contract: program.contract, problems: [] },
  };
  const seen = await firstRun(lab, signal ? { signal } : {}).catch(() => null);
  if (seen === null || seen.failure !== null) return known;
  const guess = guessSource(seen.log, {}).find(({ direction }) => direction !== undefined);
  if (guess?.direction === undefined) return known;
  const { source } = guess;
  const from =
    source?.kind === "preset"
      ? source.preset
      : source?.kind === "regex"
        ? `{ regex: ${JSON.stringify(source.pattern)} }`
        : undefined;
  return {
    ...known,
    metric: guess.name,
    direction: known.direction ?? guess.direction,
    ...(from === undefined ? {} : { source: from }),
  };
}
