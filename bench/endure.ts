import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Endured, endure } from "../tests/support/endure.ts";
import { planOf } from "../tests/support/faults.ts";
import { noteLab } from "../tests/support/scripted.ts";

/** Sessions with random faults: none may lose a result or pass a limit. `node bench/endure.ts [sessions]` */

const sessions = Number(process.argv[2] ?? 200);
const ended: Endured[] = [];
for (let seed = 1; seed <= sessions; seed++) {
  const folder = mkdtempSync(join(tmpdir(), "whet-endure-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
  for (const [path, text] of Object.entries(noteLab())) writeFileSync(join(folder, path), text);
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  ended.push(await endure(folder, planOf(seed)));
  rmSync(folder, { recursive: true, force: true });
}
const sum = (of: (each: Endured) => number) => ended.reduce((total, each) => total + of(each), 0);
console.table([
  {
    sessions,
    crashes: sum((each) => each.crashes),
    repairs: sum((each) => each.repairs),
    waits: sum((each) => each.waits),
    killed: sum((each) => Number(each.killed)),
    faults: sum((each) => each.faults.length),
  },
]);
for (const { plan, faults } of ended) for (const fault of faults) console.log(JSON.stringify(plan), fault);
process.exitCode = ended.some(({ faults }) => faults.length > 0) ? 1 : 0;
