import { chmodSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { Interrupted, RunFailed, UserError } from "../errors.ts";
import { makeServer, overStreams } from "../mcp/index.ts";
import { printable } from "../printable.ts";
import { answerTo, type Behind } from "./answer.ts";
import { type HatchAnswer, longestRequest } from "./protocol.ts";
import { parseRequest } from "./request.ts";

export interface HatchOptions extends Behind {
  /** Path of the socket, in a folder that only this user can enter. */
  socket: string;
  version: string;
  /** Is told of errors that are no fault of the agent's; what it is told of them says nothing of this machine. */
  onFault: (error: unknown) => void;
}

/** Milliseconds in which a request has to be complete. */
const patience = 60_000;
/** Connections at the same time; one of them measures, the others read. */
const most = 64;

/** Listens for the agent in a box. @returns what ends it, and with it whatever is under way. */
export async function openHatch({
  socket,
  version,
  onFault,
  ...behind
}: HatchOptions): Promise<() => Promise<void>> {
  const end = new AbortController();
  const under = new Set<Promise<void>>();
  const server = createServer((connection) => {
    const done = serve(connection, { ...behind, version, onFault }, end.signal).catch(() => {
      connection.destroy();
    });
    under.add(done);
    void done.finally(() => under.delete(done));
  });
  server.maxConnections = most;
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(socket, listening);
  });
  chmodSync(socket, 0o600);
  return async () => {
    server.close();
    end.abort();
    await Promise.all(under);
  };
}

async function serve(
  connection: Socket,
  { version, onFault, ...behind }: Omit<HatchOptions, "socket">,
  ending: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  connection.on("error", () => gone.abort());
  connection.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, ending]);
  const hangUp = () => connection.destroySoon();
  ending.addEventListener("abort", hangUp, { once: true });
  connection.once("close", () => ending.removeEventListener("abort", hangUp));
  const say = (part: HatchAnswer) => connection.writable && connection.write(`${JSON.stringify(part)}\n`);
  const tell = (line: string) => say({ err: `${printable(line)}\n` });
  try {
    const given = parseRequest(await firstLine(connection));
    if (given.ask === "mcp") {
      const door = { desk: behind.desk, version, log: () => {} };
      const decided = behind.onDecided ? { onDecided: behind.onDecided } : {};
      await overStreams(() => makeServer({ ...door, ...decided }), connection, connection, signal);
    } else {
      // An agent that hangs up after its request no longer wants the answer.
      connection.resume();
      const { out, exit } = await answerTo(given, behind, signal, tell);
      say({ out });
      say({ exit });
    }
  } catch (error) {
    if (error instanceof Interrupted) tell("interrupted: the next `whet try` finishes the open experiment");
    else if (error instanceof UserError) {
      tell(`whet: ${error.message}`);
      for (const way of error.fix.split("\n").filter((each) => each !== "")) tell(`      → ${way}`);
    } else {
      onFault(error);
      tell("whet: an error that should not happen; the terminal in which the sandbox was started says more");
    }
    say({ exit: codeOf(error) });
  }
  connection.end();
}

function codeOf(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  return error instanceof UserError && !(error instanceof RunFailed) ? 2 : 1;
}

/** Reads the first line; what follows it stays in the stream. */
function firstLine(connection: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = (done: () => void) => {
      clearTimeout(timer);
      connection.off("readable", read);
      connection.off("end", cut);
      connection.off("close", cut);
      done();
    };
    const cut = () =>
      settle(() => reject(new UserError("the request is incomplete or too long", "use `whet` to ask")));
    const timer = setTimeout(cut, patience);
    const read = () => {
      for (
        let chunk = connection.read() as Buffer | null;
        chunk !== null;
        chunk = connection.read() as Buffer | null
      ) {
        bytes = Buffer.concat([bytes, chunk]);
        const end = bytes.indexOf(10);
        if (bytes.length > longestRequest) return cut();
        if (end < 0) continue;
        const rest = bytes.subarray(end + 1);
        return settle(() => {
          if (rest.length > 0) connection.unshift(rest);
          resolve(bytes.subarray(0, end).toString());
        });
      }
    };
    connection.on("readable", read);
    connection.once("end", cut);
    // A connection that is destroyed has no end.
    connection.once("close", cut);
  });
}
