import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** `npm run demo`: check, run and report on the pretraining lab with a fraction of its training time. */

const root = join(import.meta.dirname, "..");
const demo = join("labs", "pretrain", "demo.md");

function whet(...args: string[]): void {
  console.log(`\n$ whet ${args.join(" ")}\n`);
  const { status } = spawnSync(process.execPath, [join(root, "bin", "whet.cjs"), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}

console.log(
  "A small language model, 2 seconds of training per run. Whetstone measures the noise, tries changes, keeps what",
);
console.log(
  "is really better, and audits the result. It ends by itself after about five minutes; Ctrl-C stops it earlier,",
);
console.log("and `npm run demo` goes on where it stopped.");
whet("check", demo);
whet("run", demo, "--experiments", "14", "--for", "4m", "--audit", "3");
whet("report", demo);
console.log("\nOpen labs/pretrain/.whetstone/progress.png or report.html to see it.");
console.log("On your own repository: npx whet init, then npx whet check and npx whet run.");
