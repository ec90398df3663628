/** Characters of a line that are shown while a run prints it. */
const shown = 1000;
/** Characters that are looked through for secrets: of one that begins in the shown part enough is there to know it. */
const looked = 4096;
/** Lines of so many milliseconds that are shown; nobody reads more. */
const most = 100;
const span = 100;

/**
 * Chooses the lines that are shown while a run prints, and takes the secrets out of them. A run that floods its output must
 * not keep the process busy that watches its limits: the rest is not looked at here. (The record has the log's end.)
 */
export function openLiveLines(
  redact: (text: string) => string,
  now: () => number = () => performance.now(),
): { take(line: string): string | null } {
  let since = Number.NEGATIVE_INFINITY;
  let count = 0;
  return {
    take(line) {
      const time = now();
      if (time - since >= span) {
        since = time;
        count = 0;
      }
      count++;
      return count > most ? null : redact(line.slice(0, looked)).slice(0, shown);
    },
  };
}
