import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  addDecision,
  addEvaluation,
  addExperiment,
  addSession,
  examineChain,
  type Ledger,
  noteHead,
  openLedger,
} from "./index.ts";

let root: string;
let path: string;
let ledger: Ledger;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "whet-chain-"));
  vi.stubEnv("XDG_STATE_HOME", join(root, "state"));
  path = join(root, "lab", "ledger.db");
  ledger = await openLedger(path);
});
afterEach(async () => {
  await ledger.close();
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** A session with an experiment of three runs and a decision. */
async function record(tag: string): Promise<void> {
  const sessionId = await addSession(ledger, {
    ...{
      tag,
      branch: tag,
      program: "{}",
      programHash: "p",
      baseCommit: "c",
      baseTree: "t",
      baseState: "b",
      pins: "pins",
    },
    ...{
      pinParts: "{}",
      researcher: "search",
      seed: 1,
      secret: "00",
      channel: "scored",
      level: "L2",
      isolation: "{}",
    },
    ...{ status: "running", createdAt: 1, holdoutData: null, rescoredFrom: null },
  });
  const { id } = await addExperiment(ledger, {
    ...{
      sessionId,
      state: `s${tag}`,
      parent: 0,
      parentState: "b",
      researcher: "search",
      what: "ä\ud800 \u0000",
      mechanism: null,
    },
    ...{
      prediction: null,
      added: 1,
      removed: 0,
      proposedAt: 2,
      changes: { after: { a: "1" }, before: { a: "0" }, diff: "" },
    },
    ...{ violations: [{ path: "x", kind: "forbidden", detail: "d" }], proposeMs: 1, reviewed: 0 },
  });
  for (let position = 0; position < 3; position++)
    await addEvaluation(ledger, {
      ...{
        sessionId,
        experimentId: id,
        auditId: null,
        position,
        arm: "candidate",
        purpose: "screen",
        round: 1,
        state: "s",
      },
      ...{
        seed: 7,
        value: 0.1 + position,
        metrics: '{"loss":0.1}',
        failureKind: null,
        failureMessage: null,
        startedAt: 3,
      },
      ...{
        wallMs: 1 / 3,
        cpuMs: -0,
        peakBytes: 2 ** 40,
        exitCode: 0,
        logTail: "done",
        checks: "[]",
        channel: "scored",
      },
      ...{ level: "L2", pins: "pins", stage: null, machine: null, spentMs: null },
    });
  await addDecision(ledger, {
    ...{
      experimentId: id,
      kind: "keep",
      effect: 1,
      low: 0,
      high: 2,
      p: 0.01,
      pReal: 0.9,
      t: 3,
      df: 2,
      pairs: 0,
      provisional: 0,
    },
    ...{
      reason: "better",
      value: 0.1,
      runs: 3,
      peakBytes: 1,
      wallMs: 1,
      decidedAt: 4,
      stages: null,
      doubt: null,
    },
  });
}

/** Edits the file as somebody with a SQLite shell would. */
function edit(...statements: string[]): void {
  const raw = new Database(path);
  for (const { name } of raw.prepare("select name from sqlite_master where type = 'trigger'").all() as {
    name: string;
  }[])
    raw.exec(`drop trigger ${name}`);
  raw.pragma("foreign_keys = OFF");
  for (const statement of statements) raw.exec(statement);
  raw.close();
}

describe("the chain of a ledger", () => {
  it("is whole when nobody else has written, and says how much it links", async () => {
    expect(await examineChain(ledger)).toEqual({
      linked: 0,
      unlinked: 0,
      faults: [],
      seals: "own",
      head: null,
    });
    await record("one");
    await record("two");
    expect(await examineChain(ledger)).toEqual({
      linked: 16,
      unlinked: 0,
      faults: [],
      seals: "own",
      head: null,
    });
  });

  it.each([
    ["a value", "update evaluations set value = -9 where id = 2", /^run 2 is not as it was recorded$/],
    ["a word of a log", "update evaluations set log_tail = 'dona' where id = 5", /^run 5 is not/],
    [
      "a decision",
      "update decisions set kind = 'discard' where experiment_id = 1",
      /^decision on experiment 1 is not/,
    ],
    ["a proposal", "update experiments set researcher = 'me' where id = 1", /^experiment 1 is not/],
    ["a change", `update changes set after = '{"a":"2"}' where experiment_id = 2`, /^change 2 is not/],
    ["a session's secret", "update sessions set secret = '01'", /^session 1 is not/],
    ["a run that is removed", "delete from evaluations where id = 6", /^run 6 is gone$/],
    ["a violation that is removed", "delete from violations where id = 1", /^violation 1 is gone$/],
    [
      "a run that is put in",
      "insert into evaluations select 99, session_id, experiment_id, audit_id, 9, arm, purpose, round, state, seed, value, metrics, failure_kind, failure_message, started_at, wall_ms, cpu_ms, peak_bytes, exit_code, log_tail, checks, channel, level, pins, stage, machine, spent_ms, used from evaluations where id = 1",
      /^run 99 was put in/,
    ],
    ["a link that is removed", "delete from links where id = 7", /^link 8 does not follow/],
    ["the beginning that is removed", "delete from links where id = 1", /^link 2 does not follow/],
    ["a link for another content", "update links set content = 'x' where id = 3", /^link 3 does not follow/],
    [
      "a seal",
      "update links set seal = substr(seal, 1, 17) || '00' where id = 4",
      /^the seal of link 4 is not ours$/,
    ],
  ])("shows %s", async (_, statement, fault) => {
    await record("one");
    await record("two");
    edit(statement);
    const { faults } = await examineChain(ledger);
    expect(faults[0]).toMatch(fault);
  });

  it("shows that its end was cut off, or that it was begun anew, once a session was closed", async () => {
    await record("one");
    await noteHead(ledger);
    cpSync(path, `${path}.old`);
    await record("two");
    await noteHead(ledger);
    expect((await examineChain(ledger)).head).toBeNull();
    edit(
      "delete from links where id > 9",
      "delete from sessions where id = 2",
      "delete from experiments where id = 2",
      "delete from changes where experiment_id = 2",
      "delete from violations where id = 2",
      "delete from evaluations where experiment_id = 2",
      "delete from decisions where experiment_id = 2",
    );
    expect(await examineChain(ledger)).toMatchObject({
      faults: [],
      head: expect.stringMatching(/removed from its end/),
    });
    edit("delete from links");
    expect((await examineChain(ledger)).faults[0]).toMatch(/beginning of the chain is missing/);
  });

  it("goes on in an old ledger, whose rows are said to be from before it", async () => {
    await record("old");
    edit(
      "drop table links",
      "drop table model_calls",
      "alter table evaluations drop column used",
      "drop index experiments_driven",
      "drop table boxed_experiments",
      "drop table boxes",
      "drop table events",
      "pragma user_version = 5",
      "update evaluations set value = 5 where id = 1",
    );
    await ledger.close();
    ledger = await openLedger(path);
    expect(await examineChain(ledger)).toMatchObject({ linked: 0, unlinked: 8, faults: [] });
    await record("new");
    expect(await examineChain(ledger)).toMatchObject({ linked: 8, unlinked: 8, faults: [], seals: "own" });
    edit("update evaluations set value = 5 where id = 4");
    expect((await examineChain(ledger)).faults).toEqual(["run 4 is not as it was recorded"]);
  });

  it("of another machine says what the hashes say, and no more; without a key, it bears no seal", async () => {
    await record("one");
    vi.stubEnv("XDG_STATE_HOME", join(root, "elsewhere"));
    expect(await examineChain(ledger)).toMatchObject({ faults: [], seals: "foreign", head: null });
    vi.stubEnv("XDG_STATE_HOME", "/dev/null");
    await record("two");
    expect(await examineChain(ledger)).toMatchObject({ faults: [], seals: "none", linked: 16 });
  });
});
