import { basename, join } from "node:path";
import { parseProgram } from "../../contract/index.ts";
import { type Guess, guessSource } from "../../evaluator/index.ts";
import type { LabFolder } from "../../lab/index.ts";
import { sourceWords } from "../../metricSources/index.ts";
import type { Known } from "./questions.ts";
import { mendingRun, type TryOptions } from "./tryOut.ts";
import { type Answers, writeProgram } from "./write.ts";

/** The metric that a run showed, with a sentence about where it was. */
export interface Seen {
  known: Known;
  /** Null where the run told nothing. */
  words: string | null;
}

/**
 * What the command prints when it is run once, for a metric of which no file tells: the likeliest figure, those first of
 * which is known which way they are better. Nothing is written; the same answers where the run tells none.
 */
export async function withSeenMetric(
  known: Known,
  folder: string,
  { interactive, onLine, signal }: Pick<TryOptions, "interactive" | "onLine" | "signal">,
): Promise<Seen> {
  const { run, change } = known;
  if (known.metric !== undefined || run === undefined || change === undefined) return { known, words: null };
  const timed = { goal: "a look", metric: "seconds", direction: "minimize" as const, clocked: true };
  const answers: Answers = { ...known, ...timed, run, change };
  // The contract of this look stands in no file.
  if (labOf(answers, folder) === null) return { known, words: null };
  onLine?.(
    `running \`${run}\` once to see what it prints (at most ${known.budget}; --no-try leaves that out)`,
  );
  const seen = await mendingRun(answers, {
    interactive,
    ...(onLine ? { onLine } : {}),
    ...(signal ? { signal } : {}),
    labOf: async (of) => labOf(of, folder) as LabFolder,
  }).catch(() => null);
  if (seen === null || seen.run === null || seen.run instanceof Error || seen.run.failure !== null)
    return { known, words: null };
  const { inputs, limits, grants } = seen.answers;
  const mended = { ...known, inputs, limits, ...(grants ? { grants } : {}) };
  const guess = likeliest(guessSource(seen.run.output, {}));
  if (guess === undefined) return { known: mended, words: null };
  const { name, source } = guess;
  const direction = known.direction ?? guess.direction;
  const from = source && sourceWords(source, "the output", guess.direction ?? "minimize");
  return {
    known: {
      ...mended,
      metric: name,
      ...(direction === undefined ? {} : { direction }),
      ...(source === null ? {} : { source: sourceYaml(source) }),
    },
    words: `metric: ${name} (${from ?? "the output of the run"}, which was ${guess.value})`,
  };
}

/** What tells which way it is better, or else the first number in the JSON. */
function likeliest(guesses: readonly Guess[]): Guess | undefined {
  return (
    guesses.find(({ direction }) => direction !== undefined) ??
    guesses.find(({ source }) => source?.kind === "json")
  );
}

/** The figure of a run's output that has the metric's name, as `from` in the contract; null where there is none. */
export function sourceNamed(metric: string, output: string): string | null {
  const guess = guessSource(output, {}).find(({ name, source }) => name === metric && source !== null);
  return guess?.source ? sourceYaml(guess.source) : null;
}

/** A source as `from` of the contract, on one line. Only what `guessSource` finds in an output. */
function sourceYaml(source: NonNullable<Guess["source"]>): string {
  switch (source.kind) {
    case "preset":
      return source.preset;
    case "json":
      return `{ json: "-", at: ${JSON.stringify(source.at)} }`;
    case "regex":
      return `{ regex: ${JSON.stringify(source.pattern)} }`;
    default:
      throw new Error(`no figure of an output has a source of the kind ${source.kind}`);
  }
}

function labOf(answers: Answers, folder: string): LabFolder | null {
  const { program } = parseProgram(writeProgram(answers));
  if (!program) return null;
  return {
    ...{ folder, name: basename(folder), programFile: join(folder, "program.md") },
    ...{ program, contract: program.contract, problems: [] },
  };
}
