import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git, noisyLab, program, repository, startWith, whet, write } from "./support/lab.ts";

const contract = (run: string, more = "") =>
  program(
    `metric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: ${JSON.stringify(run)}\nbudget: { time: 3s, memory: 200MB, output: 1MB, processes: 40 }\n${more}`,
  );

describe("an evaluator that misbehaves ends the check with what was seen", () => {
  it.each([
    ["a missing command", "no-such-command", /exit code 127/],
    ["one that hangs", "sleep 60", /time limit of 3 s/],
    ["one that prints without end", "yes", /printed more than/],
    ["one that forks without end", "f() { f & f & sleep 1; }; f; sleep 9", /processes|time limit|of memory/],
    ["one that ends without a metric", "echo hello", /no line "loss: <number>"/],
    ["one that prints NaN", "echo loss: nan", /not a finite number/],
    ["one that prints two values", "echo loss: 1; echo loss: 2", /2 different values/],
    [
      "one that needs too much memory",
      `node -e 'const a=[];for(;;)a.push(Buffer.alloc(1e7,1))'`,
      /of memory/,
    ],
    ["one that fails", "echo boom >&2; exit 3", /exit code 3: boom/],
  ])("%s", async (_name, command, message) => {
    const lab = repository({ "train.mjs": "const A = 1;\n", "program.md": contract(command) });
    const checked = await whet(lab, "check");
    expect(checked.code).toBe(1);
    expect(checked.stderr).toMatch(message);
    expect(checked.stderr).not.toMatch(/at .*\.js:\d+/);
  });
});

describe("a candidate that misbehaves is a recorded failure of its experiment", () => {
  it("crashes, hangs and forged output are named, and the session goes on", async () => {
    const lab = repository({
      "train.mjs": [
        "const RATE = 1;",
        "if (RATE > 1) { console.error('diverged'); process.exit(1); }",
        "if (RATE < 1) setInterval(() => {}, 1000);",
        "else console.log(`loss: ${5 - 0.001 * RATE}`);",
        "",
      ].join("\n"),
      "program.md": contract("node train.mjs"),
    });
    const ran = await whet(lab, "run", "--experiments", "6", "--audit", "0", "--seed", "1");
    expect(ran.code).toBe(0);
    const failures = await whet(lab, "failures");
    expect(failures.stdout).toMatch(/diverged/);
    const rows = JSON.parse((await whet(lab, "log", "--json")).stdout) as { status: string }[];
    expect(rows.length).toBeGreaterThan(2);
    expect(rows.map((row) => row.status)).toContain("crash");
  });
});

describe("the repository", () => {
  it("without a commit, bare, or none at all: says what to type", async () => {
    const none = mkdtempSync(join(tmpdir(), "whet-none-"));
    write(none, noisyLab());
    expect(await whet(none, "check")).toMatchObject({ code: 2, stderr: expect.stringMatching(/git init/) });
    git(none, "init", "-q");
    expect(await whet(none, "check")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no commit yet/),
    });
    const bare = mkdtempSync(join(tmpdir(), "whet-bare-"));
    git(bare, "init", "-q", "--bare");
    write(bare, noisyLab());
    expect(await whet(bare, "check")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/bare repository/),
    });
  });

  it("with a detached HEAD and a lab in a sub-folder works like any other", async () => {
    const files = Object.fromEntries(
      Object.entries(noisyLab()).map(([path, text]) => [`ünter lab/${path}`, text]),
    );
    const root = repository({ ...files, "other.txt": "x\n" });
    git(root, "checkout", "-q", "--detach");
    const ran = await whet(
      join(root, "ünter lab"),
      "run",
      "--experiments",
      "4",
      "--audit",
      "2",
      "--seed",
      "1",
    );
    expect(ran.stderr).toBe("");
    expect(ran.code).toBe(0);
  });

  it("names the commands as npx needs them where npx started it", async () => {
    const lab = repository(noisyLab());
    const ran = await startWith({ npm_command: "exec" }, lab, "status").finished;
    expect(ran.stderr).toContain("begin with `npx whet check`; then `npx whet run`, or `npx whet start`");
    expect((await whet(lab, "status")).stderr).toContain(
      "begin with `whet check`; then `whet run`, or `whet start`",
    );
  });

  it("with uncommitted work says that it is not part of what is measured", async () => {
    const lab = repository(noisyLab());
    write(lab, { "train.mjs": "broken(\n", "extra.txt": "x" });
    const checked = await whet(lab, "check");
    expect(checked.code).toBe(0);
    expect(checked.stdout).toMatch(/not committed: extra.txt, train.mjs|not committed: train.mjs, extra.txt/);
    expect(checked.stdout).not.toMatch(/program\.md is used as it lies there/);
    write(lab, { "program.md": noisyLab({ program: "session: {experiments: 1}" })["program.md"] as string });
    const ran = await whet(lab, "run", "--no-probe");
    expect(ran.stdout).toMatch(/^program\.md is used as it lies there, though it is not committed/m);
    expect(ran.stdout).toMatch(/^not part of what is measured, .*train\.mjs/m);
  });

  it("with a submodule leaves it empty and says nothing false", async () => {
    const inner = repository({ "a.txt": "a\n" });
    const lab = repository(noisyLab());
    git(lab, "-c", "protocol.file.allow=always", "submodule", "add", "-q", inner, "sub");
    git(lab, "commit", "-q", "-m", "submodule");
    expect((await whet(lab, "check")).code).toBe(0);
    write(join(lab, "sub"), noisyLab());
    expect(await whet(join(lab, "sub"), "check")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/submodule/),
    });
  });

  it.skipIf(process.getuid?.() === 0)("that cannot be written says so", async () => {
    const lab = repository(noisyLab());
    chmodSync(lab, 0o555);
    const checked = await whet(lab, "check");
    chmodSync(lab, 0o755);
    expect(checked).toMatchObject({ code: 2, stderr: expect.stringMatching(/cannot be written/) });
  });
});

describe("the contract", () => {
  it.each([
    ["an unknown key", "metrik: loss\n", /program\.md:\d+:1: error: unknown key `metrik`.*metric/s],
    ["broken YAML", "goal: [1, 2\n", /program\.md:\d+:\d+: error: this is not valid YAML/],
    [
      "an editable scorer",
      "score: node train.mjs\n",
      /the scorer runs train.mjs, which a candidate may change/,
    ],
    [
      "a path outside",
      "inputs: [/etc]\n",
      /program\.md:\d+:\d+: the input \/etc is a folder of the system as a whole/,
    ],
    [
      "a private path that hides nothing",
      "score: { command: node score.mjs, private: [hiden.json] }\n",
      /the private path hiden.json is not there, so it hides nothing/,
    ],
    ["two stages of one name", "stages: [{name: a, run: b}, {name: a, run: c}]\n", /a is named twice/],
    [
      "a private path whose name is misspelt",
      "score: { command: node score.mjs, private: [measur.pl] }\n",
      /program\.md:\d+:\d+: the private path measur\.pl is not there.*did you mean measure\.pl\?/s,
    ],
  ])("with %s is refused with file, line and column", async (_name, more, message) => {
    const lab = repository(noisyLab({ program: more }));
    const checked = await whet(lab, "check");
    expect(checked.code).toBe(2);
    expect(checked.stderr).toMatch(message);
  });
});

describe("where no lab is", () => {
  const empty = mkdtempSync(join(tmpdir(), "whet-none-"));

  it.each(["status", "log", "report", "doctor", "check"])(
    "%s says so, and where to begin",
    async (command) => {
      const here = await whet(empty, command);
      expect(here.code).toBe(2);
      expect(here.stderr).toMatch(/there is no (lab|program\.md) in .*\n.*`whet init`/);
      const nowhere = await whet(empty, command, join(empty, "nowhere"));
      expect(nowhere.code).toBe(2);
      expect(nowhere.stderr).toContain(`there is no folder ${join(empty, "nowhere")}`);
    },
  );

  it("--json puts the mistake on standard output as one document, whoever finds it", async () => {
    const status = await whet(empty, "status", "--json");
    expect(status.code).toBe(2);
    expect(JSON.parse(status.stdout)).toEqual({
      error: { message: expect.stringContaining("there is no lab"), fix: "begin with `whet init`", code: 2 },
    });
    const tried = await whet(empty, "try", "--json");
    expect(tried.code).toBe(2);
    expect(JSON.parse(tried.stdout).error.message).toContain("--message <what>");
  });

  it.each([
    [["try"], /^whet: required option .*\n +→ write `whet try --message <what>/],
    [["show"], /^whet: missing required argument 'id'\n +→ write `whet show <id>`/],
    [["statu"], /^whet: unknown command 'statu'\n +→ did you mean status\?/],
    [["skill", "nope"], /^whet: unknown command 'nope'\n +→ .*`whet skill/],
  ])("%j has the form of every other mistake", async (args, message) => {
    const result = await whet(empty, ...args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
  });
});

describe("a file that is not there", () => {
  const files = { "initial_program.py": "x = 1\n", "evaluator.py": "def evaluate(path): return {'s': 1}\n" };

  it.each([
    [
      "what may change",
      "metric: s\ndirection: maximize\nchange: [initial_progam.py]\nrun: 'true'\nbudget: 10s",
      /program\.md:4:1: no committed file matches `change: initial_progam\.py`.*did you mean initial_program\.py\?/s,
    ],
    [
      "an evaluator, which nobody called private",
      "metric: s\ndirection: maximize\nchange: [initial_program.py]\nscore: {openevolve: evalutor.py}\nbudget: 10s",
      /program\.md:5:\d+: the evaluator evalutor\.py is not there.*did you mean evaluator\.py\?/s,
    ],
  ])(
    "%s is named with its place and the name that is near, and no session begins",
    async (_, matter, said) => {
      const lab = repository({ ...files, "program.md": program(matter) });
      const checked = await whet(lab, "check");
      expect(checked).toMatchObject({ code: 2, stderr: expect.stringMatching(said) });
      expect((await whet(lab, "status")).stderr).toMatch(/there is no session here yet/);
    },
  );
});

describe("wrong use", () => {
  it.each([
    [["run", "--experiments", "none"], /whole number/],
    [["run", "--for", "soon"], /not a length of time/],
    [["frobnicate"], /unknown command/],
    [["status"], /nothing has been measured/],
    [["show", "9"], /nothing has been measured/],
  ])("%j ends with code 2 and a sentence", async (args, message) => {
    const lab = repository(noisyLab());
    const result = await whet(lab, ...args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
  });
});
