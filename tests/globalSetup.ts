import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * The end-to-end tests start the built command line: build it once, from the sources under test. Their temporary files
 * are their own, so that timed runs wait for no other session of this machine.
 */
export default function setup(): () => void {
  const temporary = mkdtempSync(join(tmpdir(), "whet-tests-"));
  process.env.TMPDIR = temporary;
  // The key that seals notes is no business of the user's whose machine this is.
  process.env.XDG_STATE_HOME = join(temporary, "state");
  const root = join(import.meta.dirname, "..");
  execFileSync(process.execPath, [join(root, "node_modules", "tsdown", "dist", "run.mjs"), "--silent"], {
    cwd: root,
    stdio: "inherit",
  });
  return () => rmSync(temporary, { recursive: true, force: true });
}
