import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLab } from "../src/index.ts";
import { readLab } from "../src/lab/lab.ts";
import { runSession } from "../src/loop/index.ts";

/**
 * Harness time per experiment beyond its evaluations: a deterministic lab whose run is nearly nothing, 200 experiments.
 * From one decision to the next, less the wall time of the runs in between.
 */

const experiments = 200;
const rows: Record<string, string | number>[] = [];
for (const level of ["L0", "best"] as const) {
  const folder = mkdtempSync(join(tmpdir(), "whet-bench-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
  writeFileSync(
    join(folder, "knobs.json"),
    JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, i + 5])), null, 1),
  );
  writeFileSync(
    join(folder, "program.md"),
    "---\nmetric: { name: bytes, clock: size knobs.json }\nchange: [knobs.json]\nrun: 'true'\nbudget: 5s\n---\n",
  );
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  const times: number[] = [];
  let last = performance.now();
  let inside = 0;
  let used = "";
  await runSession(await readLab(folder), {
    experiments,
    auditPairs: 0,
    seed: 1,
    ...(level === "L0" ? { level } : {}),
    listener: (event) => {
      if (event.type === "evaluation") {
        inside += event.evaluation.wallMs;
        used = event.evaluation.level;
      }
      if (event.type !== "decision") return;
      const now = performance.now();
      times.push(now - last - inside);
      last = now;
      inside = 0;
    },
  });
  await (await openLab(folder)).notebook();
  times.shift();
  times.sort((a, b) => a - b);
  const at = (share: number) => Number((times[Math.floor(share * times.length)] as number).toFixed(1));
  rows.push({
    level: used,
    experiments,
    "p50 ms": at(0.5),
    "p95 ms": at(0.95),
    "max ms": at(0.999),
    "goal p50": 25,
    "goal p95": 60,
  });
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
