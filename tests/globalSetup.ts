import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

/**
 * The end-to-end tests start the built command line: build it once, from the sources under test. Their temporary files
 * are their own, so that timed runs wait for no other session of this machine.
 */
export default function setup(): () => void {
  const temporary = mkdtempSync(join(tmpdir(), "whet-tests-"));
  process.env.TMPDIR = temporary;
  // The key that seals notes is no business of the user's whose machine this is.
  process.env.XDG_STATE_HOME = join(temporary, "state");
  usePythonItself();
  const root = join(import.meta.dirname, "..");
  // The types that a package carries take longer than all else, and no test reads them.
  const build = [join(root, "node_modules", "tsdown", "dist", "run.mjs"), "--silent", "--no-dts"];
  execFileSync(process.execPath, build, {
    cwd: root,
    stdio: "inherit",
  });
  return () => rmSync(temporary, { recursive: true, force: true });
}

/** What stands for Python on the path may be a script that looks for it at each start (pyenv), for 100 ms each. */
function usePythonItself(): void {
  const { status, stdout } = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], {
    encoding: "utf8",
  });
  if (status === 0) process.env.PATH = `${dirname(stdout.trim())}${delimiter}${process.env.PATH}`;
}
