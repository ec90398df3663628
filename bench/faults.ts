import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepingLab, killRepeatedly } from "./faults/kill.ts";

/** `kill -9` in every phase of a session; afterwards everything must be there and agree. `node bench/faults.ts [kills]` */

const folder = mkdtempSync(join(tmpdir(), "whet-faults-"));
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
for (const [path, text] of Object.entries(keepingLab)) writeFileSync(join(folder, path), text);
git("init", "-q", "-b", "main");
git("add", "-A");
git("commit", "-q", "-m", "start");
const counts = await killRepeatedly(folder, Number(process.argv[2] ?? 200), 5);
console.table([counts.kills]);
console.table([
  {
    "acknowledged runs": counts.acknowledged.evaluations,
    "acknowledged decisions": counts.acknowledged.decisions,
    "killed before a keep's commit": counts.unfinishedKeeps,
    faults: counts.faults.length,
  },
]);
for (const fault of counts.faults) console.log(fault);
rmSync(folder, { recursive: true, force: true });
process.exitCode = counts.faults.length > 0 ? 1 : 0;
