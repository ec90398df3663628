import { createContext, runInContext } from "node:vm";
import { type Found, nothing } from "./found.ts";
import { parseQuantity } from "./quantity.ts";

/** Milliseconds: a pattern that needs longer backtracks without end on what a candidate printed. */
const limit = 2000;

const search = `(() => {
  let last = null;
  for (const match of text.matchAll(new RegExp(pattern, "gm"))) last = match;
  if (last === null) return null;
  return last.slice(1).find((group) => group !== undefined) ?? last[0];
})()`;

/**
 * The first group of the last match, or the whole match where there is no group; `^` and `$` are ends of lines.
 * The text is a candidate's, so that the time of the search is bounded: a virtual machine can end a search that runs.
 */
export function readRegex(text: string, pattern: string): Found {
  let got: unknown;
  try {
    got = runInContext(search, createContext({ text, pattern }), { timeout: limit });
  } catch (error) {
    return nothing(
      (error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
        ? `the search for /${pattern}/ took more than ${limit / 1000} s and was ended: write a pattern with fewer nested repetitions`
        : `/${pattern}/ cannot be searched for: ${(error as Error).message}`,
    );
  }
  if (typeof got !== "string") return nothing(`nothing matches /${pattern}/`);
  return (
    parseQuantity(got) ??
    nothing(
      `/${pattern}/ matches \`${got.trim().slice(0, 60)}\`, which is no number: put a group around the number alone, ([-+\\d.,e]+)`,
    )
  );
}
