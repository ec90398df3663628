import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KillCounts, keepingLab, killRepeatedly } from "./faults/kill.ts";

/** `kill -9` in every phase of a session; afterwards everything must be there and agree. `node bench/faults.ts [kills]` */

/** After more kills a session has hardly anything left to keep, and some phases never come. */
const killsOfOneLab = 40;

const sum: KillCounts = {
  kills: {},
  acknowledged: { evaluations: 0, decisions: 0 },
  unfinishedKeeps: 0,
  faults: [],
};
let left = Number(process.argv[2] ?? 200);
for (let seed = 5; left > 0; seed++, left -= killsOfOneLab) {
  const folder = mkdtempSync(join(tmpdir(), "whet-faults-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
  for (const [path, text] of Object.entries(keepingLab)) writeFileSync(join(folder, path), text);
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  const counts = await killRepeatedly(folder, Math.min(left, killsOfOneLab), seed);
  rmSync(folder, { recursive: true, force: true });
  for (const [phase, kills] of Object.entries(counts.kills))
    sum.kills[phase] = (sum.kills[phase] ?? 0) + kills;
  sum.acknowledged.evaluations += counts.acknowledged.evaluations;
  sum.acknowledged.decisions += counts.acknowledged.decisions;
  sum.unfinishedKeeps += counts.unfinishedKeeps;
  sum.faults.push(...counts.faults);
}
console.table([sum.kills]);
console.table([
  {
    "acknowledged runs": sum.acknowledged.evaluations,
    "acknowledged decisions": sum.acknowledged.decisions,
    "killed before a keep's commit": sum.unfinishedKeeps,
    faults: sum.faults.length,
  },
]);
for (const fault of sum.faults) console.log(fault);
process.exitCode = sum.faults.length > 0 ? 1 : 0;
