import { RunFailed } from "../errors.ts";

/** Lines of a failed run's log that a person is shown. */
const shown = 10;

/** A failure of the untouched code with the end of what the run wrote, for the person whose code it is. */
export function withLastWords(error: unknown, run: { logTail: string } | null): unknown {
  if (!(error instanceof RunFailed) || run === null) return error;
  const lines = run.logTail.split("\n").map((line) => line.trimEnd());
  const end = lines.filter((line) => line !== "").slice(-shown);
  // One line that the message tells already.
  if (end.length === 0 || (end.length === 1 && error.message.includes(end[0] as string))) return error;
  return new RunFailed(
    `${error.message}\n${end.map((line) => `      │ ${line.slice(0, 200)}`).join("\n")}`,
    error.fix,
  );
}
