import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openLab, type Standing, type Tried } from "../src/index.ts";
import { git, program, repository, start, whet, write } from "./support/lab.ts";

/** A lab in a sub-folder whose metric follows at once from one number: no noise, so one look decides. */
function lab(more: { program?: string; sleep?: number } = {}): string {
  const root = repository({
    "README.md": "outside\n",
    "labs/one/train.mjs": [
      "const RATE = 1;",
      `await new Promise((done) => setTimeout(done, ${more.sleep ?? 0}));`,
      "if (RATE === 13) throw new Error('unlucky');",
      "console.log(`loss: $" + "{(RATE - 8) ** 2}`);",
      "",
    ].join("\n"),
    "labs/one/program.md": program(
      `metric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 10s\n${more.program ?? ""}`,
    ),
  });
  return join(root, "labs", "one");
}

const quick = ["--no-probe"];

/** The ledger as another process sees it, with the newest session's id. */
function opened(folder: string) {
  const ledger = new Database(join(folder, ".whetstone", "ledger.db"));
  const { id } = ledger.prepare("select max(id) as id from sessions").get() as { id: number };
  return { ledger, row: id };
}

async function begin(folder: string): Promise<Standing> {
  const started = await whet(folder, "start", "--json", ...quick);
  expect(started.stderr).not.toContain("whet:");
  expect(started.code).toBe(0);
  return JSON.parse(started.stdout) as Standing;
}

function edit(workspace: string, rate: number | string): void {
  const file = join(workspace, "train.mjs");
  writeFileSync(file, readFileSync(file, "utf8").replace(/RATE = .*;/, `RATE = ${rate};`));
}

async function attempt(where: string, what: string, ...more: string[]) {
  const args = ["try", "-m", what, "--because", "the optimum is at 8", "--json", ...quick, ...more];
  const ran = await whet(where, ...args);
  return { ...ran, tried: ran.stdout === "" ? null : (JSON.parse(ran.stdout) as Tried) };
}

describe("an agent that drives", () => {
  it("edits, tries, keeps and discards, from the workspace and from the lab, and audits at the end", async () => {
    const folder = lab({ program: "session: {experiments: 3}" });
    expect((await whet(folder, "context")).stderr).toContain("`whet start`");
    const { workspace, baseline } = await begin(folder);
    expect(baseline).toBe(49);
    expect(JSON.parse((await whet(folder, "status", "--json")).stdout)).toMatchObject({ workspace });

    edit(workspace, 4);
    const kept = await attempt(workspace, "rate 4", "--expect", "loss 16");
    expect(kept.code).toBe(0);
    expect(kept.tried).toMatchObject({
      kind: "decided",
      outcome: { number: 1, decision: "keep", value: 16, effect: 33, logTail: null },
      standing: { best: { value: 16, experiment: 1 }, left: { experiments: 2 }, limit: null },
    });
    expect(readFileSync(join(workspace, "train.mjs"), "utf8")).toContain("RATE = 4;");

    edit(workspace, 2);
    const lost = await attempt(folder, "rate 2");
    expect(lost.tried).toMatchObject({ outcome: { number: 2, decision: "discard" } });
    // The workspace is on the incumbent again, and the ledger has what was discarded.
    expect(readFileSync(join(workspace, "train.mjs"), "utf8")).toContain("RATE = 4;");
    expect((await whet(workspace, "diff", "2")).stdout).toContain("+const RATE = 2;");

    const learnt = await whet(workspace, "learn", "2", "--refuted", "the optimum\nlies above");
    expect(learnt.stdout).toContain("#2 refuted: the optimum lies above");
    for (const both of [
      ["--confirmed", "--refuted", "x"],
      ["--confirmed", "x", "--refuted", "x"],
    ]) {
      const refused = await whet(workspace, "learn", "2", ...both);
      expect(refused.stderr).toContain("either --confirmed or --refuted");
      expect(refused.code).toBe(2);
    }
    expect((await whet(join(workspace), "context")).stdout).toContain("the optimum lies above");
    expect(JSON.parse((await whet(workspace, "show", "2", "--json")).stdout)).toMatchObject({
      lesson: "the optimum lies above",
      mechanism: "the optimum is at 8",
    });

    edit(workspace, 13);
    const crash = await attempt(workspace, "rate 13");
    expect(crash.code).toBe(0);
    expect(crash.tried).toMatchObject({
      outcome: { decision: "crash", logTail: expect.stringContaining("unlucky") },
      standing: { limit: "the limit of 3 experiments is reached, which counts the whole session" },
    });
    expect((await whet(workspace, "failures")).stdout).toContain("rate 13");

    edit(workspace, 8);
    const late = await attempt(workspace, "rate 8");
    expect(late.code).toBe(3);
    expect(late.tried).toMatchObject({ kind: "limit" });

    const audited = JSON.parse((await whet(folder, "audit", "--json", "--pairs", "2")).stdout);
    expect(audited).toMatchObject({ audit: { effect: 33 }, tally: { all: 3, keeps: 1 } });
    const again = await whet(folder, "audit", "--pairs", "2");
    expect(again.stderr).toMatch(/audited before, in 2 pairs: nothing was measured now/);
    expect(git(folder, "show", `${audited.branch}:labs/one/train.mjs`)).toContain("RATE = 4;");
    expect(git(folder, "status", "--porcelain")).toBe("");
  });

  it("follows from the workspace the contract that it was begun with, whatever its name", async () => {
    const folder = lab();
    const text = readFileSync(join(folder, "program.md"), "utf8").replace("minimize", "maximize");
    writeFileSync(join(folder, "demo.md"), text);
    const started = await whet(folder, "start", "demo.md", "--json", ...quick);
    expect(started.code).toBe(0);
    const { workspace } = JSON.parse(started.stdout) as Standing;
    edit(workspace, 0);
    expect(await attempt(workspace, "rate 0")).toMatchObject({
      code: 0,
      tried: { outcome: { decision: "keep", effect: 15 } },
    });
    expect((await whet(workspace, "log")).stdout).toContain("rate 0");
    // The other contract is another session.
    const other = await whet(folder, "start", ...quick);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/program\.md[\s\S]*`whet start --fresh`/);
  });

  it("does not measure what changes nothing, or what was looked at before", async () => {
    const folder = lab();
    const { workspace } = await begin(folder);
    const nothing = await attempt(workspace, "nothing");
    expect(nothing.code).toBe(2);
    expect(nothing.tried?.kind).toBe("unchanged");
    edit(workspace, 0);
    expect((await attempt(workspace, "rate 0")).tried).toMatchObject({ outcome: { decision: "discard" } });
    edit(workspace, 0);
    const again = await attempt(workspace, "rate 0 in other words");
    expect(again.code).toBe(2);
    expect(again.tried).toMatchObject({
      kind: "known",
      outcome: { number: 1, decision: "discard", what: "rate 0" },
      standing: { experiments: 1 },
    });
    const words = await whet(workspace, "try", "-m", "same", "--because", "b", ...quick);
    expect(words.stdout).toContain("these are the files of experiment 1");
    // A hypothesis is asked for, and nothing but words is taken.
    expect((await whet(workspace, "try", "-m", "x")).code).toBe(2);
    expect((await whet(workspace, "try", "-m", " \n", "--because", "b")).stderr).toContain("hypothesis");
  });

  it("refuses forbidden changes, restores them, loses nothing, and takes the same edit without them", async () => {
    const folder = lab();
    const { workspace } = await begin(folder);
    const above = join(workspace, "..", "..");
    edit(workspace, 5);
    writeFileSync(join(workspace, "notes.txt"), "my thoughts\n");
    writeFileSync(join(above, "README.md"), "mine\n");
    const refused = await attempt(workspace, "rate 5 with notes");
    expect(refused.code).toBe(0);
    expect(refused.tried).toMatchObject({
      outcome: {
        decision: "invalid",
        runs: 0,
        violations: [
          { path: "notes.txt", detail: "it was created" },
          { path: "../../README.md", detail: "it was changed" },
        ],
      },
    });
    const outcome = refused.tried?.kind === "decided" ? refused.tried.outcome : null;
    expect(readFileSync(join(outcome?.setAside ?? "", "notes.txt"), "utf8")).toBe("my thoughts\n");
    expect(readFileSync(join(above, "README.md"), "utf8")).toBe("outside\n");
    expect(existsSync(join(workspace, "notes.txt"))).toBe(false);
    expect((await whet(workspace, "diff", "1")).stdout).toContain("+const RATE = 5;");
    // The edit itself was in order: refused without a run, it may be tried.
    expect((await whet(workspace, "start", "--from", "1", ...quick)).code).toBe(0);
    expect((await attempt(workspace, "rate 5")).tried).toMatchObject({ outcome: { decision: "keep" } });
  });

  it("survives an interruption: the next try finishes the open experiment first", async () => {
    const folder = lab({ sleep: 600 });
    const { workspace } = await begin(folder);
    for (const [signal, code] of [
      ["SIGTERM", 130],
      ["SIGKILL", null],
    ] as const) {
      const rate = signal === "SIGTERM" ? 6 : 7;
      edit(workspace, rate);
      const running = start(workspace, "try", "-m", `rate ${rate}`, "--because", "x", ...quick);
      while (!existsSync(join(folder, ".whetstone", "ledger.db-wal"))) await sleep(10);
      const open = async () =>
        JSON.parse((await whet(folder, "log", "--json")).stdout || "[]").some(
          (row: { status: string }) => row.status === "running",
        );
      while (!(await open())) await sleep(20);
      running.child.kill(signal);
      expect((await running.finished).code).toBe(code);
      const finished = await attempt(workspace, `rate ${rate} again`);
      expect(finished.code).toBe(0);
      expect(finished.tried).toMatchObject({
        kind: "decided",
        outcome: { what: `rate ${rate}`, decision: "keep" },
      });
    }
    expect(readFileSync(join(workspace, "train.mjs"), "utf8")).toContain("RATE = 7;");
    expect((await attempt(workspace, "nothing")).tried?.kind).toBe("unchanged");
  });

  it("keeps edits that were never tried when the workspace is reset or another session begins", async () => {
    const folder = lab();
    const { workspace } = await begin(folder);
    edit(workspace, 3);
    const again = await whet(folder, "start", ...quick);
    const aside = /kept in (.+)/.exec(again.stderr)?.[1] ?? "";
    expect(readFileSync(join(aside, "train.mjs"), "utf8")).toContain("RATE = 3;");
    expect(readFileSync(join(workspace, "train.mjs"), "utf8")).toContain("RATE = 1;");
    // A commit in the user's repository moves the base of a new session, not of this one.
    write(join(folder, "..", ".."), { "labs/one/other.txt": "x\n" });
    git(folder, "add", "-A");
    git(folder, "commit", "-q", "-m", "meanwhile");
    edit(workspace, 4);
    expect((await attempt(workspace, "rate 4")).tried).toMatchObject({
      outcome: { number: 1, decision: "keep" },
    });
    edit(workspace, 5);
    const fresh = await whet(folder, "start", "--fresh", ...quick);
    expect(fresh.stderr).toContain("workspace.old");
    expect(existsSync(join(workspace, "other.txt"))).toBe(true);
    expect(readFileSync(join(workspace, "train.mjs"), "utf8")).toContain("RATE = 1;");
  });

  it("collects ideas, and knows which experiment took one up", async () => {
    const folder = lab();
    expect((await whet(folder, "ideas", "add", "a rate\nof 8")).stdout).toContain("idea 1: a rate of 8");
    expect((await whet(folder, "ideas", "add", "a rate of 8")).stdout).toContain("idea 1");
    await whet(folder, "ideas", "add", "something else");
    const { workspace } = await begin(folder);
    edit(workspace, 8);
    expect((await attempt(workspace, "rate 8", "--idea", "1")).code).toBe(0);
    expect((await whet(workspace, "ideas")).stdout).toBe("2  something else\n");
    expect((await whet(workspace, "ideas", "list", "--all")).stdout).toContain("(tried: #1 of ");
    await whet(workspace, "ideas", "drop", "2");
    expect((await whet(workspace, "ideas", "list")).stdout).toBe("no open idea\n");
    expect((await whet(workspace, "ideas", "drop", "7")).stderr).toContain("there is no idea 7");
  });

  it("believes nothing of an earlier process that was touched since", async () => {
    const folder = lab();
    const { workspace } = await begin(folder);
    const readme = join(folder, ".whetstone", "work", "base", "README.md");
    writeFileSync(readme, "touched\n");
    edit(workspace, 4);
    expect((await attempt(workspace, "rate 4")).tried).toMatchObject({ outcome: { decision: "keep" } });
    expect(readFileSync(readme, "utf8")).toBe("outside\n");
    const contract = join(folder, "program.md");
    writeFileSync(contract, readFileSync(contract, "utf8").replace("minimize", "maximize"));
    edit(workspace, 5);
    const changed = await attempt(workspace, "rate 5");
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain("program.md has changed");
    expect(changed.stderr).toContain("`whet start --fresh`");
  });

  it("tries its cheats on the evaluator before the first experiment, unless told not to", async () => {
    const folder = lab();
    const started = await whet(folder, "start");
    expect(started.stderr).toContain("probe, unchanged: equal");
    expect(started.stderr).toMatch(/forged output/);
    expect((await whet(lab(), "start", ...quick)).stderr).not.toContain("cheats");
  });

  it("takes a workspace elsewhere, and no folder that is somebody's", async () => {
    const folder = lab();
    const root = join(folder, "..", "..");
    const elsewhere = `${root} workspace`;
    try {
      const started = await whet(folder, "start", "--workspace", elsewhere, "--json", ...quick);
      expect(JSON.parse(started.stdout)).toMatchObject({ workspace: join(elsewhere, "labs/one") });
      edit(join(elsewhere, "labs/one"), 4);
      expect((await attempt(join(elsewhere, "labs"), "rate 4")).tried).toMatchObject({
        outcome: { decision: "keep" },
      });
      expect((await attempt(folder, "nothing")).tried?.kind).toBe("unchanged");
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
    expect((await whet(folder, "start", "--workspace", join(root, "mine"))).stderr).toContain("repository");
  });
});

describe("the library", () => {
  it("keeps a driven session open from try to try, and can be cancelled in the middle of one", async () => {
    const folder = lab({ sleep: 300 });
    const driving = await (await openLab(folder)).drive({ probe: false });
    try {
      const { workspace } = await driving.standing();
      edit(workspace, 4);
      expect(await driving.try({ what: "rate 4" })).toMatchObject({ outcome: { decision: "keep" } });
      edit(workspace, 5);
      const cancel = new AbortController();
      const phases: string[] = [];
      const cut = driving.try(
        { what: "rate 5" },
        {
          signal: cancel.signal,
          listener: (event) => {
            phases.push(event.type);
            if (event.type === "run") setTimeout(() => cancel.abort(), 50);
          },
        },
      );
      await expect(cut).rejects.toThrow();
      expect(phases).toContain("run");
      expect(await driving.try({ what: "rate 5 once more" })).toMatchObject({
        kind: "decided",
        outcome: { number: 2, what: "rate 5", decision: "keep" },
      });
      await expect(driving.try({ what: "x".repeat(300) })).rejects.toThrow("200 are allowed");
      // A word from another terminal comes with the next answer, and only with that.
      const { ledger, row } = opened(folder);
      ledger.exec(
        `insert into steering (session_id, text, said_at) values (${row}, 'try smaller steps', ${Date.now()})`,
      );
      ledger.close();
      edit(workspace, 6);
      const told = await driving.try({ what: "rate 6" });
      expect(told.standing.words).toEqual(["try smaller steps"]);
      expect((await whet(workspace, "context")).stdout).toContain("A person says: try smaller steps");
      expect((await driving.try({ what: "nothing" })).standing.words).toEqual([]);
      // The lab is taken meanwhile.
      expect((await whet(folder, "try", "-m", "a", "--because", "b")).stderr).toContain("already running");
    } finally {
      await driving.close();
    }
    expect((await attempt(folder, "nothing")).tried?.kind).toBe("unchanged");
  });
});
