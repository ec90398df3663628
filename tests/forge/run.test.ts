import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { type Finished, repositoryAt, startWith } from "../support/lab.ts";
import { query } from "../support/ledger.ts";
import type { ModelServer } from "../support/modelServer/index.ts";
import { startWorld, type Truth, tasks, writeGoals } from "../support/world/index.ts";

const truth: Truth = {
  base: 0.05,
  need: { said: /count the last row/i, adds: 0.9 },
  harm: { said: /leave out the last row/i, takes: 0.9 },
  seed: 1,
};
const candidate = {
  name: "totals-of-accounts",
  description: "How to write report.json with the total of each account from bookings in a file of data.",
  steps: ["Read the whole file first.", "Count the last row of the file like every other one."],
};

interface Project {
  root: string;
  server: ModelServer;
  whet: (...args: string[]) => Promise<Finished>;
  world: string[];
}

/** A project with goals that teach and goals that test, and its world on loopback; both gone afterwards. */
async function project(use: (project: Project) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "whet forge-"));
  const server = await startWorld(truth, candidate);
  try {
    writeGoals(
      join(root, "lessons"),
      tasks(["january", "february", "march"]),
      server.url,
      (data) => `Sum up ${data}: report.json maps each account to its total.`,
    );
    writeGoals(
      join(root, "suite"),
      tasks(["a1", "b2", "c3", "d4", "e5", "f6", "g7"]),
      server.url,
      (data) => `Write report.json with the total of each account from the bookings in ${data}.`,
    );
    repositoryAt(root, { "suite/README.md": "# What is asked for\n" });
    const whet = (...args: string[]) => startWith({ HOME: root }, root, ...args).finished;
    const world = ["--suite", "suite", "--agent", "model: world/m", "--model", "world/m"];
    await use({ root, server, whet, world: [...world, "--url", `${server.url}/v1`] });
  } finally {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  }
}

const lessons = async ({ whet }: Project, names: readonly string[]) => {
  for (const name of names) await whet("goal", "run", `lessons/${name}.md`, "--single", "--seed", "1");
};

describe.concurrent("the forge on the command line", () => {
  it("goes from goals that were run to a skill that was tested, kept and offered, and its test never teaches", async ({
    expect,
  }) => {
    await project(async (all) => {
      const { whet, world, root } = all;
      await lessons(all, ["january", "february"]);
      const early = await whet("forge", "run", ...world);
      expect(early.stdout).toContain("a skill takes what recurs in at least 3");
      await lessons(all, ["march"]);
      const taught = await whet("forge", "run", ...world.with(1, "lessons"));
      expect([taught.code, taught.stderr]).toEqual([
        2,
        expect.stringMatching(/3 of the \d+ goals of lessons were run before and would teach the skill/),
      ]);
      // It is known before a model is paid for its words.
      expect(query(root, "select count(*) from turns where purpose = 'forge'")).toBe(0);
      const { code, stdout, stderr } = await whet("forge", "run", ...world, "--test-runs", "14");
      expect(code).toBe(0);
      expect(stderr).toContain("no goals, and skipped: README.md");
      expect(stderr).toMatch(
        /counting the traces …[\s\S]*testing totals-of-accounts, version 1 …[\s\S]*run 14: /,
      );
      expect(stdout).toContain("candidate totals-of-accounts");
      expect(query<string>(root, "select claims from skill_versions")).toMatch(
        /Read the whole file first[^\]]*"\d+:\d+"/,
      );
      expect(stdout).toMatch(/totals-of-accounts v1: It helps: \+\d+/);
      expect(stdout).toMatch(/keep as (?:draft|validated|gold)/);
      expect((await whet("forge", "status")).stdout).toContain(
        "test of totals-of-accounts v1 on suite: better",
      );
      expect((await whet("forge", "replay", "1")).stdout).toContain(
        "14 runs give the same verdict again: better",
      );
      expect((await whet("forge", "matrix")).stdout).toMatch(
        /totals-of-accounts v1 {2}bookings {2}.*positive/,
      );
      // Fourteen runs more, and the analysis still knows of three.
      const counts = JSON.parse((await whet("forge", "analyze", "--json")).stdout) as object;
      expect(counts).toMatchObject({ runs: 3, families: ["bookings"] });
      expect((await whet("goal", "list")).stdout.trim().split("\n")).toHaveLength(3);
      const trials = await whet("goal", "list", "--trials", "--json");
      expect(JSON.parse(trials.stdout)).toHaveLength(17);
      expect(query<string>(root, "select group_concat(distinct purpose) from goals where id > 3")).toBe(
        "trial",
      );
      // Who runs one of the suite's goals is told that it does not teach.
      const goal = readdirSync(join(root, "suite")).find((file) => file !== "README.md") as string;
      await whet("goal", "run", join("suite", goal), "--single", "--seed", "1");
      expect((await whet("forge", "analyze")).stdout).toMatch(
        /^3 runs .*\nnot counted: 1 of goals that tests are made of, which must not teach/,
      );
    });
  });

  it("is set to work by goals that end, in a process of its own, within its limits, only when switched on", async ({
    expect,
  }) => {
    await project(async (all) => {
      const { whet, world, root } = all;
      const log = () => {
        const path = join(root, ".whetstone", "forge.log");
        return existsSync(path) ? readFileSync(path, "utf8") : "";
      };
      await lessons(all, ["january", "february"]);
      expect((await whet("forge", "auto", "on", ...world, "--runs", "5", "--every", "3")).code).toBe(0);
      const began = performance.now();
      await lessons(all, ["march"]);
      const ended = performance.now() - began;
      await expect
        .poll(log, { timeout: 120_000, interval: 100 })
        .toContain("stopped after 5 runs: all 5 runs that are allowed were made");
      expect(log()).toContain("testing totals-of-accounts, version 1 …");
      // The goal did not wait for it.
      expect(performance.now() - began).toBeGreaterThan(ended + 200);
      const mark = JSON.parse(readFileSync(join(root, ".whetstone", "forge.mark.json"), "utf8")) as {
        pid: number;
        runs: number;
      };
      expect(mark).toMatchObject({ runs: 3, pid: expect.any(Number) });
      await expect.poll(() => alive(mark.pid), { timeout: 120_000 }).toBe(false);
      expect(query(root, "select count(*) from trials")).toBe(5);
      expect((await whet("forge", "status")).stdout).toMatch(
        /at work on its own after goals[\s\S]*5 runs so far, under way or stopped/,
      );
      // Its own runs are nothing that has happened since; and off is off.
      await whet("forge", "auto", "off");
      const before = log();
      await lessons(all, ["january", "february", "march"]);
      expect(log()).toBe(before);
      expect(query(root, "select count(*) from trials")).toBe(5);
    });
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
