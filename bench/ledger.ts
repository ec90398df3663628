import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { ledgerPath } from "../src/lab/folder.ts";
import { readLab } from "../src/lab/lab.ts";
import { runSession } from "../src/loop/index.ts";

/** Screens over a ledger of 100,000 experiments, each from a cold process, and the memory of a session on it. */

const size = 100_000;
const folder = mkdtempSync(join(tmpdir(), "whet-bench-"));
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
writeFileSync(
  join(folder, "knobs.json"),
  JSON.stringify({ rate: 1, width: 64, depth: 8, decay: 0.1 }, null, 1),
);
writeFileSync(
  join(folder, "run.mjs"),
  'import { readFileSync } from "node:fs";\nconst k = JSON.parse(readFileSync("knobs.json", "utf8"));\nconsole.log(`loss: ${1 + k.decay / 1e6}`);\n',
);
writeFileSync(
  join(folder, "program.md"),
  "---\nmetric: loss\ndirection: minimize\nchange: [knobs.json]\nrun: node run.mjs\nbudget: 5s\n---\n",
);
git("init", "-q");
git("add", "-A");
git("commit", "-q", "-m", "start");
const lab = await readLab(folder);
await runSession(lab, { experiments: 3, auditPairs: 0, seed: 1 });

const db = new Database(ledgerPath(folder));
const session = db.prepare("select id from sessions").pluck().get() as number;
const first = db.prepare("select max(number) from experiments").pluck().get() as number;
const experiment = db.prepare(
  "insert into experiments (session_id, number, state, parent, parent_state, researcher, what, mechanism, prediction, added, removed, proposed_at) values (?, ?, ?, 0, 'x', 'search', ?, 'a larger step covers more ground', 'loss falls', 1, 1, ?)",
);
const change = db.prepare("insert into changes values (?, ?, ?, ?)");
const evaluation = db.prepare(
  "insert into evaluations (session_id, experiment_id, position, arm, purpose, round, state, seed, value, metrics, started_at, wall_ms, cpu_ms, peak_bytes, log_tail, checks, channel, level, pins) values (?, ?, 0, 'candidate', 'screen', 1, ?, ?, ?, ?, ?, 1000, 900, 50000000, ?, '[]', 'self-reported', 'L2', 'p')",
);
const decision = db.prepare(
  "insert into decisions (experiment_id, kind, effect, low, high, p, p_real, t, pairs, provisional, reason, value, runs, peak_bytes, wall_ms, decided_at) values (?, ?, ?, -1, 1, 0.5, 0.1, 0.2, 0, 0, 'dropped after 1 run', ?, 1, 50000000, 1000, ?)",
);
db.transaction(() => {
  for (let i = 1; i <= size; i++) {
    const number = first + i;
    const worse = 1.5 + Math.sin(i) / 3;
    const id = experiment.run(session, number, `state-${i}`, `rate 1 -> ${i}`, i).lastInsertRowid;
    change.run(
      id,
      '{"knobs.json":"{}"}',
      '{"knobs.json":"{}"}',
      "--- a/knobs.json\n+++ b/knobs.json\n@@ -1 +1 @@\n-1\n+2\n",
    );
    evaluation.run(
      session,
      id,
      `state-${i}`,
      i,
      worse,
      `{"loss":${worse}}`,
      i,
      "a line of output\n".repeat(20),
    );
    decision.run(
      id,
      i % 50 === 0 ? "crash" : "discard",
      i % 50 === 0 ? null : 1 - worse,
      i % 50 === 0 ? null : worse,
      i,
    );
  }
})();
db.close();

const bin = join(import.meta.dirname, "..", "bin", "whet.cjs");
const rows = ["status", "context", "log", "failures"].map((command) => {
  const times: number[] = [];
  for (let i = 0; i < 11; i++) {
    const began = performance.now();
    const { status } = spawnSync(process.execPath, [bin, command], { cwd: folder });
    if (status !== 0) throw new Error(`whet ${command} failed`);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return {
    command: `whet ${command}`,
    experiments: size,
    "median ms": Number((times[5] as number).toFixed(0)),
    "max ms": Number((times[10] as number).toFixed(0)),
    goal: 150,
  };
});
console.table(rows);

const script = `import { openLab } from ${JSON.stringify(join(import.meta.dirname, "..", "dist", "index.js"))};
let most = 0; const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss); }, 20);
const began = performance.now(); let first = 0;
const lab = await openLab(${JSON.stringify(folder)});
await lab.run({ experiments: ${size + first + 20}, auditPairs: 0, onEvent: (event) => { if (event.type === "decision" && !first) first = performance.now() - began; } });
clearInterval(timer); console.log(JSON.stringify({ mb: Math.round(most / 2 ** 20), resumeMs: Math.round(first) }));`;
const session2 = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
  cwd: folder,
  encoding: "utf8",
});
console.table([
  {
    what: "20 more experiments on that ledger",
    ...(JSON.parse(session2.stdout || '{"mb":-1}') as object),
    "goal MB": 200,
  },
]);
if (session2.stderr) console.error(session2.stderr);
rmSync(folder, { recursive: true, force: true });
