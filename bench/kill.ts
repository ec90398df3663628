import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { ledgerPath } from "../src/notebook/index.ts";

/** `kill -9` at random instants of a loop with keeps; afterwards everything must agree. `node bench/kill.ts [kills]` */

const kills = Number(process.argv[2] ?? 200);
const folder = mkdtempSync(join(tmpdir(), "whet-kill-"));
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=B", "-c", "user.email=b@localhost", ...args], {
    cwd: folder,
    encoding: "utf8",
  });
// Twelve knobs far from their optimum and little noise: keeps come often.
const names = "abcdefghijkl".split("");
writeFileSync(
  join(folder, "train.mjs"),
  `${names.map((name) => `const ${name} = 100;`).join("\n")}
let s = Number(process.env.SEED) >>> 0;
const noise = () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) * 0.02;
noise(); noise();
console.log(\`loss: \${${names.map((name, index) => `Math.log(${name} / ${3 + 40 * index}) ** 2`).join(" + ")} + noise()}\`);
`,
);
writeFileSync(
  join(folder, "program.md"),
  "---\nmetric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 10s\n---\n",
);
git("init", "-q", "-b", "main");
git("add", "-A");
git("commit", "-q", "-m", "start");
const bin = join(import.meta.dirname, "..", "bin", "whet.cjs");
const run = (experiments: number) =>
  spawn(process.execPath, [bin, "run", "--experiments", String(experiments), "--audit", "0", "--seed", "5"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });

let failed = 0;
let state = 12345;
const random = () => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return state / 2 ** 31;
};
for (let kill = 0; kill < kills; kill++) {
  const child = run(1_000_000);
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await sleep(120 + random() * 600);
  if (child.exitCode !== null) {
    failed++;
    console.error(`resume ${kill} failed: ${stderr}`);
  }
  child.kill("SIGKILL");
  await new Promise((resolve) =>
    child.exitCode !== null || child.signalCode !== null ? resolve(null) : child.once("exit", resolve),
  );
}
const db = new Database(ledgerPath(folder), { readonly: true });
const count = (sql: string) => db.prepare(sql).pluck().get() as number;
const total = count("select count(*) from experiments");
db.close();
const last = run(total + 1);
const code = await new Promise((resolve) => last.once("exit", resolve));
const after = new Database(ledgerPath(folder), { readonly: true });
const at = (sql: string) => after.prepare(sql).pluck().get() as number;
const commits = git(
  "log",
  "--format=%(trailers:key=Whetstone-Experiment,valueonly)",
  `main..${after.prepare("select branch from sessions").pluck().get() as string}`,
)
  .split("\n")
  .filter(Boolean);
const orphans = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
  .split("\n")
  .filter((line) => line.includes(folder)).length;
console.table([
  {
    kills,
    "failed resumes": failed,
    "last exit code": code,
    integrity: after.pragma("integrity_check", { simple: true }),
    experiments: at("select count(*) from experiments"),
    "runs measured twice": at(
      "select count(*) - count(distinct coalesce(experiment_id, -1) || '/' || position) from evaluations",
    ),
    keeps: at("select count(*) from decisions where kind = 'keep'"),
    "kept commits": commits.length,
    doubled: commits.length - new Set(commits).size,
    orphans,
    "stale locks": execFileSync("find", [join(folder, ".git"), "-name", "*.lock"], { encoding: "utf8" })
      .split("\n")
      .filter(Boolean).length,
  },
]);
after.close();
rmSync(folder, { recursive: true, force: true });
