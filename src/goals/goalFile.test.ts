import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAgent } from "./agentFile.ts";
import { parseGoal } from "./goalFile.ts";

const whole = `---
title: Clean the table
family: csv-cleaning
criteria:
  - command: node check.mjs
    weight: 3
    time: 10s
  - file: out.csv
    matches: "^a,b$"
  - output: done
  - The table is easy to read.
files: [in.csv]
protect: check.mjs
tools: read, edit run
agents: [claude, "command: my-agent --flag", tester]
judge: openai/gpt-5
limits: { iterations: 5, time: 1h, tokens: 100000, dollars: 2, taskTime: 10m, parallel: 2 }
threshold: 90
---
# Clean it

Remove what is twice there.
`;

describe("a goal file", () => {
  it("is read with its defaults", () => {
    const { goal, problems } = parseGoal(whole, "/goals/tables/clean.md");
    expect(problems).toEqual([]);
    expect(goal).toMatchObject({
      ...{ title: "Clean the table", family: "csv-cleaning", threshold: 90, tools: ["read", "edit", "run"] },
      criteria: [
        { kind: "command", name: "node check.mjs", weight: 3, time: 10_000 },
        { kind: "file", path: "out.csv", matches: "^a,b$", weight: 1 },
        { kind: "output", contains: "done" },
        { kind: "rubric", text: "The table is easy to read." },
      ],
      limits: { iterations: 5, time: 3_600_000, tokens: 100_000, dollars: 2, taskTime: 600_000, parallel: 2 },
    });
    expect(parseGoal("---\ncriteria: [{file: a}]\n---\nDo a.", "/x/tables/a.md").goal).toMatchObject({
      ...{ title: "Do a.", family: "tables", threshold: 80, limits: { iterations: 50, parallel: 4 } },
    });
  });

  it.each([
    ["title: A\ncriteria:\n  - comand: x\n", 4, 5, "none of the known forms"],
    ["criteria:\n  - command: x\n    weight: -1\n", 4, 5, "criteria.0.weight"],
    ["criteria:\n  - file: x\n    contain: y\n", 4, 5, "criteria.0.contain"],
    ["criteria:\n  - file: ../secret\n", 3, 5, "leads out"],
    ['criteria:\n  - file: a\n    matches: "("\n', 4, 5, "regular expression"],
    ["criteria: [{file: a}]\nlimits:\n  time: soon\n", 4, 3, "not a length of time"],
    ["criteria: [{file: a}]\nthreshold: 120\n", 3, 1, "threshold"],
    ["criteria: [{file: a}, {file: a}]\n", 2, 23, 'called "a"'],
    ["judg: x/y\n", 2, 1, "judg"],
    ["criteria: [{file: a}]\nagents: ['model: gpt']\n", 3, 10, "no agent"],
    ["a: [\n", 3, 1, "YAML"],
    ["title: x\n", 2, 1, "no criterion"],
  ])("says where %j is wrong, and what to write", (yaml, line, column, what) => {
    const { goal, problems } = parseGoal(`---\n${yaml}---\nDo it.\n`);
    expect(goal).toBeNull();
    expect(problems[0]).toMatchObject({ severity: "error", line, column });
    expect(problems[0]?.what).toContain(what);
    expect(problems[0]?.fix).not.toBe("");
  });

  it("hides files and folders, but not everything", () => {
    const given = (hidden: string) =>
      parseGoal(`---\ncriteria: [{ command: sh a/b.sh }]\nhidden: ${hidden}\n---\nDo it.\n`);
    expect(given("[./a/, b.sh]").goal?.hidden).toEqual(["a", "b.sh"]);
    expect(given("c").goal?.hidden).toEqual(["c"]);
    for (const all of ['"."', '"./"', "[a, ./]", '"../x"', "/x"]) expect(given(all).goal, all).toBeNull();
  });

  it("never throws, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (yaml, body) => {
        const { goal, problems } = parseGoal(`---\n${yaml}\n---\n${body}`);
        expect(goal === null).toBe(problems.some(({ severity }) => severity === "error"));
      }),
    );
  });
});

describe("an agent's file", () => {
  it("is read as other tools write it", () => {
    const source = `---\nname: tester\ndescription: Use when tests fail.\ntools: Read, Bash(git:*), mcp__docs__ask\nmodel: sonnet\ncolor: red\n---\nYou test.\n`;
    expect(parseAgent(source, "agents/x.md").agent).toEqual({
      ...{
        name: "tester",
        description: "Use when tests fail.",
        model: null,
        runs: null,
        skills: [],
        prompt: "You test.",
      },
      tools: ["read", "bash", "mcp__docs__ask"],
    });
    expect(
      parseAgent(
        "---\ndescription: d\nmodel: openai/gpt-5\nagent: claude\nskills: [a, b]\n---\n",
        "agents/own.md",
      ).agent,
    ).toMatchObject({ name: "own", model: "openai/gpt-5", runs: "claude", skills: ["a", "b"] });
  });

  it("that says nothing of when it is the right one is told", () => {
    const { agent, problems } = parseAgent("---\nname: x\n---\n", "agents/x.md");
    expect(agent).toBeNull();
    expect(problems[0]).toMatchObject({ line: 2, what: expect.stringContaining("description") });
  });
});
