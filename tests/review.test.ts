import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLab, type SessionEvent } from "../src/index.ts";
import { json, knobs, log, type Status, status } from "./support/knobs.ts";
import { git, program, repository, start, typed, whet } from "./support/lab.ts";

describe("an implausible gain", () => {
  const plausible = (bound: number) =>
    knobs("", {
      "program.md": program(
        `metric: { name: loss, direction: minimize, plausible: ${bound} }\nchange: [knobs.json]\nrun: "true"\nscore: perl score.pl\nbudget: 10s`,
      ),
    });

  it("is measured again, kept in doubt and listed; a rejection takes it back with what was built on it", async () => {
    const folder = repository(plausible(4));
    expect((await whet(folder, "run", "--experiments", "25", "--seed", "1")).code).toBe(0);
    const before = await status(folder);
    const [first] = before.waiting;
    if (first === undefined) throw new Error("nothing was doubted");
    const listed = await whet(folder, "review");
    expect(listed.stdout).toMatch(/beyond 4, which no honest result passes/);
    const keeps = (await log(folder)).filter((row) => row.status === "keep");
    expect(git(folder, "log", "--format=%B", before.branch)).toMatch(/Waits for review: /);
    const kept = keeps.filter((row) => row.id < first).length;

    const rejected = await whet(folder, "review", "--reject", String(first), "--note", "too good");
    expect(rejected.code).toBe(0);
    const after = await status(folder);
    expect(after.tally.keeps).toBe(kept);
    expect(after.waiting).toEqual([]);
    expect(after.audit).toBeNull();
    // What went with it is asked about no more, and nothing is left to be mended.
    expect(
      (await json<{ keeps: { verdict: string }[] }>(folder, "review")).keeps.map((keep) => keep.verdict),
    ).toEqual(["reject"]);
    expect((await whet(folder, "doctor")).stdout).toMatch(/all is well/);
    const built = before.waiting.find((number) => number > first);
    const alone = await whet(folder, "review", "--accept", String(built));
    expect(alone.code).toBe(2);
    expect(alone.stderr).toMatch(/for a person to say/);
    expect((await typed(folder, "review", "--accept", String(built))).stdout.replace(/\s+/g, " ")).toMatch(
      /has been taken back already/,
    );
    const rows = await log(folder);
    expect(rows.find((row) => row.id === first)?.reason).toBe("rejected by review: too good");
    // The branch holds the state before it, and its history what happened.
    const knobsOf = (ref: string) => git(folder, "show", `${ref}:knobs.json`);
    const commits = git(folder, "log", "--format=%H %s", before.branch).trim().split("\n");
    expect(commits[0]).toMatch(/Take back #/);
    const parent = git(
      folder,
      "log",
      "--format=%H",
      "--grep",
      `^Whetstone-Experiment: ${first}$`,
      before.branch,
    ).trim();
    expect(knobsOf(before.branch)).toBe(knobsOf(`${parent}^`));
    expect((await whet(folder, "replay")).stdout).toMatch(/all agree/);

    const on = await whet(folder, "run", "--experiments", String(before.tally.all + 4), "--audit", "2");
    expect(on.stderr).toBe("");
    expect(on.code).toBe(0);
    expect((await whet(folder, "replay")).stdout).toMatch(/all agree/);
    expect((await whet(folder, "review", "--reject", String(first))).code).toBe(2);
  });

  it("is accepted by a person and then is a keep like any other", async () => {
    const folder = repository(plausible(4));
    expect((await whet(folder, "run", "--experiments", "25", "--seed", "1", "--audit", "2")).code).toBe(0);
    const { waiting, tally, branch } = await status(folder);
    const tip = git(folder, "rev-parse", branch);
    for (const number of waiting) {
      // Two people at once: one of them is told that the other has been there.
      const both = await Promise.all(
        ["--accept", "--accept"].map((verdict) => typed(folder, "review", verdict, String(number))),
      );
      expect(new Set(both.map((ran) => ran.code))).toEqual(new Set([0, 2]));
      expect(both.map((ran) => ran.stdout).join("")).toMatch(/has been reviewed already/);
    }
    const after = await status(folder);
    expect(after.waiting).toEqual([]);
    expect(after.tally.keeps).toBe(tally.keeps);
    expect(git(folder, "rev-parse", branch)).toBe(tip);
  });

  it("is taken back though the session that runs makes no further proposal", async () => {
    const folder = repository(plausible(4));
    const lab = await openLab(folder);
    // A process of its own, while this one has the lab: it can leave the branch only to us.
    const now = (...args: string[]) =>
      execFileSync(process.execPath, [join(import.meta.dirname, "..", "bin", "whet.cjs"), ...args], {
        cwd: folder,
        encoding: "utf8",
      });
    let rejected: number | undefined;
    const onEvent = (event: SessionEvent) => {
      if (event.type !== "phase" || event.phase !== "audit" || rejected !== undefined) return;
      [rejected] = (JSON.parse(now("status", "--json")) as Status).waiting;
      now("review", "--reject", String(rejected));
    };
    await lab.run({ experiments: 25, seed: 1, probe: false, auditPairs: 2, onEvent });
    expect(rejected).toBeGreaterThan(0);
    const { branch, audit } = await status(folder);
    expect(git(folder, "log", "-1", "--format=%s", branch)).toMatch(/Take back #/);
    expect(audit).toBeNull();
  });

  it("is taken back while the session runs", async () => {
    const folder = repository(plausible(4));
    const running = start(folder, "run", "--experiments", "100000", "--audit", "0", "--seed", "1");
    while (!running.output().includes("waits for review")) await new Promise((r) => setTimeout(r, 30));
    const { waiting } = await status(folder);
    const rejected = await whet(folder, "review", "--reject", String(waiting[0]));
    expect(rejected.stderr).toBe("");
    await new Promise((r) => setTimeout(r, 1500));
    running.child.kill("SIGINT");
    expect((await running.finished).code).toBe(0);
    expect((await whet(folder, "replay")).stdout).toMatch(/all agree/);
    const { branch } = await status(folder);
    expect(git(folder, "log", "--format=%s", branch)).toMatch(/Take back #/);
  });
});
