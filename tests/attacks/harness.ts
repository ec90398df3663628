// A harness of its own for attacks on what a harness inherits: descriptors and a terminal.
// Usage: node harness.ts LEVEL TREE COMMAND. Prints what the command printed, then what was typed into the terminal.
import { openSandbox } from "../../src/sandbox/index.ts";

const [level, tree, command] = process.argv.slice(2) as [string, string, string];
let typed = "";
if (process.stdin.isTTY) {
  process.stdin.setRawMode(true);
  process.stdin.on("data", (chunk: Buffer) => {
    typed += chunk.toString();
  });
}
const sandbox = await openSandbox(level === "L0" ? { level: "L0" } : {});
const outcome = await sandbox.start({
  command,
  tree,
  cwd: "",
  mounts: [],
  hidden: [],
  env: {},
  limits: {
    ...{ time: 10_000, memory: 2 ** 28, processes: 64, fileSize: 2 ** 20, disk: 2 ** 20, output: 2 ** 20 },
    network: false,
  },
}).done;
if (process.stdin.isTTY) await new Promise((resolve) => setTimeout(resolve, 100));
console.log(JSON.stringify({ stdout: outcome.stdout, typed }));
process.exit();
