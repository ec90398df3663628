/**
 * `whet` as an agent in a box finds it: hands the command on through the hatch and prints the answer. It decides nothing;
 * what may be asked for is up to the other side.
 *
 * Started as `node client.ts COMMAND ...`, with the socket named by WHET_HATCH. Loads nothing but Node's own modules.
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { HatchAnswer, HatchRequest } from "./protocol.ts";

const usage = `whet in a sandbox: the commands of an agent that drives, answered by the Whetstone process outside
  whet try -m WHAT --because WHY [--expect PREDICTION] [--idea ID] [--json]
  whet start [--from ID]      whet status    whet context [--budget N]    whet log [-n N]
  whet show ID    whet diff ID    whet failures    whet learn ID --confirmed|--refuted LESSON
  whet ideas [list | add TEXT]    whet mcp
`;

class Mistake extends Error {}

/** Options by their names at the command line, each with or without a value. */
const options = {
  message: { type: "string", short: "m" },
  because: { type: "string" },
  expect: { type: "string" },
  idea: { type: "string" },
  from: { type: "string" },
  budget: { type: "string" },
  newest: { type: "string", short: "n" },
  confirmed: { type: "string" },
  refuted: { type: "string" },
  lab: { type: "string" },
  json: { type: "boolean" },
  // Accepted and ignored: the canaries were tried when the session began.
  "no-probe": { type: "boolean" },
} as const;

function requestOf(argv: readonly string[]): HatchRequest {
  const [verb = "", ...rest] = argv;
  const { values, positionals } = parseArgs({ args: rest, options, allowPositionals: true });
  const number = (name: "idea" | "from" | "budget" | "newest") =>
    values[name] === undefined ? {} : { [name]: numberOf(values[name]) };
  const about = (lab: string | undefined) => ({
    ...(lab === undefined ? {} : { lab }),
    ...(values.json ? { json: true } : {}),
  });
  switch (verb) {
    case "try":
      return {
        ...{ ask: verb, what: wanted(values.message, "-m"), because: wanted(values.because, "--because") },
        ...(values.expect === undefined ? {} : { expect: values.expect }),
        ...{ ...number("idea"), ...about(positionals[0]) },
      };
    case "start":
      return { ask: verb, ...number("from"), ...about(positionals[0]) };
    case "status":
    case "mcp":
      return { ask: verb, ...about(positionals[0]) };
    case "context":
      return { ask: verb, ...number("budget"), ...about(positionals[0]) };
    case "log":
    case "failures":
      return { ask: verb, ...number("newest"), ...about(positionals[0]) };
    case "show":
    case "diff":
      return { ask: verb, id: numberOf(positionals[0]), ...about(positionals[1]) };
    case "learn": {
      const hypothesis = values.confirmed === undefined ? "refuted" : "confirmed";
      const lesson = wanted(values.confirmed ?? values.refuted, "--confirmed or --refuted");
      return { ask: verb, id: numberOf(positionals[0]), hypothesis, lesson, ...about(positionals[1]) };
    }
    case "ideas":
      return positionals[0] === "add"
        ? { ask: "idea", text: wanted(positionals[1], "the text of the idea"), ...about(values.lab) }
        : { ask: "ideas", ...about(values.lab) };
    default:
      throw new Mistake(
        verb === ""
          ? "name a command"
          : `\`whet ${verb}\` is not for an agent in a sandbox: the person outside may call it`,
      );
  }
}

function wanted(text: string | undefined, what: string): string {
  if (text === undefined) throw new Mistake(`${what} is missing`);
  return text;
}

function numberOf(text: string | undefined): number {
  const value = Number((text ?? "").replace(/^#/, ""));
  if (!Number.isInteger(value) || value < 1)
    throw new Mistake(`expected a number from 1, not "${text ?? ""}"`);
  return value;
}

/** Asks, prints, and ends this process with the exit code of the answer. */
function ask(path: string, request: HatchRequest): void {
  const socket = connect(path);
  socket.once("error", (error) => {
    process.stderr.write(`whet: the Whetstone process outside cannot be reached: ${error.message}\n`);
    process.exit(1);
  });
  socket.write(`${JSON.stringify(request)}\n`);
  if (request.ask === "mcp") {
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
    socket.once("close", () => process.exit(0));
  } else printAnswer(socket);
}

function printAnswer(socket: Socket): void {
  let code: number | null = null;
  createInterface({ input: socket }).on("line", (line) => {
    const part = JSON.parse(line) as HatchAnswer;
    if ("out" in part) process.stdout.write(part.out);
    else if ("err" in part) process.stderr.write(part.err);
    else code = part.exit;
  });
  socket.once("close", () => {
    if (code === null) process.stderr.write("whet: the Whetstone process outside ended before it answered\n");
    process.exitCode = code ?? 1;
  });
}

function main(argv: readonly string[]): void {
  const path = process.env.WHET_HATCH;
  if (argv[0] === "--help" || argv[0] === "help") return void process.stdout.write(usage);
  // The hook asks whether an agent may stop; in a sandbox it always may.
  if (argv[0] === "hook") return;
  try {
    if (!path) throw new Mistake("WHET_HATCH does not name the socket that leads out");
    ask(path, requestOf(argv));
  } catch (error) {
    process.stderr.write(`whet: ${(error as Error).message}\n${usage}`);
    process.exitCode = 2;
  }
}

main(process.argv.slice(2));
