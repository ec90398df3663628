import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { git, noisyLab, repository, start, whet, write } from "./support/lab.ts";

interface Status {
  tally: { all: number; keeps: number; discards: number; failures: number; open: number };
  branch: string;
  audit: { effect: number; interval: [number, number] } | null;
  best: { value: number; experiment: number | null };
  evaluations: number;
}

const status = async (lab: string) => JSON.parse((await whet(lab, "status", "--json")).stdout) as Status;

describe("a session", () => {
  it("finds, audits and keeps real improvements on a branch of its own", async () => {
    const lab = repository(noisyLab());
    const ran = await whet(lab, "run", "--experiments", "12", "--audit", "4", "--seed", "1");
    expect(ran.stderr).toBe("");
    expect(ran.code).toBe(0);
    const now = await status(lab);
    expect(now.tally.all).toBe(12);
    expect(now.tally.keeps).toBeGreaterThan(0);
    expect(now.audit?.effect).toBeGreaterThan(1);
    const log = git(lab, "log", "--format=%s%n%b", `main..${now.branch}`);
    expect(log.match(/Whetstone-Experiment: \d+/g)).toHaveLength(now.tally.keeps);
    expect(log).toMatch(/Whetstone-Effect: [\d.]+ \[/);
    // The branch holds exactly the state that was audited.
    const kept = git(lab, "show", `${now.branch}:train.mjs`);
    expect(kept).not.toBe(readFileSync(join(lab, "train.mjs"), "utf8"));
    expect(
      git(lab, "for-each-ref", "--format=%(refname)", "refs/whetstone").split("\n").length,
    ).toBeGreaterThanOrEqual(12);
  });

  it("leaves the user's branch, index, stash, hooks and uncommitted work as they were", async () => {
    const lab = repository(noisyLab({ files: { "notes.txt": "one\n", "staged.txt": "a\n" } }));
    write(lab, { "staged.txt": "b\n", "new.txt": "mine\n" });
    git(lab, "add", "staged.txt");
    write(lab, { "notes.txt": "two\n" });
    git(lab, "stash", "push", "-q", "--", "notes.txt");
    write(lab, { "notes.txt": "three\n" });
    for (const hook of ["pre-commit", "post-commit", "reference-transaction", "post-checkout"])
      writeFileSync(join(lab, ".git", "hooks", hook), `#!/bin/sh\ntouch "${lab}/hook-ran"\n`, {
        mode: 0o755,
      });
    const look = () => ({
      head: readFileSync(join(lab, ".git", "HEAD"), "utf8"),
      main: git(lab, "rev-parse", "main"),
      index: createHash("sha256")
        .update(readFileSync(join(lab, ".git", "index")))
        .digest("hex"),
      config: readFileSync(join(lab, ".git", "config"), "utf8"),
      stash: readFileSync(join(lab, ".git", "refs", "stash"), "utf8"),
      files: ["notes.txt", "staged.txt", "new.txt", "train.mjs"].map((name) =>
        readFileSync(join(lab, name), "utf8"),
      ),
      names: readdirSync(lab).filter((name) => name !== ".whetstone"),
    });
    const before = look();
    expect((await whet(lab, "run", "--experiments", "5", "--audit", "2")).code).toBe(0);
    expect(look()).toEqual(before);
    expect(git(lab, "status", "--porcelain")).not.toContain(".whetstone");
    expect(existsSync(join(lab, "hook-ran"))).toBe(false);
  });

  it("goes on after Ctrl-C, and says that a reached limit is reached", async () => {
    const lab = repository(noisyLab());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0");
    while (!running.output().includes("#3 ")) await sleep(20);
    running.child.kill("SIGINT");
    const stopped = await running.finished;
    expect(stopped.code).toBe(0);
    expect(stopped.stdout).toMatch(/`whet run` goes on/);
    const before = await status(lab);
    const { all, keeps, discards, failures, open } = before.tally;
    expect(keeps + discards + failures + open).toBe(all);
    const rows = JSON.parse((await whet(lab, "log", "--json", "--all")).stdout) as { status: string }[];
    expect(rows.filter((row) => row.status === "open")).toHaveLength(open);
    expect(rows.filter((row) => row.status === "running")).toEqual([]);
    const again = await whet(lab, "run", "--experiments", String(before.tally.all + 3), "--audit", "0");
    expect(again.stdout).toMatch(/goes on after/);
    expect(stopped.stdout).toMatch(/^measuring the baseline$/m);
    expect(again.stdout).not.toMatch(/^measuring the baseline$/m);
    expect((await status(lab)).tally.all).toBe(before.tally.all + 3);
    const third = await whet(lab, "run", "--experiments", "2", "--audit", "0");
    expect(third.code).toBe(0);
    expect(third.stdout).toMatch(/limit of 2 experiments is reached/);
  });

  it("survives kill -9 at any moment: no finished run is repeated, no kept commit lost or doubled", async () => {
    const lab = repository(noisyLab());
    for (let kill = 0; kill < 8; kill++) {
      const running = start(lab, "run", "--experiments", "400", "--audit", "0", "--seed", "3");
      await sleep(150 + ((kill * 137) % 700));
      running.child.kill("SIGKILL");
      await running.finished;
    }
    const done = await whet(lab, "run", "--experiments", "25", "--audit", "2", "--seed", "3");
    expect(done.stderr).toBe("");
    expect(done.code).toBe(0);
    const now = await status(lab);
    const commits = git(
      lab,
      "log",
      "--format=%(trailers:key=Whetstone-Experiment,valueonly)",
      `main..${now.branch}`,
    )
      .split("\n")
      .filter(Boolean);
    expect(new Set(commits).size).toBe(commits.length);
    expect(commits).toHaveLength(now.tally.keeps);
    const replayed = await whet(lab, "replay");
    expect(replayed.stdout).toMatch(/all agree/);
    expect(replayed.code).toBe(0);
    expect(git(lab, "fsck", "--strict")).not.toMatch(/error/);
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(`${lab}/.whetstone`);
  });

  it("says in status who is at work, as long as somebody is", async () => {
    const lab = repository(noisyLab());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0", "--no-probe");
    while (!running.output().includes("#1 ")) await sleep(20);
    expect((await whet(lab, "status")).stdout).toContain(`process ${running.child.pid} is at work on it`);
    running.child.kill("SIGKILL");
    await running.finished;
    const after = (await whet(lab, "status")).stdout;
    expect(after).not.toMatch(/is at work/);
    expect(after).toMatch(/^Next: .*`whet run` goes on/m);
  });

  it("lists its sessions, and shows an empty one's elders", async () => {
    const lab = repository(noisyLab());
    await whet(lab, "run", "--experiments", "2", "--audit", "0", "--no-probe", "--tag", "first");
    await whet(lab, "check", "--fresh", "--tag", "second");
    const list = (await whet(lab, "sessions")).stdout;
    expect(list).toMatch(/^second +\S+ \S+ UTC +0 +0 /m);
    expect(list).toMatch(/^first +\S+ \S+ UTC +2 /m);
    expect((await whet(lab, "status", "--tag", "second")).stdout.replace(/\s+/g, " ")).toMatch(
      /Earlier: first \(2 experiments/,
    );
  });

  it("tells of how many runs a value is the mean", async () => {
    const lab = repository(noisyLab());
    await whet(lab, "run", "--experiments", "12", "--audit", "0", "--no-probe", "--seed", "3");
    const all = JSON.parse((await whet(lab, "log", "--json")).stdout) as { id: number; pairs: number }[];
    const raced = all.find((row) => row.pairs > 0);
    const shown = JSON.parse((await whet(lab, "show", String(raced?.id), "--json")).stdout) as {
      runs: number;
      valueRuns: number;
    };
    // The candidate's of the race: not the screen's, and not the incumbent's.
    expect(shown.valueRuns).toBe(raced?.pairs);
    expect(shown.runs).toBeGreaterThan(2 * shown.valueRuns);
  });

  it("begins a new session, and says so, when something was committed after a kill -9", async () => {
    const lab = repository(noisyLab());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0", "--no-probe", "--tag", "old");
    while (!running.output().includes("#1 ")) await sleep(20);
    running.child.kill("SIGKILL");
    await running.finished;
    git(lab, "commit", "-q", "--allow-empty", "-m", "another scorer");
    const fresh = await whet(lab, "run", "--experiments", "1", "--audit", "0", "--no-probe");
    expect(fresh.stdout).toMatch(/HEAD has moved since session "old": beginning a new session/);
    const again = await whet(lab, "run", "--experiments", "1", "--audit", "0", "--no-probe", "--tag", "old");
    expect(again.stdout).toMatch(/session old /);
  });

  it("refuses a second session in the same lab at once", async () => {
    const lab = repository(noisyLab());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0");
    while (!running.output().includes("#1 ")) await sleep(20);
    const second = await whet(lab, "run", "--experiments", "3");
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/already running in this lab/);
    running.child.kill("SIGINT");
    expect((await running.finished).code).toBe(0);
  });

  it("stops when the contract changes on disk, and goes on when it is put back", async () => {
    const lab = repository(noisyLab());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0");
    while (!running.output().includes("#2 ")) await sleep(20);
    const text = readFileSync(join(lab, "program.md"), "utf8");
    appendFileSync(join(lab, "program.md"), "one more line\n");
    const stopped = await running.finished;
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toMatch(/program.md has changed since the session began/);
    writeFileSync(join(lab, "program.md"), text);
    expect((await whet(lab, "run", "--experiments", "8", "--audit", "0")).stdout).toMatch(/goes on after/);
  });

  it("will not move a branch that somebody else has moved", async () => {
    const lab = repository(noisyLab());
    await whet(lab, "run", "--experiments", "8", "--audit", "0", "--seed", "1");
    const { branch } = await status(lab);
    git(lab, "branch", "-f", branch, "main");
    const again = await whet(lab, "run", "--experiments", "12", "--audit", "0");
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/was moved by somebody else/);
  });

  it.each(["L0", "best"])("at isolation %s no candidate changes what judges it", async (level) => {
    const lab = repository({
      "score.mjs": "console.log(JSON.stringify({ metrics: { loss: 5 } }));\n",
      "train.mjs":
        "import { writeFileSync } from 'node:fs';\nconst RATE = 1;\nif (RATE !== 1) for (const place of ['../base/score.mjs', '/w/score.mjs'])\n  try { writeFileSync(place, 'console.log(JSON.stringify({ metrics: { loss: 1 } }))'); } catch {}\n",
      "program.md":
        "---\nmetric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nscore: node score.mjs\nbudget: 10s\n---\n",
    });
    await whet(lab, "run", "--experiments", "3", "--audit", "0", "--isolation", level);
    const rows = JSON.parse((await whet(lab, "log", "--json")).stdout) as {
      status: string;
      reason: string;
    }[];
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map((row) => row.status)).not.toContain("keep");
    if (level === "L0")
      expect(rows[0]).toMatchObject({
        status: "invalid",
        reason: expect.stringMatching(/changed files of the pinned tree: .*score\.mjs/),
      });
  });

  it.each([
    [
      "a link in $OUT to what only the scorer sees",
      "run: node train.mjs\nscore: { command: node score.mjs, private: [labels.json] }",
      "symlinkSync('../../base/labels.json', `${process.env.OUT}/answers.json`); try { symlinkSync('/w/labels.json', `${process.env.OUT}/a.json`); } catch {}",
    ],
    [
      "a path that weighs nothing because it is a link",
      "run: node train.mjs\nwrite: [dist]",
      "symlinkSync('/dev/null', 'dist/app.js')",
    ],
    ["a path that weighs nothing because it is gone", "run: node train.mjs\nwrite: [dist]", ""],
  ])("does not take %s for a win", async (_name, how, cheat) => {
    const scored = how.includes("score");
    const lab = repository({
      "labels.json": "[1,1,1,1]",
      "score.mjs":
        "import { readFileSync } from 'node:fs';\nconst read = (path) => JSON.parse(readFileSync(path, 'utf8'));\nconst right = read('labels.json');\nconst loss = read(`${process.env.OUT}/answers.json`).filter((answer, index) => answer !== right[index]).length;\nconsole.log(JSON.stringify({ metrics: { loss } }));\n",
      "train.mjs": `import { symlinkSync, writeFileSync } from 'node:fs';\nconst RATE = 1;\nif (RATE !== 1) { ${cheat} }\nelse { ${scored ? "writeFileSync(`${process.env.OUT}/answers.json`, '[0,0,1,1]');" : "writeFileSync('dist/app.js', 'x'.repeat(100));"} }\n`,
      "program.md": `---\nmetric: ${scored ? "loss\ndirection: minimize" : "{ name: bytes, clock: size dist/app.js }"}\nchange: [train.mjs]\n${how}\nbudget: 10s\n---\n`,
    });
    const ran = await whet(lab, "run", "--experiments", "3", "--audit", "0");
    expect(ran.stderr).toBe("");
    const rows = JSON.parse((await whet(lab, "log", "--json")).stdout) as {
      status: string;
      reason: string;
    }[];
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      expect(["invalid", "crash"]).toContain(row.status);
      expect(row.reason).toMatch(/link/);
    }
  });

  it("turns a keep that breaks a guard into a discard with that reason", async () => {
    const lab = repository(
      noisyLab({
        program: "guards: [{ name: cost, max: 1.5 }]\n",
        files: {
          "train.mjs": "const RATE = 1;\nconsole.log(`loss: ${Math.log(RATE / 8) ** 2}\\ncost: ${RATE}`);\n",
        },
      }),
    );
    await whet(lab, "run", "--experiments", "6", "--audit", "0", "--seed", "1");
    const rows = JSON.parse((await whet(lab, "log", "--json")).stdout) as {
      status: string;
      reason: string;
      what: string;
    }[];
    const stopped = rows.filter((row) => /^guard cost: [\d.]+ is above the bound 1.5$/.test(row.reason));
    expect(stopped.length).toBeGreaterThan(0);
    expect(stopped.every((row) => row.status === "discard")).toBe(true);
  });

  it("discards a gain that does not hold on the holdout, and tells no number of it", async () => {
    // What the scorer rewards, the holdout punishes.
    const lab = repository({
      "rate.txt.mjs": "",
      "fit.json": '{"rate": 1}\n',
      "score.mjs": [
        'import { readFileSync } from "node:fs";',
        "const { rate } = JSON.parse(readFileSync(`${process.env.CANDIDATE}/fit.json`, 'utf8'));",
        "const sign = process.argv.includes('--holdout') ? 1 : -1;",
        "console.log(JSON.stringify({ metrics: { loss: 100 + sign * rate } }));",
      ].join("\n"),
      "program.md":
        '---\nmetric: loss\ndirection: minimize\nchange: [fit.json]\nrun: "true"\nscore: node score.mjs\nholdout: node score.mjs --holdout\nbudget: 10s\n---\n',
    });
    await whet(lab, "run", "--experiments", "5", "--audit", "0", "--seed", "1");
    const rows = JSON.parse((await whet(lab, "log", "--json")).stdout) as {
      status: string;
      reason: string;
      what: string;
    }[];
    const up = rows.filter((row) => row.reason === "it does not hold on the holdout");
    expect(up.length).toBeGreaterThan(0);
    expect(up.every((row) => row.status === "discard")).toBe(true);
    expect((await status(lab)).tally.keeps).toBe(0);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });
});
