/**
 * Runs inside an agent's sandbox, which has no network: listens on loopback there, hands every connection over to the
 * relay's socket, and runs the agent. Started as `node forward.ts PORT SOCKET -- program argument ...`.
 */
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";

const [port, socket, , program, ...rest] = process.argv.slice(2) as [string, string, string, string];

const server = createServer({ allowHalfOpen: true }, (inside) => {
  const outside = connect({ path: socket, allowHalfOpen: true });
  inside.setNoDelay(true);
  inside.pipe(outside);
  outside.pipe(inside);
  inside.on("error", () => outside.destroy());
  outside.on("error", () => inside.destroy());
});
server.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(program, rest, { stdio: "inherit" });
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
});
