import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { keepingLab } from "../../bench/faults/kill.ts";
import { git, repository, start, whet } from "../support/lab.ts";
import { query, tamper } from "../support/ledger.ts";

interface Report {
  well: boolean;
  findings: { check: string; ok: boolean; message: string; fix: string | null; repair: string | null }[];
  repaired: { check: string; message: string }[];
}

/** A lab with a finished session of a few keeps; each test gets a copy of its own. */
let finished: string;
beforeAll(async () => {
  finished = mkdtempSync(join(tmpdir(), "whet-doctor-"));
  for (const [path, text] of Object.entries(keepingLab)) writeFileSync(join(finished, path), text);
  git(finished, "init", "-q", "-b", "main");
  git(finished, "add", "-A");
  git(finished, "commit", "-q", "-m", "start");
  const ran = await whet(
    finished,
    "run",
    "--experiments",
    "6",
    "--audit",
    "0",
    "--seed",
    "5",
    "--tag",
    "one",
  );
  expect(ran.code).toBe(0);
  expect(query(finished, "select count(*) from decisions where kind = 'keep'")).toBeGreaterThan(2);
  return () => rmSync(finished, { recursive: true, force: true });
});

function patient(): string {
  const folder = mkdtempSync(join(tmpdir(), "whet-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(finished, folder, { recursive: true });
  return folder;
}

async function doctor(lab: string, ...args: string[]): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await whet(lab, "doctor", "--json", ...args);
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as Report), code };
}

const ill = (report: Report) => report.findings.filter((finding) => !finding.ok);
const tip = (lab: string) => git(lab, "rev-parse", "refs/heads/whetstone/one").trim();
const refs = (lab: string) => git(lab, "for-each-ref", "refs/heads", "refs/whetstone");

/** Not well without consent, and unchanged by the look; well with it. */
async function expectRepair(lab: string, check: string, message: RegExp): Promise<void> {
  const before = refs(lab);
  const first = await doctor(lab);
  expect(ill(first)).toMatchObject([{ check, message: expect.stringMatching(message) }]);
  expect(first.code).toBe(1);
  expect(refs(lab)).toBe(before);
  const second = await doctor(lab, "--yes");
  expect(second.repaired).toMatchObject([{ check }]);
  expect(second).toMatchObject({ well: true, code: 0 });
  expect((await doctor(lab)).repaired).toEqual([]);
}

describe("whet doctor", () => {
  it("says what is right, one line each, and changes nothing", async () => {
    const lab = patient();
    const before = refs(lab);
    const said = await whet(lab, "doctor");
    expect(said.code).toBe(0);
    for (const check of [
      "ledger",
      "holder",
      "runs",
      "decisions",
      "branch",
      "candidates",
      "processes",
      "disk",
    ])
      expect(said.stdout).toMatch(new RegExp(`^✓ ${check} `, "m"));
    expect(said.stdout).not.toContain("✗");
    expect(said.stdout).toMatch(/all is well\n$/);
    expect(refs(lab)).toBe(before);
  });

  it("refuses a folder in which nothing was measured", async () => {
    const lab = repository(keepingLab);
    const said = await whet(lab, "doctor");
    expect(said.code).toBe(2);
    expect(said.stderr).toMatch(/nothing has been measured/);
    expect(existsSync(join(lab, ".whetstone"))).toBe(false);
  });

  it("does not disturb a session that runs", async () => {
    const lab = repository(keepingLab);
    const running = start(lab, "run", "--experiments", "500", "--audit", "0");
    while (!running.output().includes("#1 ")) await sleep(20);
    const looked = await doctor(lab, "--yes");
    expect(looked).toMatchObject({ running: true, repaired: [], code: 0 });
    expect(looked.findings.find(({ check }) => check === "holder")?.message).toMatch(/^process \d+ runs it/);
    running.child.kill("SIGINT");
    expect((await running.finished).code).toBe(0);
  });
});

describe("a branch that does not agree with the ledger", () => {
  it("is created again when it is gone", async () => {
    const lab = patient();
    const was = tip(lab);
    git(lab, "branch", "-D", "whetstone/one");
    await expectRepair(lab, "branch", /is gone/);
    expect(tip(lab)).toBe(was);
  });

  it("is moved forward when it is behind", async () => {
    const lab = patient();
    const was = tip(lab);
    git(lab, "update-ref", "refs/heads/whetstone/one", `${was}~2`);
    await expectRepair(lab, "branch", /behind the ledger/);
    expect(tip(lab)).toBe(was);
  });

  it("gets its commits again, the very same ones, when git has lost them", async () => {
    const lab = patient();
    const was = refs(lab);
    git(lab, "branch", "-D", "whetstone/one");
    for (const line of git(lab, "for-each-ref", "--format=%(refname)", "refs/whetstone").split("\n"))
      if (line !== "") git(lab, "update-ref", "-d", line);
    git(lab, "reflog", "expire", "--expire=now", "--all");
    git(lab, "gc", "-q", "--prune=now");
    const lost = await doctor(lab);
    expect(ill(lost).map(({ check }) => check)).toEqual(["branch", "candidates"]);
    expect(await doctor(lab, "--yes")).toMatchObject({ well: true, code: 0 });
    expect(refs(lab)).toBe(was);
  });

  it("gets the commit that a kill left unmade, and the one that it left unnoticed", async () => {
    for (const made of [true, false]) {
      const lab = patient();
      const was = tip(lab);
      const last = query<number>(lab, "select max(experiment_id) from decisions where kind = 'keep'");
      tamper(lab, `update decisions set keep_commit = null where experiment_id = ${last}`);
      if (!made) git(lab, "update-ref", "refs/heads/whetstone/one", `${was}~1`);
      // results.tsv names the commit as well.
      const looked = await doctor(lab);
      expect(ill(looked).map(({ check }) => check)).toEqual(["branch", "results"]);
      expect(ill(looked)[0]?.message).toMatch(/the commit of experiment \d+ is not on the branch/);
      expect(await doctor(lab, "--yes")).toMatchObject({ well: true, code: 0 });
      expect(tip(lab)).toBe(was);
      expect(query(lab, "select keep_commit from decisions where experiment_id = ?", last)).toBe(was);
    }
  });

  it("gets the commit again that takes a rejected keep back", async () => {
    const lab = patient();
    const last = query(lab, "select max(experiment_id) from decisions where kind = 'keep'");
    tamper(lab, `update decisions set doubt = 'it is much' where experiment_id = ${last}`);
    expect((await whet(lab, "review", "--reject", String(last))).code).toBe(0);
    const was = tip(lab);
    expect(git(lab, "log", "-1", "--format=%s", was)).toMatch(/^Take back/);
    expect(ill(await doctor(lab)).filter(({ check }) => check === "branch")).toEqual([]);
    tamper(lab, "update reviews set commit_id = null");
    git(lab, "update-ref", "refs/heads/whetstone/one", `${was}~1`);
    const looked = await doctor(lab, "--yes");
    expect(looked.repaired.find(({ check }) => check === "branch")?.message).toMatch(/1 commit made again/);
    // The record was edited for this test, which the chain over its rows goes on to tell; the branch is whole.
    expect(ill(await doctor(lab)).filter(({ check }) => check === "branch")).toEqual([]);
    expect(tip(lab)).toBe(was);
  });

  it("is never moved back or forced: somebody else's commit stays, with the command to put it back", async () => {
    const lab = patient();
    const was = tip(lab);
    const tree = git(lab, "rev-parse", "main^{tree}").trim();
    const mine = git(lab, "commit-tree", tree, "-p", was, "-m", "mine").trim();
    git(lab, "update-ref", "refs/heads/whetstone/one", mine);
    const looked = await doctor(lab, "--yes");
    expect(looked.code).toBe(1);
    expect(ill(looked)).toMatchObject([
      { check: "branch", fix: `put it back with: git branch -f whetstone/one ${was.slice(0, 10)}` },
    ]);
    expect(tip(lab)).toBe(mine);
  });

  it("is told when a kept commit does not hold what was measured", async () => {
    const lab = patient();
    const was = tip(lab);
    const tree = git(lab, "rev-parse", "main^{tree}").trim();
    const message = git(lab, "log", "-1", "--format=%B", was);
    const other = git(lab, "commit-tree", tree, "-p", `${was}~1`, "-m", message).trim();
    git(lab, "update-ref", "refs/heads/whetstone/one", other);
    tamper(lab, `update decisions set keep_commit = '${other}' where keep_commit = '${was}'`);
    const looked = await doctor(lab, "--yes");
    expect(ill(looked)).toMatchObject([
      {
        check: "branch",
        message: expect.stringMatching(/does not hold the files that experiment \d+ was measured with/),
      },
    ]);
    expect(looked.code).toBe(1);
  });

  it("may be deleted once it is merged, when a later session is the newest", async () => {
    const lab = patient();
    const session = await whet(lab, "run", "--experiments", "1", "--audit", "0", "--fresh", "--tag", "two");
    expect(session.code).toBe(0);
    git(lab, "branch", "-D", "whetstone/one");
    const looked = await doctor(lab);
    expect(looked.code).toBe(0);
    expect(looked.findings.some(({ message }) => /was deleted/.test(message))).toBe(true);
  });
});

describe("what a kill leaves lying about", () => {
  it("a session held by a process that is gone is released", async () => {
    const lab = patient();
    tamper(lab, "update sessions set holder = '999999:1@x', status = 'running'");
    await expectRepair(lab, "holder", /process 999999, which ran it, is gone/);
    expect(query(lab, "select status from sessions")).toBe("stopped");
  });

  it("candidates that are gone from refs/whetstone/ are recorded again", async () => {
    const lab = patient();
    const was = refs(lab);
    const [one, two] = git(lab, "for-each-ref", "--format=%(refname)", "refs/whetstone").split("\n");
    git(lab, "update-ref", "-d", one as string);
    git(lab, "update-ref", two as string, "main");
    await expectRepair(lab, "candidates", /the candidate of experiment 1, 2 is not under/);
    expect(refs(lab)).toBe(was);
  });

  it("half-made files are removed, and results.tsv is written anew", async () => {
    const lab = patient();
    const whetstone = join(lab, ".whetstone");
    const results = readFileSync(join(whetstone, "results.tsv"), "utf8");
    writeFileSync(join(whetstone, "results.tsv.new"), "half");
    mkdirSync(join(whetstone, "work", "setup-scratch"), { recursive: true });
    await expectRepair(lab, "leftovers", /results\.tsv\.new.*setup-scratch/);
    expect(readdirSync(whetstone)).not.toContain("results.tsv.new");
    writeFileSync(join(whetstone, "results.tsv"), results.slice(0, 60));
    await expectRepair(lab, "results", /not up to date/);
    expect(readFileSync(join(whetstone, "results.tsv"), "utf8")).toBe(results);
  });

  it("old locks of our own references are removed, and no other", async () => {
    const lab = patient();
    const heads = join(lab, ".git", "refs", "heads");
    const ours = join(heads, "whetstone", "one.lock");
    const theirs = join(heads, "main.lock");
    for (const lock of [ours, theirs]) {
      writeFileSync(lock, "");
      utimesSync(lock, new Date(0), new Date(0));
    }
    await expectRepair(lab, "locks", /one\.lock/);
    expect(existsSync(ours)).toBe(false);
    expect(existsSync(theirs)).toBe(true);
  });

  it.runIf(process.platform === "linux")(
    "processes of a run are killed; a shell of the user's is named only",
    async () => {
      const lab = patient();
      const cwd = join(lab, ".whetstone", "work", "slot");
      const orphan = spawn("sleep", ["600"], {
        cwd,
        env: { ...process.env, WHET_RUN: "00" },
        stdio: "ignore",
      });
      const gone = new Promise((resolve) => orphan.once("exit", (_code, signal) => resolve(signal)));
      onTestFinished(() => void orphan.kill("SIGKILL"));
      await expectRepair(lab, "processes", new RegExp(`process ${orphan.pid} \\(sleep 600\\)`));
      expect(await gone).toBe("SIGKILL");

      const shell = spawn("sleep", ["600"], { cwd, stdio: "ignore" });
      onTestFinished(() => void shell.kill("SIGKILL"));
      const looked = await doctor(lab, "--yes");
      expect(ill(looked)).toMatchObject([
        { check: "processes", fix: expect.stringContaining(`kill ${shell.pid}`) },
      ]);
      expect(shell.exitCode ?? shell.signalCode).toBeNull();
    },
  );
});

describe("a ledger that is not what it was", () => {
  it("tells a run that is missing and a decision that does not follow", async () => {
    const lab = patient();
    tamper(
      lab,
      "drop trigger evaluations_no_delete; delete from evaluations where experiment_id = 2 and position = 0",
    );
    const gap = ill(await doctor(lab, "--yes"));
    expect(gap.find(({ check }) => check === "runs")?.message).toMatch(/experiment 2/);

    const other = patient();
    tamper(
      other,
      "update decisions set kind = 'discard' where kind = 'keep' and experiment_id = (select max(experiment_id) from decisions where kind = 'keep')",
    );
    const looked = await doctor(other, "--yes");
    expect(ill(looked).find(({ check }) => check === "decisions")?.message).toMatch(/do not lead to/);
    expect(looked.code).toBe(1);
  });

  it.each([
    ["among its runs", true],
    ["at its head", false],
  ])("damaged %s stays as it is, and what can be read is saved aside", async (_where, readable) => {
    const lab = patient();
    const ledger = join(lab, ".whetstone", "ledger.db");
    const runs = query(lab, "select count(*) from evaluations");
    tamper(lab, "pragma wal_checkpoint(truncate)");
    const leaf =
      "select pageno from dbstat where name = 'evaluations' and pagetype = 'leaf' limit 1 offset 1";
    const page = readable ? query(lab, leaf) : 1;
    const file = openSync(ledger, "r+");
    writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
    closeSync(file);
    const sum = () => createHash("sha256").update(readFileSync(ledger)).digest("hex");
    const ran = await whet(lab, "run", "--experiments", "7");
    expect(ran.stderr).toMatch(/damaged.*`whet doctor` saves what can be read/s);
    expect(ran.code).toBe(1);
    const before = sum();
    const looked = await whet(lab, "doctor", "--yes");
    expect(looked.code).toBe(1);
    expect(looked.stdout).toMatch(/✗ ledger .*is damaged/);
    expect(sum()).toBe(before);
    const saved = readdirSync(join(lab, ".whetstone")).find((name) => /^ledger-saved-.*\.db$/.test(name));
    if (!readable) {
      expect(looked.stdout).toContain(".recover");
      expect(saved).toBeUndefined();
      return;
    }
    expect(looked.stdout).toContain(saved);
    // As the message says.
    for (const suffix of ["-wal", "-shm"]) rmSync(`${ledger}${suffix}`, { force: true });
    cpSync(join(lab, ".whetstone", saved as string), ledger);
    expect(query(lab, "pragma integrity_check")).toBe("ok");
    const left = query(lab, "select count(*) from evaluations");
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(runs);
    expect(query(lab, "select count(*) from decisions")).toBe(6);
    expect((await whet(lab, "status")).code).toBe(0);
  });
});
