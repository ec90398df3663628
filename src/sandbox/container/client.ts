import { execFile } from "node:child_process";

/** What the clients of podman and docker need to find their engine; nothing else of the user's environment. */
const needed =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|DBUS_SESSION_BUS_ADDRESS|XDG_RUNTIME_DIR|XDG_CONFIG_HOME|XDG_DATA_HOME|DOCKER_\w+|CONTAINERS?_\w+|STORAGE_\w+)$/;

/** The environment of an engine's client. A container inherits nothing of it. */
export function clientEnvironment(all: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all).filter(
      (each): each is [string, string] => needed.test(each[0]) && each[1] !== undefined,
    ),
  );
}

export interface Said {
  succeeded: boolean;
  output: string;
  /** The last line of its complaint, or why it could not be started. */
  complaint: string;
}

/** Milliseconds that a question to an engine may take: the first one may start a daemon. */
const patience = 60_000;

/** Asks an engine's client; never throws. */
export function askEngine(program: string, args: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        timeout: patience,
        killSignal: "SIGKILL",
        env: clientEnvironment(),
        maxBuffer: 64 * 2 ** 20,
        cwd: "/",
      },
      (error, stdout, stderr) =>
        resolve({
          succeeded: error === null,
          output: stdout,
          complaint: stderr.trim().split("\n").at(-1) || (error?.message ?? ""),
        }),
    );
  });
}
