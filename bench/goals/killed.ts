import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";

export interface WavesCounts {
  tasks: number;
  parallel: number;
  kills: number;
  /** Tasks on record as done of which a turn began afterwards. */
  runTwice: number;
  /** Turns under way at a kill, whose tasks began anew. */
  begunAnew: number;
  /** Most turns at the same time. */
  most: number;
  /** Files of the result. */
  files: number;
  /** From first start to end, milliseconds, starts of processes included. */
  wallMs: number;
  /** Everything that should not be. */
  faults: string[];
}

const script = join(import.meta.dirname, "waves.ts");

/** Pursues a goal of so many tasks, killed so many times at random instants and gone on with. */
export async function killedWaves(
  tasks: number,
  parallel: number,
  kills: number,
  seed: number,
): Promise<WavesCounts> {
  const home = mkdtempSync(join(tmpdir(), "whet-waves-"));
  const project = join(home, "project");
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Bench", "-c", "user.email=b@localhost", "-C", project, ...args], {
      encoding: "utf8",
    });
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  };
  const counts: WavesCounts = {
    ...{ tasks, parallel, kills: 0, runTwice: 0, begunAnew: 0, most: 0, files: 0, wallMs: 0, faults: [] },
  };
  try {
    execFileSync("git", ["init", "-q", "-b", "main", project]);
    writeFileSync(join(project, "readme.txt"), "start\n");
    git("add", "-A");
    git("commit", "-q", "-m", "start");
    const log = `${project}.log`;
    const lines = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
    const began = performance.now();
    const doneAt = new Map<string, number>();
    for (let round = 0; ; round++) {
      const child = spawn(process.execPath, [script, "pursue", project, String(tasks), String(parallel)], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let out = "";
      let errors = "";
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stderr.on("data", (chunk: Buffer) => {
        errors += chunk.toString();
      });
      const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
      if (round < kills) {
        const target = Math.round(((round + 1) * tasks) / (kills + 1));
        while (child.exitCode === null && lines().filter((line) => line.startsWith("end")).length < target)
          await sleep(5);
        await sleep(random() * 40);
        child.kill("SIGKILL");
      }
      await closed;
      const db = new Database(join(project, ".whetstone/ledger.db"), { readonly: true });
      const rows = db.prepare("select key, ended_at from tasks where status = 'done'").all() as {
        key: string;
        ended_at: number;
      }[];
      db.close();
      for (const { key, ended_at } of rows) doneAt.set(key, ended_at);
      if (round < kills) {
        counts.kills++;
        if (out !== "") counts.faults.push(`round ${round} ended before its kill`);
        continue;
      }
      counts.wallMs = performance.now() - began;
      const said = out === "" ? null : (JSON.parse(out) as { status: string; score: number; branch: string });
      if (said?.status !== "met") counts.faults.push(`it is not met: ${out}${errors}`);
      else counts.files = git("ls-tree", "--name-only", said.branch, "out/").trim().split("\n").length;
      break;
    }
    const open = new Set<string>();
    const begins = new Map<string, number>();
    for (const line of lines()) {
      const [what, key = "", at] = line.split(" ");
      if (what === "end") open.delete(key);
      else {
        begins.set(key, (begins.get(key) ?? 0) + 1);
        open.add(key);
        counts.most = Math.max(counts.most, open.size);
        if ((doneAt.get(key) ?? Number.POSITIVE_INFINITY) < Number(at)) counts.runTwice++;
      }
    }
    for (const count of begins.values()) counts.begunAnew += count - 1;
    if (begins.size !== tasks) counts.faults.push(`${begins.size} of ${tasks} tasks began`);
    const db = new Database(join(project, ".whetstone/ledger.db"), { readonly: true });
    const turns = db
      .prepare("select count(*) as n, count(distinct task_id) as tasks from turns where ending = 'done'")
      .get() as { n: number; tasks: number };
    db.close();
    if (turns.n !== tasks || turns.tasks !== tasks)
      counts.faults.push(`${turns.n} turns of ${turns.tasks} tasks are on record`);
    if (git("status", "--porcelain") !== "") counts.faults.push("the user's files were touched");
    return counts;
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  }
}
