import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { repository, startWith } from "./support/lab.ts";

const secret = "quiet-Horse+battery/staple";
const judge = "another+Hidden/value99";

/** A run that prints its key in a crash once the knob is changed, and a scorer that wants a key of its own. */
const files = {
  ".gitignore": ".env\n",
  "run.py": [
    "import base64, os, sys",
    "N = 4",
    "key = os.environ['API_KEY']",
    "assert 'JUDGE_KEY' not in os.environ",
    "open(os.environ['OUT'] + '/n', 'w').write(str(N))",
    "if N != 4: sys.exit('401 for ' + key + ' ' + base64.b64encode(('u:' + key).encode()).decode() + ' Authorization: Bearer sk-' + 'proj-AbCdEf0123456789AbCdEf0123456789')",
  ].join("\n"),
  "score.py": [
    "import os",
    `assert len(os.environ['JUDGE_KEY']) == ${judge.length}`,
    "print('v:', open(os.environ['OUT'] + '/n').read())",
  ].join("\n"),
  "program.md": [
    "---",
    "metric: v",
    "direction: minimize",
    "change: [run.py]",
    "run: python3 run.py",
    "score: python3 score.py",
    "env: [{MODE: fast}]",
    "secrets:",
    "  - JUDGE_KEY",
    "  - {name: API_KEY, to: run}",
    "budget: 30s",
    "---",
  ].join("\n"),
};

it("no secret reaches ledger, log, report, briefing or screen, also when a run crashes with it", async () => {
  const folder = repository(files);
  const env = { API_KEY: secret, JUDGE_KEY: judge };
  const said: string[] = [];
  for (const args of [
    ["run", "--no-probe", "--audit", "0", "--experiments", "2"],
    ["report"],
    ["context"],
    ["failures"],
    ["log", "--json"],
  ]) {
    const { code, stdout, stderr } = await startWith(env, folder, ...args).finished;
    expect(code, stderr).toBe(0);
    said.push(stdout, stderr);
  }
  const all = said.join("\n") + everythingBelow(join(folder, ".whetstone"));
  // The crash is on record, and its key is not.
  expect(all).toContain("401 for [key]");
  for (const value of [
    secret,
    judge,
    "sk-proj-AbCdEf0123456789",
    Buffer.from(secret).toString("base64").slice(2, -4),
  ])
    expect(all).not.toContain(value);
});

it("a variable that is not set is told with the place in program.md, before anything is measured", async () => {
  const folder = repository(files);
  const { code, stderr } = await startWith({ API_KEY: secret }, folder, "check").finished;
  expect(code).toBe(2);
  expect(stderr).toMatch(/program\.md:9:5: JUDGE_KEY is not set in your environment/);
  expect(stderr).toContain("export JUDGE_KEY=...");
});

/** The bytes of every file, ledger and journal included. */
function everythingBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");
}
