import { UserError } from "../../errors.ts";
import { readLab } from "../../lab/index.ts";
import { makeServer, openDesk, openHttp, overStreams } from "../../mcp/index.ts";
import { levelOf } from "../options.ts";
import { complain } from "../output.ts";
import { resultsWriter } from "../results.ts";

/** Serves the verbs of an agent that drives as MCP tools, until the client goes or a signal comes. */
export async function mcpCommand(
  lab: string | undefined,
  options: {
    http?: boolean;
    port?: number;
    token?: string;
    tag?: string;
    isolation?: string;
    probe?: boolean;
    version: string;
  },
): Promise<number> {
  if (!options.http && (options.port !== undefined || options.token !== undefined))
    throw new UserError("--port and --token are for --http", "add --http, or leave them out");
  // Unlike a command line, an environment is shown to nobody else.
  const token = options.token ?? (options.http ? process.env.WHET_TOKEN || undefined : undefined);
  if (token !== undefined && token.length < 16)
    throw new UserError("the token is shorter than 16 characters", "leave it out for a random one");
  // A mistake in the contract is said at once, not with the first call.
  const { folder, contract } = await readLab(lab ?? ".");
  const level = levelOf(options.isolation, contract.image);
  const log = (line: string) => complain(`whet mcp: ${line}`);
  const desk = openDesk(lab ?? ".", {
    ...(options.tag === undefined ? {} : { tag: options.tag }),
    ...(options.probe === false ? { probe: false } : {}),
    ...level,
  });
  const server = () => makeServer({ desk, version: options.version, log, onDecided: resultsWriter(folder) });
  const end = new AbortController();
  const stop = () => end.abort();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  try {
    if (options.http) {
      const door = await openHttp(server, {
        ...(options.port === undefined ? {} : { port: options.port }),
        ...(token === undefined ? {} : { token }),
      });
      log(`listening on ${door.url}`);
      if (token === undefined) log(`token: ${door.token}`);
      await new Promise<void>((resolve) => {
        end.signal.addEventListener("abort", () => resolve(), { once: true });
      });
      await door.close();
    } else await overStreams(server, process.stdin, process.stdout, end.signal);
    return 0;
  } finally {
    await desk.close();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    process.off("SIGHUP", stop);
  }
}
