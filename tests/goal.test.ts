import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { GoalEvent } from "../src/goals/index.ts";
import { git, repository, start, startWith, whet } from "./support/lab.ts";
import { startModelServer } from "./support/modelServer/index.ts";

const goal = (command: string, more = "") => `---
title: Say hello
criteria:
  - file: greeting.txt
    contains: hello
  - command: test "$(cat greeting.txt)" = hello
    weight: 3
agents: ${JSON.stringify([`command: ${command}`])}
limits: { iterations: 2, taskTime: 20s }
${more}---
Write hello into greeting.txt.
`;

it("pursues a goal file with a command as the agent, and shows what came of it", async () => {
  const folder = repository({ "goal.md": goal("cat > /dev/null; echo hello > greeting.txt; echo I did it") });
  const { code, stdout, stderr } = await whet(folder, "goal", "run", "goal.md");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/goal 1: Say hello/);
  expect(stdout).toMatch(/all done: I did it/);
  expect(stdout).toMatch(/goal 1 met: it scored 100\.0 of 100/);
  const branch = /git merge (\S+)/.exec(stdout)?.[1] as string;
  expect(branch).toBe("whetstone/goal/say-hello-1");
  expect(existsSync(join(folder, "greeting.txt"))).toBe(false);
  git(folder, "merge", "-q", branch);
  expect(readFileSync(join(folder, "greeting.txt"), "utf8")).toBe("hello\n");
  expect((await whet(folder, "goal", "list")).stdout).toBe("1  met  100.0  Say hello\n");
  expect((await whet(folder, "goal", "show", "1")).stdout).toMatch(
    /all done: Say hello[\s\S]*100 {2}greeting\.txt/,
  );
  const shown = JSON.parse((await whet(folder, "goal", "show", "1", "--json")).stdout) as { status: string };
  expect(shown.status).toBe("met");
});

it("ends with 1 when the goal is not met, and with 2 and what to do when it cannot begin", async () => {
  const folder = repository({ "goal.md": goal("true"), "bad.md": "---\ntitel: x\n---\nDo.\n" });
  const failed = await whet(folder, "goal", "run", "goal.md");
  expect(failed.code).toBe(1);
  expect(failed.stdout).toContain("goal 1 failed: after 2 iterations it is not met");
  for (const [args, words] of [
    [["run", "make it nice"], "--check"],
    [["run", "make it nice", "--check", "true"], "--agent claude"],
    [["run", "make it nice", "--rubric", "It is nice.", "--agent", "command: true"], "--judge"],
    [["run", "bad.md"], "bad.md:2:1: error: unknown key `titel`"],
    [["run", "none.md"], "cannot be read"],
    [["run", "x", "--check", "true", "--agent", "nobody"], 'no agent "nobody"'],
    [["show", "7"], "no goal 7"],
    [["cancel", "x"], "a number from 1"],
  ] as const) {
    const { code, stderr } = await whet(folder, "goal", ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  }
});

it("is paused, cancelled and resumed from another terminal", async () => {
  const folder = repository({ "goal.md": goal("cat > /dev/null; sleep 1; echo hello > greeting.txt") });
  const running = start(folder, "goal", "run", "goal.md", "--json");
  await expect.poll(running.output, { timeout: 20_000 }).toContain('"running"');
  expect((await whet(folder, "goal", "pause", "1")).stdout).toContain(
    "is paused: the tasks under way are finished",
  );
  expect((await whet(folder, "goal", "list")).stdout).toContain("1  paused");
  const second = await whet(folder, "goal", "resume", "1");
  expect(second.stdout).toContain("goes on in the process that works on it");
  expect((await running.finished).code).toBe(0);
  const events = running
    .output()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as GoalEvent);
  expect(events.at(-2)).toMatchObject({ type: "end", status: "met" });
  const cancelled = start(folder, "goal", "run", "goal.md", "--json");
  await expect.poll(cancelled.output, { timeout: 20_000 }).toContain('"running"');
  expect((await whet(folder, "goal", "cancel", "2")).stdout).toContain("goal 2 is cancelled");
  expect((await cancelled.finished).code).toBe(1);
  expect((await whet(folder, "goal", "resume", "2")).stderr).toContain("was cancelled");
});

it("works with the built-in agent, a planner and a judge of one's own keys", async () => {
  const server = await startModelServer(
    (request) => {
      if (request.system.includes("You plan work"))
        return {
          text: '{"tasks":[{"key":"a","title":"Write","description":"Write it.","tools":["write"],"dependsOn":[]}]}',
        };
      if (request.system.includes("You judge"))
        return { text: '{"criteria":[{"name":"It is kind.","score":90,"explanation":"kind"}]}' };
      if (request.messages.some(({ results }) => results.length > 0)) return { text: "Written." };
      return { tools: [{ op: "write", path: "greeting.txt", content: "hello, dear friend\n" }] };
    },
    { main: () => true },
  );
  onTestFinished(() => server.close());
  const folder = repository({ "a.txt": "a\n" });
  const keys = {
    ...{ ANTHROPIC_API_KEY: "one", ANTHROPIC_BASE_URL: server.url },
    ...{ GEMINI_API_KEY: "two", GOOGLE_GEMINI_BASE_URL: server.url },
  };
  const { code, stdout } = await startWith(
    keys,
    folder,
    ...["goal", "run", "Greet a friend in greeting.txt.", "--model", "anthropic/claude-haiku-4-5"],
    ...[
      "--judge",
      "google/gemini-2.5-flash",
      "--rubric",
      "It is kind.",
      "--check",
      "grep -q hello greeting.txt",
    ],
  ).finished;
  expect(stdout).toContain("scored 95.0 of 100");
  expect(stdout).toMatch(/isolation (?:L0|L2|macos)/);
  expect(stdout).not.toContain("warning:");
  expect(code).toBe(0);
  expect(new Set(server.requests.map(({ protocol }) => protocol))).toEqual(new Set(["messages", "gemini"]));
});

it("lets a model of another family judge where nobody is named, and goes on without a plan where it began so", async () => {
  const server = await startModelServer(
    (request) => {
      if (request.system.includes("You plan work")) return { status: 500 };
      if (request.system.includes("You judge"))
        return { text: '{"criteria":[{"name":"It is kind.","score":90,"explanation":"kind"}]}' };
      return { text: "Dear friend." };
    },
    { main: () => true },
  );
  onTestFinished(() => server.close());
  const folder = repository({ "a.txt": "a\n" });
  const keys = {
    ...{ ANTHROPIC_API_KEY: "one", ANTHROPIC_BASE_URL: server.url },
    ...{ GEMINI_API_KEY: "two", GOOGLE_GEMINI_BASE_URL: server.url, OPENAI_API_KEY: "" },
  };
  const args = ["--model", "anthropic/claude-haiku-4-5", "--rubric", "It is kind."];
  const run = (...more: string[]) => startWith(keys, folder, "goal", ...more).finished;
  const begun = await run("run", "Greet a friend.", ...args, "--single", "--tokens", "1");
  expect(begun.stdout).toContain("goal 1 failed");
  const { code, stdout } = await run("resume", "1", "--tokens", "100000");
  expect(stdout).toMatch(/scored 90\.0 of 100/);
  expect(code).toBe(0);
  const judged = JSON.parse((await run("show", "1", "--json")).stdout) as {
    iterations: { evaluations: { judge: string }[] }[];
  };
  expect(judged.iterations[0]?.evaluations[0]?.judge).toMatch(/^google\/gemini/);
  const named = await run(
    "run",
    "Greet a friend.",
    ...args,
    "--single",
    "--judge",
    "anthropic/claude-sonnet-4-5",
  );
  expect(named.stdout).toMatch(/warning: the judge anthropic\/claude-sonnet-4-5 is of the same family as/);
});

it("takes the address of a server of one's own, and says how where a provider is not known", async () => {
  const server = await startModelServer(
    (request) =>
      request.messages.some(({ results }) => results.length > 0)
        ? { text: "Written." }
        : { tools: [{ op: "write", path: "greeting.txt", content: "hello" }] },
    { main: () => true },
  );
  onTestFinished(() => server.close());
  const folder = repository({ "a.txt": "a\n" });
  const run = [
    "goal",
    "run",
    "Greet.",
    "--check",
    "test -s greeting.txt",
    "--single",
    "--model",
    "mine/tiny",
  ];
  const unknown = await whet(folder, ...run);
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringContaining("--url http://127.0.0.1:11434"),
  ]);
  const { code, stdout } = await whet(folder, ...run, "--url", `${server.url}/v1`);
  expect([code, stdout]).toEqual([0, expect.stringContaining("it scored 100.0 of 100")]);
  const nobody = await whet(folder, "goal", "run", "x", "--check", "true", "--url", server.url);
  expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining("--model provider/name")]);
});

it("says what a goal does not begin with", async () => {
  const folder = repository({ "goal.md": goal("echo hello > greeting.txt") });
  writeFileSync(join(folder, "draft.txt"), "not committed");
  const dirty = await whet(folder, "goal", "run", "goal.md");
  expect(dirty.stdout).toContain("note: not part of the work, since it is not committed: draft.txt");
  const bare = mkdtempSync(join(tmpdir(), "whet-bare-"));
  onTestFinished(() => rmSync(bare, { recursive: true, force: true }));
  writeFileSync(join(bare, "goal.md"), goal("echo hello > greeting.txt"));
  const outside = await whet(bare, "goal", "run", "goal.md");
  expect(outside.stdout).toContain("is no git repository");
  expect(outside.stdout).toContain("begins with an empty folder");
});
