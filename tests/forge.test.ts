import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLedger, trialsOf } from "../src/ledger/index.ts";
import { type ModelServer, startModelServer } from "./support/modelServer/index.ts";

const run = promisify(execFile);
const cli = new URL("../bin/whet.cjs", import.meta.url).pathname;
let root: string;
let server: ModelServer;
let delayMs = 0;
beforeEach(async () => {
  delayMs = 0;
  root = mkdtempSync(join(tmpdir(), "forge-"));
  server = await startModelServer(
    (request) => {
      const told =
        request.system + request.messages.flatMap(({ results }) => results.map(({ text }) => text)).join();
      const tool = request.tools.find(({ name }) => name === "load_skill");
      const letter = /letter/.test(request.messages[0]?.text ?? "");
      if (tool && letter && !request.messages.some(({ results }) => results.length > 0))
        return { tools: [{ name: "load_skill", args: { name: "closing-words" } }], delayMs };
      return { text: /AMEN/.test(told) ? "It is done. AMEN" : "It is done.", delayMs };
    },
    { main: () => true },
  );
  const skill = join(root, "closing-words");
  mkdirSync(join(skill, "evals"), { recursive: true });
  writeFileSync(
    join(skill, "SKILL.md"),
    "---\nname: closing-words\ndescription: Closing words of letters. Use it when you write a letter.\n---\n\nEnd with the word AMEN.\n",
  );
  const evals = ["Ada", "Bob", "Cy", "Dee", "Eva", "Flo"].map((name, index) => ({
    id: index + 1,
    prompt: `Write letter ${index} to ${name}.`,
    files: [],
    ...(index % 2 === 0
      ? { expectations: [{ output: { matches: "AMEN$" } }] }
      : { assertions: [{ output: { matches: "AMEN$" } }] }),
  }));
  writeFileSync(join(skill, "evals", "evals.json"), JSON.stringify({ skill_name: "closing-words", evals }));
});
afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const whet = (...args: string[]) =>
  run(process.execPath, [cli, ...args], { cwd: root, env: { ...process.env, NO_COLOR: "1" } });
const world = () => ["--model", "local/m", "--url", `${server.url}/v1`];

describe("whet skill test", () => {
  it("says of a folder with evals/evals.json whether the skill helps, and writes a page", async () => {
    const { stdout } = await whet(
      "skill",
      "test",
      "closing-words",
      ...world(),
      "--test-runs",
      "12",
      "--json",
    );
    const report = JSON.parse(stdout) as { page: string };
    expect(report).toMatchObject({
      ...{ kind: "ended", skill: "closing-words", version: 1 },
      verdict: { outcome: "better", kept: true, loaded: { control: 0, treatment: 1 } },
      trigger: { sensitivity: 1, specificity: 1 },
    });
    const page = readFileSync(report.page, "utf8");
    expect(page).toContain("It helps: +100.0 points");
    expect(page).not.toContain("<script");
    const text = page.replaceAll(/<style>.*<\/style>/g, "").replaceAll(/<[^>]+>/g, " ");
    expect(text).toMatch(
      /\+100\.0 points \(92 % \+[\d.]+ to \+100\.0\), over 6 goals and 6 pairs of runs; p 0\.016/,
    );
    expect(text).toContain("p: how often a skill that does nothing would look at least this good");
    expect(text).toMatch(/#1, \d{4}-\d\d-\d\d\s+Suite closing-words: 6 goals\. Alpha 0\.04\./);
    expect(text).toMatch(
      /12 runs\s+Cost in dollars not known, \d+ tokens, [\d.]+ (ms|s)\. 33 tries of when it is read/,
    );
    expect(text).toContain("Both arms had the rest of the library.");
    expect(text).toMatch(
      /In dollars not known: the runs did not say\. \d+ tokens a run without, \d+ tokens with\./,
    );
    expect(text).toContain("useful calls of all calls");
    expect(page).toContain('<th class="num">without</th>');
    const again = await whet("forge", "status");
    expect(again.stdout).toContain("#1 test of closing-words v1 on closing-words: better by 100 points");
    expect(again.stdout).toMatch(
      /#2 trigger of closing-words v1 on triggers: It was asked all 6 questions that call for it, and read at 6\./,
    );
    expect((await whet("forge", "matrix")).stdout).toContain("positive");
    expect((await whet("forge", "replay", "1")).stdout).toContain("give the same verdict again: better");
  });

  it("keeps the page of each version, and shows the newest under the skill's name", async () => {
    const test = async () => {
      const args = [
        "skill",
        "test",
        "closing-words",
        ...world(),
        "--test-runs",
        "12",
        "--no-trigger",
        "--json",
      ];
      return JSON.parse((await whet(...args)).stdout) as { page: string; kept: string };
    };
    const first = await test();
    const before = readFileSync(first.kept, "utf8");
    expect(readFileSync(first.page, "utf8")).toBe(before);
    appendFileSync(join(root, "closing-words", "SKILL.md"), "\nBe brief, too.\n");
    const second = await test();
    expect(second.page).toBe(first.page);
    expect([first.kept, second.kept]).toEqual([1, 2].map((n) => first.page.replace(".html", `-v${n}.html`)));
    expect(readFileSync(first.kept, "utf8")).toBe(before);
    expect(readFileSync(second.page, "utf8")).toContain("Be brief, too.");
  });

  it("goes on after a kill -9, and makes no run twice", async () => {
    delayMs = 60;
    const child = execFile(
      process.execPath,
      [cli, "skill", "test", "closing-words", ...world(), "--test-runs", "12"],
      {
        cwd: root,
      },
    );
    const ledgerPath = join(root, ".whetstone", "ledger.db");
    const recorded = async () => {
      const ledger = await openLedger(ledgerPath);
      const trials = await trialsOf(ledger, 1).catch(() => []);
      await ledger.close();
      return trials.length;
    };
    for (let waited = 0; waited < 300 && server.requests.length < 8; waited++) await sleep(100);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.on("close", resolve));
    const before = await recorded();
    expect(before).toBeGreaterThan(0);
    delayMs = 0;
    const { stdout, stderr } = await whet(
      "skill",
      "test",
      "closing-words",
      ...world(),
      "--test-runs",
      "12",
      "--no-trigger",
    );
    expect(stderr).toContain(`${before} runs are on record already`);
    expect(stdout).toContain("It helps");
    // Neither the recorded runs nor the one that the kill left behind are anybody's goals.
    expect((await whet("goal", "list")).stdout).toContain("no goals yet");
    expect((await whet("forge", "analyze", "--json")).stdout).toContain('"runs": 0');
  });

  it("stops at its limit, says that nothing is lost, and names what is missing", async () => {
    const limited = await whet("skill", "test", "closing-words", ...world(), "--runs", "2");
    expect(limited.stdout).toContain("stopped after 2 runs: all 2 runs that are allowed were made");
    expect(limited.stdout).toContain("with a higher limit goes on with evaluation #1");
    const less = await whet("skill", "test", "closing-words", ...world(), "--runs", "1");
    expect(less.stdout).toContain(
      "stopped after 2 runs: 2 runs are made, those of earlier calls among them, and 1 are allowed",
    );
    const refusing = await startModelServer(() => ({ status: 401, message: "who are you" }), {
      main: () => true,
    });
    const barred = whet(
      ...["skill", "test", "closing-words", "--model", "local/n", "--url", `${refusing.url}/v1`],
    );
    await expect(barred).rejects.toMatchObject({ code: 1 });
    await refusing.close();
    expect((await whet("forge", "status")).stdout.split("\n").slice(1, 3)).toEqual([
      "#2 test of closing-words v1 on closing-words: it was asked for, and no run of it was made",
      "#1 test of closing-words v1 on closing-words: 2 runs so far, under way or stopped; the same command goes on with it",
    ]);
    await expect(whet("skill", "test", "closing-words")).rejects.toMatchObject({
      stderr: expect.stringContaining("nobody is named to run the goals"),
    });
    await expect(whet("skill", "test", "nowhere/at-all", ...world())).rejects.toMatchObject({
      stderr: expect.stringContaining("holds no SKILL.md"),
    });
  });
});

describe("whet forge", () => {
  it("analyses an empty ledger without a complaint, and works on its own only when told to, within limits", async () => {
    expect((await whet("forge", "analyze")).stdout).toContain("0 runs");
    await expect(whet("forge", "auto", "on", "--suite", "s")).rejects.toMatchObject({
      stderr: expect.stringContaining("without model"),
    });
    const on = ["--suite", "closing-words", "--model", "local/m"];
    await expect(whet("forge", "auto", "on", ...on)).rejects.toMatchObject({
      stderr: expect.stringContaining("needs a limit"),
    });
    await whet("forge", "auto", "on", ...on, "--runs", "50");
    expect((await whet("forge", "status")).stdout).toContain(
      "at work on its own after goals: suite closing-words, agent model: local/m",
    );
    await whet("forge", "auto", "off");
    expect((await whet("forge", "status")).stdout).toContain("not at work on its own");
  });

  it("calibrates a suite", async () => {
    const { stdout } = await whet("forge", "calibrate", "closing-words", ...world(), "--replicates", "1");
    expect(stdout).toContain("mean score 0.0");
  });
});
