import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import { sql } from "kysely";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../errors.ts";
import {
  addDecision,
  addEvaluation,
  addExperiment,
  addSession,
  counts,
  type DecisionRow,
  eachExperimentRuns,
  earlierLook,
  evaluationsOf,
  evaluationTotals,
  experiments,
  holdSession,
  type Ledger,
  newestGoals,
  openExperiment,
  openLedger,
  positionGaps,
  sessionByTag,
  sessions,
  updateSession,
} from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "ledger-"));
let path: string;
let ledger: Ledger;
let count = 0;

beforeEach(async () => {
  path = join(root, String(++count), "ledger.db");
  ledger = await openLedger(path);
});
afterEach(() => ledger.close());
afterAll(() => rmSync(root, { recursive: true, force: true }));

function session(tag: string, pins = "pins") {
  return {
    ...{
      tag,
      branch: `whet/${tag}`,
      program: "---\n---\n",
      programHash: "p",
      baseCommit: "c",
      baseTree: "t",
    },
    ...{
      baseState: "base",
      pins,
      pinParts: "{}",
      researcher: "search",
      seed: 1,
      secret: "00",
      channel: "scored",
    },
    ...{ level: "L0", isolation: "{}", status: "ready" as const, createdAt: 1 },
  };
}

function experiment(sessionId: number, state: string, parentState = "base") {
  return {
    ...{
      sessionId,
      state,
      parent: 0,
      parentState,
      researcher: "search",
      what: `try ${state}`,
      mechanism: null,
    },
    ...{ prediction: null, added: 1, removed: 1, proposedAt: 2, reviewed: 0, proposeMs: 3, violations: [] },
    changes: { after: { "a.ts": state }, before: { "a.ts": "base" }, diff: "-base\n+new" },
  };
}

function evaluation(sessionId: number, experimentId: number | null, position: number) {
  return {
    ...{
      sessionId,
      experimentId,
      auditId: null,
      position,
      arm: "candidate" as const,
      purpose: "screen",
      round: 0,
    },
    ...{ state: "s", seed: 7, value: 1.5, metrics: '{"m":1.5}', failureKind: null, failureMessage: null },
    ...{ startedAt: 3, wallMs: 10.5, cpuMs: 9, peakBytes: 2 ** 33, exitCode: 0, logTail: "", checks: "[]" },
    ...{ channel: "scored", level: "L0", pins: "pins" },
  };
}

function decision(experimentId: number, kind: DecisionRow["kind"]) {
  return {
    ...{ experimentId, kind, effect: 0.1, low: 0, high: 0.2, p: 0.01, pReal: 0.9, t: 3, df: 5, pairs: 6 },
    ...{ provisional: 0, reason: "because", value: 1.5, runs: 12, peakBytes: 1, wallMs: 10, decidedAt: 4 },
  };
}

function version(file: string): unknown {
  const sqlite = new Database(file);
  const value = sqlite.pragma("user_version", { simple: true });
  sqlite.close();
  return value;
}

describe("opening", () => {
  it("makes the folder and the tables of an empty ledger", async () => {
    expect(version(path)).toBe(9);
    expect(await sessions(ledger)).toEqual([]);
  });

  it("also takes a file that is there and empty", async () => {
    const empty = join(root, "empty.db");
    writeFileSync(empty, "");
    const opened = await openLedger(empty);
    expect(await addSession(opened, session("one"))).toBe(1);
    await opened.close();
  });

  it("finds again what was written before, and adds to it", async () => {
    const id = await addSession(ledger, session("one"));
    await addExperiment(ledger, experiment(id, "s1"));
    await ledger.close();
    ledger = await openLedger(path);
    expect((await sessionByTag(ledger, "one"))?.secret).toBe("00");
    expect(await addExperiment(ledger, experiment(id, "s2"))).toEqual({ id: 2, number: 2 });
    expect((await experiments(ledger, id)).map((row) => row.state)).toEqual(["s1", "s2"]);
  });

  it("marks the runs of tests of an older ledger, and no goal of anybody's", async () => {
    await ledger.close();
    const sqlite = new Database(path);
    sqlite.exec(`
      drop index goals_by_purpose;
      alter table goals drop column purpose;
      alter table goal_evaluations drop column own;
      insert into goals (id, title, family, goal, goal_hash, status, world_state, created_at)
        values (1, 'a', 'f', '{}', 'h', 'met', '{}', 1), (2, 'b', 'f', '{}', 'h', 'met', '{}', 1);
      insert into skill_evaluations (id, kind, suite, suite_hash, setup, agent, started_at)
        values (1, 'test', 's', 'h', '{}', 'a', 1);
      insert into trials (evaluation_id, position, arm, task, family, replicate, seed, trial, goal_id, started_at)
        values (1, 0, 'with', 'a', 'f', 1, 1, '{}', 2, 1), (1, 1, 'with', 'a', 'f', 1, 1, '{}', null, 1);
      drop table links;
      drop index experiments_driven;
      drop table boxed_experiments;
      drop table boxes;
      drop table events;
      drop table model_calls;
      alter table evaluations drop column used;
      pragma user_version = 4`);
    sqlite.close();
    ledger = await openLedger(path);
    expect((await newestGoals(ledger, 9)).map(({ id }) => id)).toEqual([1]);
    expect((await newestGoals(ledger, 9, { trials: true })).map(({ id }) => id)).toEqual([2, 1]);
  });

  it("refuses a ledger of a newer version and says what to do", async () => {
    await ledger.close();
    const sqlite = new Database(path);
    sqlite.pragma("user_version = 10");
    sqlite.close();
    const error = await openLedger(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toBe(
      `${path} was written by a newer Whetstone (ledger version 10, this one knows 9)`,
    );
    expect((error as UserError).fix).toMatch(/update/);
    expect(version(path)).toBe(10);
  });

  it("says that a damaged file cannot be used, and leaves it as it is", async () => {
    const damaged = join(root, "damaged.db");
    writeFileSync(damaged, "this is no database, ".repeat(500));
    const error = await openLedger(damaged).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(
      `the ledger ${damaged} cannot be used: file is not a database`,
    );
    expect((error as UserError).fix).toContain("`whet doctor` saves what can be read");
  });

  it("says so too when the place of the ledger is no folder", async () => {
    writeFileSync(join(root, "file"), "");
    const error = await openLedger(join(root, "file", "ledger.db")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
  });
});

describe("processes at the same time", () => {
  const child = (sessionId: number, name: string, many: number) =>
    spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `const { openLedger, addExperiment, addEvaluation } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
        const ledger = await openLedger(${JSON.stringify(path)});
        const experiment = ${JSON.stringify(experiment(sessionId, "STATE"))};
        const evaluation = ${JSON.stringify(evaluation(sessionId, 1, 0))};
        for (let i = 0; i < ${many}; i++) {
          const { id, number } = await addExperiment(ledger, { ...experiment, state: "${name}" + i });
          await addEvaluation(ledger, { ...evaluation, experimentId: id, state: "${name}" + i });
          console.log(number);
        }
        await ledger.close();`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
  const ended = (process: ReturnType<typeof child>) =>
    new Promise<number | null>((resolve) => process.on("close", resolve));

  it("make the tables of a new ledger once when several open it together", async () => {
    const fresh = join(root, "race", "ledger.db");
    const code = `const { openLedger } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
      await (await openLedger(${JSON.stringify(fresh)})).close();`;
    const all = Array.from({ length: 3 }, () =>
      spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] }),
    );
    for (const one of all) one.stdout.resume();
    expect(await Promise.all(all.map(ended))).toEqual([0, 0, 0]);
    expect(version(fresh)).toBe(9);
  });

  it("lose nothing when two append to one session, and give each experiment its own number", async () => {
    const id = await addSession(ledger, session("one"));
    const both = [child(id, "a", 30), child(id, "b", 30)];
    for (const one of both) one.stdout.resume();
    expect(await Promise.all(both.map(ended))).toEqual([0, 0]);
    const rows = await experiments(ledger, id);
    expect(rows.map((row) => row.number)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(new Set(rows.map((row) => row.state)).size).toBe(60);
    expect((await evaluationTotals(ledger, id)).runs).toBe(60);
    for (const row of rows)
      expect((await evaluationsOf(ledger, { experiment: row.id })).map((run) => run.state)).toEqual([
        row.state,
      ]);
  });

  it("keep everything that was acknowledged when one is killed in the middle", async () => {
    const id = await addSession(ledger, session("one"));
    const killed = child(id, "k", 100_000);
    let acknowledged = 0;
    for await (const line of createInterface({ input: killed.stdout })) {
      acknowledged = Number(line);
      if (acknowledged === 10) killed.kill("SIGKILL");
    }
    await ledger.close();
    ledger = await openLedger(path);
    const rows = await experiments(ledger, id);
    expect(acknowledged).toBeGreaterThanOrEqual(10);
    expect(rows.length).toBeGreaterThanOrEqual(acknowledged);
    expect((await evaluationTotals(ledger, id)).runs).toBeGreaterThanOrEqual(acknowledged);
  });
});

describe("what is recorded", () => {
  it("cannot be changed or deleted where it is an evaluation or a change", async () => {
    const id = await addSession(ledger, session("one"));
    const { id: first } = await addExperiment(ledger, experiment(id, "s1"));
    await addEvaluation(ledger, evaluation(id, first, 0));
    await expect(ledger.db.updateTable("evaluations").set({ value: 0 }).execute()).rejects.toThrow(
      "append-only",
    );
    await expect(ledger.db.deleteFrom("evaluations").execute()).rejects.toThrow("append-only");
    await expect(ledger.db.updateTable("changes").set({ diff: "" }).execute()).rejects.toThrow("append-only");
    await expect(ledger.db.deleteFrom("changes").execute()).rejects.toThrow("append-only");
    expect((await evaluationsOf(ledger, { experiment: first }))[0]).toMatchObject({
      value: 1.5,
      peakBytes: 2 ** 33,
    });
  });

  it("holds no state twice in one session, and leaves no trace of the second try", async () => {
    const id = await addSession(ledger, session("one"));
    const other = await addSession(ledger, session("two"));
    await addExperiment(ledger, experiment(id, "same"));
    await expect(addExperiment(ledger, experiment(id, "same"))).rejects.toThrow(/unique/i);
    expect(await experiments(ledger, id)).toHaveLength(1);
    expect(await sql`select * from changes`.execute(ledger.db)).toMatchObject({
      rows: [{ experimentId: 1 }],
    });
    expect(await addExperiment(ledger, experiment(other, "same"))).toMatchObject({ number: 1 });
  });

  it("takes no two sessions of one name", async () => {
    await addSession(ledger, session("one"));
    await expect(addSession(ledger, session("one"))).rejects.toThrow(
      'there is already a session "one" in this lab',
    );
  });

  it("belongs to an experiment that exists", async () => {
    const id = await addSession(ledger, session("one"));
    await expect(addEvaluation(ledger, evaluation(id, 99, 0))).rejects.toThrow(/foreign key/i);
  });
});

describe("a second look", () => {
  const look = { pins: "pins", state: "tried", parentState: "base" };

  it("is seen within the session, whatever the parent and the outcome, even before a decision", async () => {
    const id = await addSession(ledger, session("one"));
    const added = await addExperiment(ledger, experiment(id, "tried"));
    const found = { tag: "one", number: 1 };
    expect(await earlierLook(ledger, { ...look, sessionId: id })).toEqual(found);
    await addDecision(ledger, decision(added.id, "keep"));
    expect(await earlierLook(ledger, { ...look, sessionId: id, parentState: "other", pins: "x" })).toEqual(
      found,
    );
    expect(await earlierLook(ledger, { ...look, sessionId: id, state: "new" })).toBeNull();
  });

  it("is seen in another session when it lost there against the same incumbent under the same pins", async () => {
    const one = await addSession(ledger, session("one"));
    const two = await addSession(ledger, session("two"));
    const { id } = await addExperiment(ledger, experiment(one, "tried"));
    expect(await earlierLook(ledger, { ...look, sessionId: two })).toBeNull();
    await addDecision(ledger, decision(id, "discard"));
    expect(await earlierLook(ledger, { ...look, sessionId: two })).toEqual({ tag: "one", number: 1 });
    expect(await earlierLook(ledger, { ...look, sessionId: two, parentState: "other" })).toBeNull();
    expect(await earlierLook(ledger, { ...look, sessionId: two, pins: "changed" })).toBeNull();
  });

  it("is allowed in another session where it was kept", async () => {
    const one = await addSession(ledger, session("one"));
    const two = await addSession(ledger, session("two"));
    const { id } = await addExperiment(ledger, experiment(one, "tried"));
    await addDecision(ledger, decision(id, "keep"));
    expect(await earlierLook(ledger, { ...look, sessionId: two })).toBeNull();
  });
});

describe("reading", () => {
  it("counts how experiments ended, and those that have not", async () => {
    const id = await addSession(ledger, session("one"));
    expect(await counts(ledger, id)).toEqual({
      keep: 0,
      discard: 0,
      crash: 0,
      timeout: 0,
      invalid: 0,
      open: 0,
    });
    for (const [index, kind] of (["keep", "discard", "discard", "crash", null] as const).entries()) {
      const added = await addExperiment(ledger, experiment(id, `s${index}`));
      if (kind) await addDecision(ledger, decision(added.id, kind));
    }
    expect(await counts(ledger, id)).toEqual({
      keep: 1,
      discard: 2,
      crash: 1,
      timeout: 0,
      invalid: 0,
      open: 1,
    });
    expect((await openExperiment(ledger, id))?.number).toBe(5);
  });

  it("pages through experiments from the newest, each page oldest first", async () => {
    const id = await addSession(ledger, session("one"));
    for (let index = 1; index <= 7; index++) {
      const added = await addExperiment(ledger, experiment(id, `s${index}`));
      await addDecision(ledger, decision(added.id, index % 3 === 0 ? "keep" : "discard"));
    }
    const numbers = async (page: Parameters<typeof experiments>[2]) =>
      (await experiments(ledger, id, page)).map((row) => row.number);
    expect(await numbers({})).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await numbers({ limit: 3 })).toEqual([5, 6, 7]);
    expect(await numbers({ limit: 3, before: 5 })).toEqual([2, 3, 4]);
    expect(await numbers({ limit: 3, before: 2 })).toEqual([1]);
    expect(await numbers({ kinds: ["keep"] })).toEqual([3, 6]);
    expect((await experiments(ledger, id, { limit: 1 }))[0]?.decision).toMatchObject({
      kind: "discard",
      pairs: 6,
    });
  });

  it("streams every experiment's runs across page borders, in order", async () => {
    const id = await addSession(ledger, session("one"));
    await ledger.db.transaction().execute(async (db) => {
      const { changes, violations, proposeMs, reviewed, ...row } = experiment(id, "");
      expect([changes, violations, proposeMs, reviewed]).toHaveLength(4);
      for (let number = 1; number <= 501; number++)
        await db
          .insertInto("experiments")
          .values({ ...row, number, state: `s${number}` })
          .execute();
      for (const number of [1, 500, 501])
        for (const position of [1, 0])
          await db
            .insertInto("evaluations")
            .values(evaluation(id, number, position))
            .execute();
    });
    const seen: number[] = [];
    const runs: number[] = [];
    for await (const each of eachExperimentRuns(ledger, id)) {
      seen.push(each.experiment.number);
      if (each.evaluations.length > 0) runs.push(each.experiment.number);
      expect([0, 2]).toContain(each.evaluations.length);
    }
    expect(seen).toEqual(Array.from({ length: 501 }, (_, index) => index + 1));
    expect(runs).toEqual([1, 500, 501]);
  });
});

describe("the runs of a baseline", () => {
  const untouched = (id: number, position: number, purpose: string, failed = false) => ({
    ...evaluation(id, null, position),
    ...{ arm: "baseline" as const, purpose },
    ...(failed ? { value: null, failureKind: "crash" } : {}),
  });
  const gapsOf = async (tag: string, runs: [position: number, purpose: string, failed?: boolean][]) => {
    const id = await addSession(ledger, session(tag));
    for (const run of runs)
      await ledger.db
        .insertInto("evaluations")
        .values(untouched(id, ...run))
        .execute();
    return positionGaps(ledger, id);
  };

  it("are counted without warm-up runs, without the holdout's, and with the places of failed ones", async () => {
    const warm = await gapsOf("warm", [
      ...[-2, -1].map((position): [number, string] => [position, "warmup"]),
      ...[0, 1, 2].map((position): [number, string] => [position, "baseline"]),
      [3, "holdout"],
    ]);
    expect(warm).toEqual([]);
    const repeated = await gapsOf("repeated", [
      ...[0, 2].map((position): [number, string] => [position, "baseline"]),
      ...[1, 3].map((position): [number, string, boolean] => [position, "baseline", true]),
      [3, "baseline"],
    ]);
    expect(repeated).toEqual([]);
  });

  it("show where one is missing or doubled", async () => {
    expect(
      await gapsOf("missing", [
        [-1, "warmup"],
        [0, "baseline"],
        [2, "baseline"],
      ]),
    ).toEqual([{ of: "the baseline", positions: [0, 2] }]);
    expect(
      await gapsOf("doubled", [
        [0, "baseline"],
        [0, "baseline"],
      ]),
    ).toEqual([{ of: "the baseline", positions: [0, 0] }]);
  });
});

describe("holding a session", () => {
  it("keeps a second process out of the whole lab while the holder lives", async () => {
    const one = await addSession(ledger, session("one"));
    const two = await addSession(ledger, session("two"));
    await holdSession(ledger, one, "100:5", 10, () => true);
    for (const id of [one, two]) {
      const error = await holdSession(ledger, id, "200:6", 20, () => true).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect((error as UserError).message).toBe('session "one" is already running in this lab (process 100)');
    }
    expect((await sessionByTag(ledger, "one"))?.holder).toBe("100:5");
    expect((await sessionByTag(ledger, "two"))?.holder).toBeNull();
  });

  it("takes over from a dead holder and marks its session as interrupted", async () => {
    const one = await addSession(ledger, session("one"));
    const two = await addSession(ledger, session("two"));
    await holdSession(ledger, one, "100:5", 10, () => true);
    await updateSession(ledger, one, { status: "running" });
    const asked: string[] = [];
    await holdSession(ledger, two, "200:6", 20, (holder) => {
      asked.push(holder);
      return false;
    });
    expect(asked).toEqual(["100:5"]);
    expect(await sessionByTag(ledger, "one")).toMatchObject({
      ...{ holder: null, status: "stopped", stopReason: "interrupted", startedAt: 10 },
    });
    expect(await sessionByTag(ledger, "two")).toMatchObject({ holder: "200:6", startedAt: 20 });
  });

  it("may be repeated by the holder itself, and keeps the time of the first start", async () => {
    const one = await addSession(ledger, session("one"));
    await holdSession(ledger, one, "100:5", 10, () => true);
    await holdSession(ledger, one, "100:5", 30, () => true);
    expect(await sessionByTag(ledger, "one")).toMatchObject({ holder: "100:5", startedAt: 10 });
  });

  it("lets a baseline that was interrupted stay a baseline", async () => {
    const one = await addSession(ledger, { ...session("one"), status: "baseline" });
    await holdSession(ledger, one, "100:5", 10, () => true);
    await holdSession(ledger, one, "200:6", 20, () => false);
    expect(await sessionByTag(ledger, "one")).toMatchObject({ holder: "200:6", status: "baseline" });
  });
});
