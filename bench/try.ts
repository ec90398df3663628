// What `whet try` takes beyond its evaluations, from a cold process: `node bench/try.ts [tries]`.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";

const tries = Number(process.argv[2] ?? 40);
const whet = join(import.meta.dirname, "..", "bin", "whet.cjs");
const lab = mkdtempSync(join(tmpdir(), "whet-bench-"));

function run(args: string[], cwd: string): string {
  const ran = spawnSync(process.execPath, [whet, ...args], { cwd, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(ran.stderr + ran.stdout);
  return ran.stdout;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

try {
  writeFileSync(
    join(lab, "program.md"),
    "---\nmetric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 10s\n---\n# A lab\n",
  );
  writeFileSync(join(lab, "train.mjs"), "const RATE = 1000;\nconsole.log(`loss: ${RATE}`);\n");
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@localhost", ...args], { cwd: lab });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  const { workspace } = JSON.parse(run(["start", "--json", "--no-probe"], lab)) as { workspace: string };
  const file = join(workspace, "train.mjs");
  const bare: number[] = [];
  const beyond: Record<string, number[]> = { keep: [], discard: [] };
  for (let n = 0; n < tries; n++) {
    // Every third is better, the others worse: as in a real session, most are discarded.
    const now = readFileSync(file, "utf8");
    const rate = Number(/RATE = (\d+)/.exec(now)?.[1]);
    writeFileSync(file, now.replace(/RATE = \d+/, `RATE = ${n % 3 === 0 ? rate - 1 : 2000 + n}`));
    const began = performance.now();
    const answer = run(["try", "-m", `try ${n}`, "--because", "a bench", "--json", "--no-probe"], workspace);
    const wall = performance.now() - began;
    const { outcome } = JSON.parse(answer) as { outcome: { decision: string; wallMs: number } };
    beyond[outcome.decision]?.push(wall - outcome.wallMs);
    // How busy the machine is: what a program that does nothing takes to start and end.
    const idle = performance.now();
    spawnSync(process.execPath, ["-e", "0"]);
    bare.push(performance.now() - idle);
  }
  const all = Object.values(beyond).flat();
  for (const [kind, values] of [
    ...Object.entries(beyond),
    ["all", all] as const,
    ["node -e 0", bare] as const,
  ]) {
    const sorted = [...values].sort((a, b) => a - b);
    console.log(
      `${kind.padEnd(9)} n ${String(sorted.length).padStart(3)}  p50 ${quantile(sorted, 0.5).toFixed(0)} ms  p95 ${quantile(sorted, 0.95).toFixed(0)} ms  least ${quantile(sorted, 0).toFixed(0)} ms`,
    );
  }
  console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
} finally {
  rmSync(lab, { recursive: true, force: true });
}
