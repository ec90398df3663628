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
  await expect.poll(running.output, { timeout: 120_000 }).toContain('"running"');
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
  await expect.poll(cancelled.output, { timeout: 120_000 }).toContain('"running"');
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

/** What a goal's hidden check says of work that an agent (a shell script) leaves. */
async function judged(
  given: { command: string; hidden: string[]; files: Record<string, string>; agent: string },
  isolation: string[] = [],
) {
  const agent = Buffer.from(given.agent).toString("base64");
  const folder = repository({
    ...given.files,
    "numbers.json": "[1,2,3]\n",
    "goal.md": [
      "---\ntitle: Write the sum",
      `criteria:\n  - command: ${given.command}`,
      `hidden: ${JSON.stringify(given.hidden)}`,
      "limits: { iterations: 1, time: 2m }\n---\nWrite the sum of numbers.json into out.json.\n",
    ].join("\n"),
  });
  const ran = await whet(
    folder,
    ...["goal", "run", "goal.md", "--single", "--json", ...isolation],
    ...["--agent", `command: sh -c 'cat > /dev/null; echo ${agent} | base64 -d | sh'`],
  );
  const last = JSON.parse(ran.stdout.trim().split("\n").at(-1) as string) as {
    score: number;
    criteria: { channel: string; explanation: string }[];
  };
  return {
    score: last.score,
    channel: last.criteria[0]?.channel,
    explanation: last.criteria[0]?.explanation,
  };
}

const sum =
  "import json\nassert json.load(open('out.json')) == sum(json.load(open('numbers.json'))), 'wrong'\n";
const inPython = { command: "python3 check.py", hidden: ["check.py"], files: { "check.py": sum } };
const leave = "import os\\nos._exit(0)\\n";

it("a hidden check is not answered by what the work leaves beside it, under whatever name", async () => {
  expect(await judged({ ...inPython, agent: "echo 6 > out.json" })).toMatchObject({
    score: 100,
    channel: "scored",
  });
  for (const name of [
    "json.py",
    "json/__init__.py",
    "sitecustomize.py",
    "usercustomize.py",
    "encodings/__init__.py",
  ]) {
    const folder = name.includes("/") ? `mkdir ${name.split("/")[0]}; ` : "";
    expect(
      await judged({ ...inPython, agent: `echo 7 > out.json; ${folder}printf '${leave}' > ${name}` }),
    ).toMatchObject({
      score: 0,
      explanation: expect.stringContaining("wrong") as string,
    });
  }
});

it("nor one in a folder, one that brings modules of its own, or one that stands in the goal file", async () => {
  const files = {
    "checks/check.py":
      "from want import wanted\nimport json\nassert json.load(open('out.json')) == wanted, 'wrong'\n",
    "checks/want.py": "wanted = 6\n",
  };
  for (const command of ["python3 checks/check.py", "cd . && python3 ./checks/check.py"]) {
    const check = { command, hidden: ["checks"], files };
    expect((await judged({ ...check, agent: "echo 6 > out.json" })).score).toBe(100);
    const cheat = `echo 7 > out.json; printf '${leave}' > json.py; mkdir -p checks; cp json.py checks/; echo wanted=7 > want.py`;
    expect((await judged({ ...check, agent: cheat })).score).toBe(0);
  }
  const spoken = {
    command: `python3 -c "import json; assert json.load(open('out.json')) == 6"`,
    hidden: [],
    files: {},
  };
  expect((await judged({ ...spoken, agent: "echo 6 > out.json" })).score).toBe(100);
  expect((await judged({ ...spoken, agent: `echo 7 > out.json; printf '${leave}' > json.py` })).score).toBe(
    0,
  );
});

it("what the work is loaded into says so: it could end the check with success", async () => {
  const check = {
    command: "python3 check.py",
    hidden: ["check.py"],
    files: {
      "check.py": "import os, sys\nsys.path.append(os.getcwd())\nimport answer\nassert answer.value == 6\n",
    },
  };
  expect(await judged({ ...check, agent: "echo value=6 > answer.py" })).toMatchObject({
    score: 100,
    channel: "self-reported",
  });
  const strict = { ...check, files: { "check.py": "import answer\n" } };
  expect(await judged({ ...strict, agent: "echo value=6 > answer.py" })).toMatchObject({
    score: 0,
    explanation: expect.stringMatching(/sys\.path\.append/) as string,
  });
});
