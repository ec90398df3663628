import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Noise } from "../src/decision/index.ts";
import { ledgerPath } from "../src/lab/folder.ts";
import { readLab } from "../src/lab/lab.ts";
import { evaluationsOf, openLedger, sessionByTag, sessions } from "../src/ledger/index.ts";
import { runSession } from "../src/loop/index.ts";
import { briefingText, generator, tokensOf } from "../src/researcher/index.ts";
import { recallMemory } from "../src/turns/recall.ts";

/**
 * The briefing in a lab of 100,000 experiments: time from the ledger to the finished text, and its length against the
 * budget. Two sessions: one with a keep in a hundred, one with none at all.
 */

const size = 100_000;
const folder = mkdtempSync(join(tmpdir(), "whet-bench-"));
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], { cwd: folder });
const lines = (count: number) =>
  Array.from({ length: count }, (_, line) => `const value${line} = ${line}; // what it is for\n`).join("");
writeFileSync(join(folder, "code.ts"), lines(2000));
writeFileSync(
  join(folder, "program.md"),
  "---\nmetric: { name: bytes, clock: size code.ts }\nchange: [code.ts]\nrun: 'true'\nbudget: 5s\n---\nMake it short.\n",
);
git("init", "-q");
git("add", "-A");
git("commit", "-q", "-m", "start");
const lab = await readLab(folder);
const quick = { auditPairs: 0, probe: false, level: "L0" as const, seed: 1 };
await runSession(lab, { ...quick, tag: "kept", experiments: 1 });
await runSession(lab, { ...quick, tag: "barren", experiments: 1 });

const db = new Database(ledgerPath(folder));
const random = generator(7);
const words = "warm up decay rate width depth batch clip norm cache fuse loop skip init sort heap hash".split(
  " ",
);
const word = () => words[Math.floor(random() * words.length)] as string;
const experiment = db.prepare(
  "insert into experiments (session_id, number, state, parent, parent_state, researcher, what, mechanism, prediction, added, removed, proposed_at, lesson) values (?, ?, ?, 0, 'x', ?, ?, 'it covers more ground', 'it falls', 1, 1, ?, 'no clear effect')",
);
const change = db.prepare("insert into changes values (?, '{}', '{}', ?)");
const decision = db.prepare(
  "insert into decisions (experiment_id, kind, effect, t, pairs, provisional, reason, value, runs, wall_ms, decided_at) values (?, ?, ?, ?, 0, 0, 'dropped after 1 run: not better than the incumbent', 3, 1, 1000, ?)",
);
const turn = db.prepare(
  "insert into turns (session_id, experiment_id, researcher, purpose, prompt, raw, ending, message, tokens_in, tokens_out, dollars, started_at, wall_ms) values (?, ?, 'mind', 'propose', zeroblob(2000), zeroblob(2000), 'done', '', 9000, 900, 0.02, 1, 1000)",
);
for (const [tag, keepsAnyhow] of [
  ["kept", true],
  ["barren", false],
] as const) {
  const session = db.prepare("select id from sessions where tag = ?").pluck().get(tag) as number;
  const first = db
    .prepare("select max(number) from experiments where session_id = ?")
    .pluck()
    .get(session) as number;
  db.transaction(() => {
    for (let i = 1; i <= size; i++) {
      const chance = random();
      const kind = keepsAnyhow && chance < 0.01 ? "keep" : chance < 0.05 ? "crash" : "discard";
      const t = kind === "crash" ? null : 4 * random() - 2.5;
      const what = `${word()} ${word()} the ${word()} of ${word()} ${Math.floor(random() * 50)}`;
      const id = experiment.run(session, first + i, `${tag}-${i}`, "mind", what, i).lastInsertRowid;
      change.run(id, "--- a/code.ts\n+++ b/code.ts\n@@ -1 +1 @@\n-1\n+2\n".repeat(10));
      decision.run(id, kind, t, t, i);
      turn.run(session, id);
    }
  })();
}
db.close();

const ledger = await openLedger(ledgerPath(folder));
const files = { "code.ts": lines(2000), "other.ts": lines(50) };
const rows: Record<string, string | number>[] = [];
for (const tag of ["kept", "barren"]) {
  const row = (await sessionByTag(ledger, tag)) ?? (await sessions(ledger))[0];
  if (!row) throw new Error("no session");
  const baseline = await evaluationsOf(ledger, { baseline: row.id });
  const noise = { deterministic: true } as Noise;
  for (const tokens of [1000, 8000, 24_000, 100_000]) {
    const times: number[] = [];
    let most = 0;
    for (let repeat = 0; repeat < 51; repeat++) {
      const began = performance.now();
      const memory = await recallMemory(
        { ledger, row, contract: lab.contract, baseline },
        {
          ...{ decided: size, noise },
          incumbent: { number: 5, state: "", files, commit: "", value: 3, samples: [] },
        },
      );
      const text = briefingText({ program: lab.program, files, memory }, tokens);
      times.push(performance.now() - began);
      most = Math.max(most, tokensOf(text));
    }
    times.sort((a, b) => a - b);
    const at = (share: number) =>
      Number((times[Math.floor(share * (times.length - 1))] as number).toFixed(1));
    rows.push({
      ...{ session: tag, experiments: size, budget: tokens, "tokens, estimated": most },
      ...{ "p50 ms": at(0.5), "max ms": at(1), "goal ms": 50 },
    });
  }
}
await ledger.close();
console.table(rows);
rmSync(folder, { recursive: true, force: true });
