import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { replayLab } from "../../src/doctor/replay.ts";
import { ledgerPath } from "../../src/lab/folder.ts";
import { openLedger, sessionByTag } from "../../src/ledger/index.ts";
import { pause, resume, steer } from "../../src/session/orders.ts";
import { type Plan, runPlanned, type Spoken } from "./faults.ts";

/** What became of one session with faults. */
export interface Endured {
  plan: Plan;
  /** Why it ended at last. */
  reason: string;
  wallMs: number;
  experiments: number;
  keeps: number;
  turns: number;
  failedTurns: number;
  waits: number;
  crashes: number;
  repairs: number;
  invalid: number;
  killed: boolean;
  steered: boolean;
  paused: boolean;
  /** Everything that is not as it must be; empty when all is well. */
  faults: string[];
}

/** No session of such a plan takes longer, in milliseconds, unless it hangs. */
const longest = 120_000;

/** Runs a session with its faults to its end, killing and resuming it where the plan says so, and looks it over. */
export async function endure(lab: string, plan: Plan): Promise<Endured> {
  const began = performance.now();
  const startedAt = Date.now();
  let resumed = false;
  const decided = new Map<number, string>();
  const faults: string[] = [];
  if (plan.kill !== null) await killed(lab, plan, decided);
  const stop = { requested: false };
  let reason = "";
  let pausedAt: [number, number] | null = null;
  let begun = plan.kill !== null;
  const others: Promise<unknown>[] = [];
  const beside = () => {
    if (begun) return;
    begun = true;
    if (plan.stop !== null) setTimeout(() => Object.assign(stop, { requested: true }), plan.stop);
    const { steer: after, pause: break_ } = plan;
    if (after !== null)
      others.push(
        sleep(after).then(() =>
          withLedger(lab, plan, (ledger, row) => steer(ledger, row, "the word of the person")),
        ),
      );
    if (break_ !== null)
      others.push(
        sleep(break_.after).then(() =>
          withLedger(lab, plan, async (ledger, row) => {
            await pause(ledger, row);
            const from = Date.now();
            await sleep(break_.ms);
            pausedAt = [from, Date.now()];
            await resume(ledger, row);
          }),
        ),
      );
  };
  const listen = {
    stop,
    onSpoken: beside,
    onEvent: (event: { type: string; number?: number; decision?: { kind: string } }) => {
      if (event.type === "decision") decided.set(event.number as number, event.decision?.kind as string);
    },
  } as Parameters<typeof runPlanned>[2];
  const hung = sleep(longest, "hangs", { ref: false });
  for (let again = 0; ; again++) {
    const ended = await Promise.race([
      hung,
      runPlanned(lab, plan, listen).catch((error: unknown) => `failed: ${(error as Error).message}`),
    ]);
    reason = ended;
    if (ended === "hangs") faults.push("it hangs");
    // By hand, or five failures in a row: it can go on.
    if (ended === "hangs" || again >= 20 || !/^stopped by hand|times in a row/.test(ended)) break;
    stop.requested = false;
    resumed = true;
  }
  await Promise.all(others);
  const once = resumed || plan.kill !== null || pausedAt ? Number.POSITIVE_INFINITY : startedAt;
  return looked({ once, lab, plan, reason, decided, faults, pausedAt, wallMs: performance.now() - began });
}

/** The session in a process of its own, killed after a while. */
async function killed(lab: string, plan: Plan, decided: Map<number, string>): Promise<void> {
  const script = join(import.meta.dirname, "faultySession.ts");
  const child = spawn(process.execPath, [script, lab, JSON.stringify(plan)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let errors = "";
  let timer: NodeJS.Timeout | null = null;
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    timer ??= setTimeout(() => child.kill("SIGKILL"), plan.kill as number);
  });
  await new Promise((resolve) => child.on("close", resolve));
  if (timer) clearTimeout(timer);
  else if (errors !== "" && !/times in a row/.test(errors)) throw new Error(errors);
  for (const [, number, kind] of out.matchAll(/^decided (\d+) (\w+)$/gm))
    decided.set(Number(number), kind as string);
}

async function withLedger(
  lab: string,
  { tag }: Plan,
  use: (...of: [Parameters<typeof pause>[0], Parameters<typeof pause>[1]]) => Promise<void>,
): Promise<void> {
  const ledger = await openLedger(ledgerPath(lab));
  try {
    const row = await sessionByTag(ledger, tag);
    if (row) await use(ledger, row);
  } finally {
    await ledger.close();
  }
}

/** Whether nothing was lost and every limit respected, from the ledger and from what the researchers said they did. */
async function looked(session: {
  lab: string;
  plan: Plan;
  reason: string;
  decided: Map<number, string>;
  faults: string[];
  pausedAt: [number, number] | null;
  /** When it was begun, if that was done once and nothing held it up; else infinity. */
  once: number;
  wallMs: number;
}): Promise<Endured> {
  const { lab, plan, reason, decided, faults, pausedAt, once, wallMs } = session;
  const file = join(lab, ".whetstone", `${plan.tag}.said`);
  const spoken = existsSync(file)
    ? readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Spoken)
    : [];
  const db = new Database(ledgerPath(lab), { readonly: true });
  const one = <Value = number>(sql: string, ...values: unknown[]) =>
    db
      .prepare(sql)
      .pluck()
      .get(...values) as Value;
  const id = one("select id from sessions where tag = ?", plan.tag);
  const of = (sql: string) => one(sql, id);
  try {
    for (const [number, kind] of decided) {
      const found = one<string>(
        "select d.kind from decisions d join experiments e on e.id = d.experiment_id where e.session_id = ? and e.number = ?",
        ...[id, number],
      );
      if (found !== kind) faults.push(`experiment ${number} was reported as ${kind}, and is ${found}`);
    }
    // A kill may lose the one answer that was on its way; nothing else may.
    const mayLose = plan.kill === null ? 0 : 1;
    const said = spoken.reduce((sum, each) => sum + each.turns, 0);
    const kept = of("select count(*) from turns where session_id = ? and tokens_in is not null");
    const waits = of("select count(*) from turns where session_id = ? and ending = 'rate'");
    if (kept + waits < said - mayLose) faults.push(`of ${said} turns ${kept + waits} are on record`);
    const lost = spoken.filter(
      ({ mark }) =>
        mark !== null &&
        one("select count(*) from experiments where session_id = ? and what like ?", id, `%${mark}%`) === 0,
    );
    if (lost.length > mayLose) faults.push(`${lost.length} proposals are lost`);
    const saidAt = one<number | null>("select min(said_at) from steering where session_id = ?", id);
    if (saidAt !== null && spoken.some(({ at, steered }) => at > saidAt + 1000 && !steered))
      faults.push("a word from the person did not reach a briefing");
    const open = of(
      "select count(*) from experiments e left join decisions d on d.experiment_id = e.id where e.session_id = ? and d.kind is null",
    );
    if (open > 0) faults.push(`${open} experiments are without a decision`);
    const experiments = of("select count(*) from experiments where session_id = ?");
    if (experiments > plan.experiments) faults.push(`${experiments} of ${plan.experiments} experiments`);
    const tokens = of("select coalesce(sum(tokens_in), 0) from turns where session_id = ?");
    if (plan.tokens !== null && tokens > plan.tokens) faults.push(`${tokens} of ${plan.tokens} tokens`);
    const dollars = of("select coalesce(sum(dollars), 0) from turns where session_id = ?");
    if (plan.money !== null && dollars > plan.money + 1e-9) faults.push(`$${dollars} of $${plan.money}`);
    // Opening the session and a pause count on their own; whoever is asked is asked within the time.
    const late = spoken.filter(({ at }) => at > once + (plan.time ?? Number.POSITIVE_INFINITY) + 2000);
    if (late.length > 0) faults.push(`${late.length} proposals after ${plan.time} ms`);
    if (pausedAt) {
      const [from, to] = pausedAt;
      // The call in flight may come a moment after the pause.
      const during = spoken.filter(({ at }) => at > from + 300 && at < to);
      if (during.length > 1) faults.push(`${during.length} proposals in a pause`);
    }
    const repairs = of("select count(*) from turns where session_id = ? and purpose = 'repair'");
    const crashes = of(
      "select count(*) from decisions d join experiments e on e.id = d.experiment_id where e.session_id = ? and d.kind = 'crash'",
    );
    const { differences } = await replayLab(lab, plan.tag);
    if (differences.length > 0) faults.push(`${differences.length} decisions are not those of the replay`);
    if (/^failed/.test(reason) && !/times in a row/.test(reason)) faults.push(reason);
    return {
      ...{ plan, reason, wallMs, experiments, waits, crashes, repairs, faults },
      keeps: of(
        "select count(*) from decisions d join experiments e on e.id = d.experiment_id where e.session_id = ? and d.kind = 'keep'",
      ),
      invalid: of(
        "select count(*) from decisions d join experiments e on e.id = d.experiment_id where e.session_id = ? and d.kind = 'invalid'",
      ),
      turns: of("select count(*) from turns where session_id = ?"),
      failedTurns: of("select count(*) from turns where session_id = ? and experiment_id is null"),
      ...{ killed: plan.kill !== null, paused: pausedAt !== null },
      steered: spoken.some((each) => each.steered),
    };
  } finally {
    db.close();
  }
}
