import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The end-to-end tests start the built command line: build it once, from the sources under test. */
export default function setup(): void {
  const root = join(import.meta.dirname, "..");
  execFileSync(process.execPath, [join(root, "node_modules", "tsdown", "dist", "run.mjs"), "--silent"], {
    cwd: root,
    stdio: "inherit",
  });
}
