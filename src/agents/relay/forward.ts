/**
 * Runs inside an agent's sandbox and starts the agent, with the environment that a file holds: on a command line, as the
 * sandbox's own settings are, every user of the machine could read it. Where the sandbox has no network it listens on
 * loopback there and hands every connection over to the relay's socket.
 *
 * Started as `node forward.ts ENVIRONMENT PORT SOCKET -- program argument ...`; port 0: it does not listen.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";

const [file, port, socket, , program, ...rest] = process.argv.slice(2) as [
  ...[string, string, string, string, string],
  ...string[],
];

const server = createServer({ allowHalfOpen: true }, (inside) => {
  const outside = connect({ path: socket, allowHalfOpen: true });
  inside.setNoDelay(true);
  inside.pipe(outside);
  outside.pipe(inside);
  inside.on("error", () => outside.destroy());
  outside.on("error", () => inside.destroy());
});
if (port === "0") start();
else server.listen(Number(port), "127.0.0.1", start);

function start(): void {
  const env = { ...process.env, ...(JSON.parse(readFileSync(file, "utf8")) as Record<string, string>) };
  const child = spawn(program, rest, { stdio: "inherit", env });
  child.once("error", (error) => {
    process.stderr.write(`${program} could not be started: ${error.message}\n`);
    process.exit(126);
  });
  child.once("exit", (code, signal) => {
    if (signal) {
      server.close();
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
