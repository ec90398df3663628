import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Endured, endure } from "../tests/support/endure.ts";
import { planOf } from "../tests/support/faults.ts";
import { noteLab } from "../tests/support/scripted.ts";

/**
 * Sessions with random faults, 1,000 or as many as are asked for: failed turns, refusals of the provider, crashes, hangs,
 * forbidden changes, words from a person, pauses, Ctrl-C, kill -9, and every limit. None may hang, lose a result or pass
 * a limit.
 */

const wanted = Number(process.argv[2] ?? 1000);
const first = Number(process.argv[3] ?? 1);
const labs = 4;
const all: Endured[] = [];
let next = first;
const worker = async () => {
  const folder = mkdtempSync(join(tmpdir(), "whet-bench-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
  for (const [path, text] of Object.entries(noteLab())) writeFileSync(join(folder, path), text);
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  while (next < first + wanted) {
    const endured = await endure(folder, planOf(next++));
    all.push(endured);
    if (endured.faults.length > 0) console.error(JSON.stringify(endured));
    if (all.length % 50 === 0) console.error(`${all.length} of ${wanted}`);
  }
  rmSync(folder, { recursive: true, force: true });
};
const began = performance.now();
await Promise.all(Array.from({ length: labs }, worker));

const sum = (of: (each: Endured) => number | boolean) =>
  all.reduce((total, each) => total + Number(of(each)), 0);
const ended = (pattern: RegExp) => all.filter(({ reason }) => pattern.test(reason)).length;
console.table([
  {
    ...{
      sessions: all.length,
      experiments: sum((each) => each.experiments),
      turns: sum((each) => each.turns),
    },
    ...{ "turns for nothing": sum((each) => each.failedTurns), waits: sum((each) => each.waits) },
    ...{ keeps: sum((each) => each.keeps), crashes: sum((each) => each.crashes) },
    ...{ repairs: sum((each) => each.repairs), invalid: sum((each) => each.invalid) },
  },
]);
console.table([
  {
    ...{ killed: sum((each) => each.killed), "stopped by hand": sum(({ plan }) => plan.stop !== null) },
    ...{ paused: sum((each) => each.paused), steered: sum((each) => each.steered) },
    "ended by experiments": ended(/experiments is reached/),
    ...{ "by tokens": ended(/tokens/), "by money": ended(/\$/), "by time": ended(/time limit/) },
  },
]);
console.table([
  {
    "with a fault": sum((each) => each.faults.length > 0),
    "longest, s": Number((Math.max(...all.map((each) => each.wallMs)) / 1000).toFixed(1)),
    "all together, s": Math.round((performance.now() - began) / 1000),
  },
]);
process.exitCode = sum((each) => each.faults.length > 0) > 0 ? 1 : 0;
