import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import type { Finding } from "../../src/doctor/finding.ts";
import { ledgerPath } from "../../src/lab/folder.ts";
import type { SessionEvent } from "../../src/notebook/events.ts";

/** A lab in which keeps come often: twelve knobs far from their optimum and little noise. */
export const keepingLab: Record<string, string> = {
  "train.mjs": `${"abcdefghijkl"
    .split("")
    .map((name) => `const ${name} = 100;`)
    .join("\n")}
let s = Number(process.env.SEED) >>> 0;
const noise = () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) * 0.02;
noise(); noise();
console.log(\`loss: \${${"abcdefghijkl"
    .split("")
    .map((name, index) => `Math.log(${name} / ${3 + 40 * index}) ** 2`)
    .join(" + ")} + noise()}\`);
`,
  "program.md":
    "---\nmetric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 10s\n---\n",
};

/** Where a kill is aimed at: from the event that begins the phase it comes 0 to 30 ms later. */
const aims: Record<string, (event: SessionEvent) => boolean> = {
  setup: (event) => event.type === "phase" && event.phase === "setup",
  propose: (event) => event.type === "phase" && event.phase === "propose",
  harvest: (event) => event.type === "phase" && event.phase === "screen",
  evaluate: (event) => event.type === "run",
  append: (event) => event.type === "evaluation",
  decide: (event) => event.type === "evaluation" && event.purpose === "race",
  commit: (event) => event.type === "evaluation" && event.purpose === "race" && event.arm === "candidate",
  results: (event) => event.type === "decision",
};

/** What a kill may leave for `whet run` or `whet doctor` to settle. */
const settled = new Set<Finding["check"]>(["holder", "results", "leftovers", "locks"]);

export interface KillCounts {
  kills: Record<string, number>;
  /** Rows that were reported before a kill, and looked for after it. */
  acknowledged: { evaluations: number; decisions: number };
  /** Kills between a keep's decision and its commit on the branch. */
  unfinishedKeeps: number;
  /** Everything that should not be; empty when nothing was lost. */
  faults: string[];
}

const bin = join(import.meta.dirname, "..", "..", "bin", "whet.cjs");

/** Kills a session so many times, examines the lab after each, and lets it go on in between and at the end. */
export async function killRepeatedly(folder: string, kills: number, seed: number): Promise<KillCounts> {
  const lab = realpathSync(folder);
  const counts: KillCounts = {
    kills: {},
    acknowledged: { evaluations: 0, decisions: 0 },
    unfinishedKeeps: 0,
    faults: [],
  };
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  };
  const names = Object.keys(aims);
  for (let kill = 0; kill < kills; kill++) {
    // An odd step: with an even number of phases the same ones would be examined again and again.
    const aim = names[(kill * 3 + Math.floor(kill / names.length)) % names.length] as string;
    const fault = (what: string) => counts.faults.push(`kill ${kill} (${aim}): ${what}`);
    const killed = await killOnce(lab, aims[aim] as (event: SessionEvent) => boolean, random, seed);
    if (killed.stderr !== "") fault(killed.stderr);
    if (!killed.aimed) fault("it ended, or never came to that phase");
    counts.kills[aim] = (counts.kills[aim] ?? 0) + 1;
    for (const lost of missingRows(lab, killed.events, counts)) fault(lost);
    const orphans = await orphansOf(lab);
    if (orphans.length > 0) fault(`orphans: ${orphans.join(", ")}`);
    // It looks at all that was ever recorded: every other time is enough.
    for (const finding of kill % 2 === 0 ? await examined(lab) : []) {
      if (settled.has(finding.check)) continue;
      if (finding.check === "branch" && finding.repair !== null) counts.unfinishedKeeps++;
      else if (!finding.message.includes("nothing has been measured")) fault(finding.message);
    }
  }
  const total = count(lab, "select count(*) from experiments");
  const last = await whet(lab, ["run", ...options(seed, total + 2)]).finished;
  if (last.code !== 0) counts.faults.push(`the session does not go on: ${last.stderr}`);
  // Only what lies about may be left to the doctor: all that counts is settled by the session itself.
  for (const finding of await examined(lab))
    if (finding.check !== "leftovers" && finding.check !== "locks") counts.faults.push(finding.message);
  const repaired = await whet(lab, ["doctor", "--yes"]).finished;
  if (repaired.code !== 0) counts.faults.push(repaired.stdout);
  return counts;
}

function options(seed: number, experiments: number): string[] {
  return ["--experiments", String(experiments), "--audit", "0", "--seed", String(seed)];
}

async function killOnce(
  lab: string,
  matches: (event: SessionEvent) => boolean,
  random: () => number,
  seed: number,
): Promise<{ events: SessionEvent[]; aimed: boolean; stderr: string }> {
  const run = whet(lab, ["run", "--json", ...options(seed, 1_000_000)]);
  let passing = Math.floor(random() * 4);
  let seen = 0;
  let aimed = false;
  // On a busy machine the fourth decision may be a minute away.
  const tired = setTimeout(() => run.child.kill("SIGKILL"), 120_000);
  run.onLine((line) => {
    if (aimed || !matches(JSON.parse(line) as SessionEvent)) return;
    // A setup comes once only.
    seen++;
    if (passing-- > 0 && !(JSON.parse(line) as { phase?: string }).phase?.startsWith("setup")) return;
    aimed = true;
    setTimeout(() => run.child.kill("SIGKILL"), random() * 30);
  });
  const { stdout, stderr } = await run.finished;
  clearTimeout(tired);
  const lines = stdout.split("\n").slice(0, -1);
  return { events: lines.map((line) => JSON.parse(line) as SessionEvent), aimed: aimed && seen > 0, stderr };
}

/** What was reported as recorded and is not in the ledger. */
function missingRows(lab: string, events: readonly SessionEvent[], counts: KillCounts): string[] {
  const begun = events.some((event) => event.type === "evaluation" || event.type === "decision");
  if (!begun) return [];
  const missing: string[] = [];
  const db = new Database(ledgerPath(lab), { readonly: true });
  try {
    const integrity = db.pragma("integrity_check", { simple: true });
    if (integrity !== "ok") missing.push(`integrity: ${String(integrity)}`);
    const evaluation = db
      .prepare(
        "select count(*) from evaluations where state = ? and seed = ? and started_at = ? and value is ?",
      )
      .pluck();
    const decision = db
      .prepare(
        "select count(*) from decisions d join experiments e on e.id = d.experiment_id where e.number = ? and d.kind = ?",
      )
      .pluck();
    for (const event of events) {
      if (event.type === "evaluation") {
        const { state, seed, startedAt } = event.evaluation;
        counts.acknowledged.evaluations++;
        if (evaluation.get(state, seed, startedAt, event.value) !== 1)
          missing.push(`an acknowledged run of seed ${seed} is not there once`);
      } else if (event.type === "decision") {
        counts.acknowledged.decisions++;
        if (decision.get(event.number, event.decision.kind) !== 1)
          missing.push(`the acknowledged decision of experiment ${event.number} is not there`);
      }
    }
  } finally {
    db.close();
  }
  return missing;
}

/** The kernel takes the process tree with its parent; it may need a moment. */
async function orphansOf(lab: string): Promise<string[]> {
  for (let look = 0; ; look++) {
    const found = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(`${lab}/.whetstone`));
    if (found.length === 0 || look === 40) return found;
    await sleep(25);
  }
}

async function examined(lab: string): Promise<(Omit<Finding, "repair"> & { repair: string | null })[]> {
  const { stdout, stderr } = await whet(lab, ["doctor", "--json"]).finished;
  if (stdout === "") {
    // Killed before there was a ledger.
    const nothing = { session: null, ok: false, fix: null, repair: null } as const;
    return [{ ...nothing, check: "ledger", message: stderr }];
  }
  const { findings } = JSON.parse(stdout) as {
    findings: (Omit<Finding, "repair"> & { repair: string | null })[];
  };
  return findings.filter((finding) => !finding.ok);
}

function count(lab: string, sql: string): number {
  const db = new Database(ledgerPath(lab), { readonly: true });
  try {
    return db.prepare(sql).pluck().get() as number;
  } finally {
    db.close();
  }
}

function whet(lab: string, args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [bin, ...args], {
    cwd: lab,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let stdout = "";
  let stderr = "";
  let read = 0;
  let listener = (_line: string) => {};
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    for (let end = stdout.indexOf("\n", read); end >= 0; end = stdout.indexOf("\n", read)) {
      listener(stdout.slice(read, end));
      read = end + 1;
    }
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return {
    child,
    onLine: (each: (line: string) => void) => {
      listener = each;
    },
    finished: new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.on("close", (code) => resolve({ code, stdout, stderr })),
    ),
  };
}
