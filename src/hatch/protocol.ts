/**
 * What is said through the hatch: the socket through which an agent in a box reaches the Whetstone that holds the lab.
 *
 * A connection carries one request, as a line of JSON, and then the parts of its answer, a line of JSON each; the last
 * one has the exit code. After a request for `mcp` it carries the Model Context Protocol in both directions instead.
 * Who asks is not trusted: the server checks each request as a whole.
 */

/** The words of a request; `ask` says what for. The agent's own words and numbers of experiments, and no path. */
export type HatchRequest = { lab?: string; json?: boolean } & (
  | { ask: "start"; from?: number }
  | { ask: "try"; what: string; because: string; expect?: string; idea?: number }
  | { ask: "status" | "ideas" }
  | { ask: "context"; budget?: number }
  | { ask: "log" | "failures"; newest?: number }
  | { ask: "show" | "diff"; id: number }
  | { ask: "learn"; id: number; hypothesis: "confirmed" | "refuted"; lesson: string }
  | { ask: "idea"; text: string }
  | { ask: "mcp" }
);

/** Part of an answer: text for standard output, text for standard error, or the exit code at the end. */
export type HatchAnswer = { out: string } | { err: string } | { exit: number };

/** Bytes of a request. */
export const longestRequest = 65_536;

/** The variable that names the socket to commands in a box. */
export const hatchVariable = "WHET_HATCH";
