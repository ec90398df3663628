import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { formatProblem, jsonSchema, parseProgram } from "./index.ts";

const least = { metric: "val_bpb", direction: "minimize", change: ["train.ts"], run: "node train.ts" };

function file(matter: string | Record<string, unknown>, body = ""): string {
  return `---\n${typeof matter === "string" ? matter : stringify(matter)}---\n${body}`;
}

function contractOf(matter: Record<string, unknown>, body = "") {
  const { program, problems } = parseProgram(file({ ...least, ...matter }, body));
  expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
  if (!program) throw new Error("no program");
  return program.contract;
}

/** The problems as a person sees them. */
function said(matter: string | Record<string, unknown>, options = {}): string[] {
  const text = file(typeof matter === "string" ? matter : { ...least, ...matter });
  return parseProgram(text, options).problems.map((problem) => formatProblem("program.md", problem));
}

/** The errors only; most contracts here have no scorer, which is a warning of its own. */
function errors(matter: string | Record<string, unknown>, options = {}): string[] {
  return said(matter, options).filter((line) => line.includes(": error: "));
}

describe("a valid contract", () => {
  test("the shortest form gets every default", () => {
    expect(contractOf({})).toEqual({
      goal: "improve val_bpb",
      metric: { name: "val_bpb", direction: "minimize", minEffect: 0 },
      guards: [],
      change: ["train.ts"],
      run: "node train.ts",
      budget: {
        time: 300_000,
        memory: 4 * 2 ** 30,
        processes: 256,
        fileSize: 2 ** 30,
        disk: 4 * 2 ** 30,
        output: 16 * 2 ** 20,
        network: false,
      },
      checks: [],
      inputs: [],
      env: [],
      secrets: [],
      models: [],
      caches: [],
      tree: "read-only",
      write: [],
      stages: [],
      onDivergence: "warn",
      session: {},
      researchers: [{ kind: "search", name: "search", share: 1, options: {} }],
      briefing: { tokens: 24_000 },
      stuck: { refine: 5, redirect: 10, rewind: 20 },
      decision: { preset: "balanced", parameters: { outlier: 0.01, retries: 3 } },
      isolation: "best",
      parallel: 1,
    });
  });

  test("the long form is read with its units", () => {
    expect(
      contractOf({
        goal: "lower",
        metric: { name: "bits", direction: "minimize", unit: "bits/byte", target: 0.5, minEffect: 0.001 },
        direction: "minimize",
        change: "src/**/*.ts",
        score: {
          command: "node score.mjs",
          answer: "node src/model.ts --answer",
          copies: 2,
          private: ["hidden.json", "../shared/secret.bin"],
          time: "2m",
        },
        budget: {
          time: "1h30m",
          memory: "512MB",
          cpus: 2,
          processes: 9,
          fileSize: "1GiB",
          disk: 1000,
          output: "1kB",
          network: false,
        },
        setup: { run: "node prepare.mjs", time: "500ms", network: true },
        checks: ["npm test", { run: "npx tsc --noEmit", time: 30 }],
        guards: [
          { name: "peak", clock: "memory", tolerance: "5%" },
          { name: "accuracy", direction: "maximize", min: 0.9, tolerance: 0.1 },
          { name: "bundle", clock: "size dist/app.js", max: "2MB" },
        ],
        inputs: "data",
        write: ["build"],
        stages: [
          { name: "depth12", run: "node train.ts 12", budget: { time: "10s" } },
          { name: "depth18", run: "node train.ts 18", decides: true },
        ],
        holdout: {
          score: "node score.mjs --holdout",
          private: "holdout.json",
          looks: 20,
          sealed: { score: "node score.mjs --sealed", private: "sealed.json" },
        },
        onDivergence: "stop",
        session: { experiments: 100, time: "8h" },
        researcher: { name: "search", knobs: ["lr*"] },
        decision: { preset: "strict", alpha: 0.01, maxPairs: 4 },
        isolation: "required",
      }),
    ).toEqual({
      goal: "lower",
      metric: { name: "bits", direction: "minimize", unit: "bits/byte", target: 0.5, minEffect: 0.001 },
      change: ["src/**/*.ts"],
      run: "node train.ts",
      score: {
        command: "node score.mjs",
        pipe: false,
        answer: "node src/model.ts --answer",
        copies: 2,
        network: false,
        private: ["hidden.json", "../shared/secret.bin"],
        time: 120_000,
      },
      budget: {
        time: 5_400_000,
        memory: 512 * 2 ** 20,
        cpus: 2,
        processes: 9,
        fileSize: 2 ** 30,
        disk: 1000,
        output: 1024,
        network: false,
      },
      setup: { command: "node prepare.mjs", time: 500, network: true },
      checks: [
        { command: "npm test", time: 5_400_000, network: false },
        { command: "npx tsc --noEmit", time: 30_000, network: false },
      ],
      guards: [
        {
          name: "peak",
          direction: "minimize",
          tolerance: { absolute: 0, relative: 0.05 },
          clock: { kind: "memory" },
        },
        { name: "accuracy", direction: "maximize", min: 0.9, tolerance: { absolute: 0.1, relative: 0 } },
        {
          name: "bundle",
          direction: "minimize",
          max: 2 * 2 ** 20,
          tolerance: null,
          clock: { kind: "size", path: "dist/app.js" },
        },
      ],
      inputs: ["data"],
      env: [],
      secrets: [],
      models: [],
      caches: [],
      tree: "read-only",
      write: ["build"],
      stages: [
        { name: "depth12", run: "node train.ts 12", decides: false, budget: { time: 10_000 } },
        { name: "depth18", run: "node train.ts 18", decides: true },
      ],
      holdout: {
        score: "node score.mjs --holdout",
        private: ["holdout.json"],
        looks: 20,
        sealed: { score: "node score.mjs --sealed", private: ["sealed.json"] },
      },
      onDivergence: "stop",
      session: { experiments: 100, time: 28_800_000 },
      researchers: [{ kind: "search", name: "search", share: 1, options: { knobs: ["lr*"] } }],
      briefing: { tokens: 24_000 },
      stuck: { refine: 5, redirect: 10, rewind: 20 },
      decision: { preset: "strict", parameters: { outlier: 0.01, retries: 3, alpha: 0.01, maxPairs: 4 } },
      isolation: "required",
      parallel: 1,
    });
  });

  test("a control arm is a share, and does nothing beside the search itself", () => {
    expect(contractOf({ control: "20%" }).control).toBe(0.2);
    expect(contractOf({ control: 0.5 }).control).toBe(0.5);
    expect(errors({ control: "95%" })[0]).toMatch(/no share from 0 to 90%/);
    expect(errors({ control: "much" })[0]).toMatch(/no share/);
  });

  test("a stage's budget may be a duration alone, as the lab's own", () => {
    const stage = { name: "small", run: "node small.ts", budget: "2s" };
    expect(contractOf({ stages: [stage] }).stages[0]?.budget).toEqual({ time: 2000 });
    expect(errors({ stages: [{ ...stage, budget: "soon" }] })[0]).toMatch(
      /`stages.0.budget` is not a length of time/,
    );
  });

  test("stages have names of their own, and none comes after the one that decides", () => {
    const stage = { name: "small", run: "node train.ts 1" };
    expect(errors({ stages: [stage, stage] })[0]).toMatch(/small is named twice/);
    expect(
      errors({
        stages: [
          { ...stage, decides: true },
          { ...stage, name: "mid" },
        ],
      })[0],
    ).toMatch(/would never be run/);
  });

  test("a plain scorer gets the run's time, and at least a minute", () => {
    expect(contractOf({ score: "node score.ts", budget: "30s" }).score).toEqual({
      command: "node score.ts",
      pipe: false,
      copies: 1,
      network: false,
      private: [],
      time: 60_000,
    });
    expect(contractOf({ score: "node score.ts", budget: "5m" }).score?.time).toBe(300_000);
    expect(contractOf({ setup: "node prepare.ts" }).setup?.time).toBe(600_000);
  });

  test("the goal comes from the first heading where none is written", () => {
    expect(contractOf({}, "\ntext\n\n#  Make it fast \n").goal).toBe("Make it fast");
    expect(contractOf({ goal: "a\nb" }).goal).toBe("a b");
  });

  test("a clocked metric needs no direction", () => {
    const { program } = parseProgram(
      file({ change: "a.js", run: "node main.js", metric: { name: "seconds", clock: "wall" } }),
    );
    expect(program?.contract.metric).toEqual({
      name: "seconds",
      direction: "minimize",
      minEffect: 0,
      clock: { kind: "wall" },
    });
  });

  test("Windows line ends, a byte order mark and rules in the text below change nothing", () => {
    const text = file(least, "First.\n\n---\n\nSecond.\n");
    const plain = parseProgram(text).program;
    const windows = parseProgram(`\uFEFF${text.replaceAll("\n", "\r\n")}`).program;
    expect(plain?.instructions).toBe("First.\n\n---\n\nSecond.");
    expect(windows?.contract).toEqual(plain?.contract);
    expect(windows?.instructions).toBe(plain?.instructions);
    expect(windows?.hash).not.toBe(plain?.hash);
  });

  test("a self-reported metric and the network are warned about, and read", () => {
    const { program, problems } = parseProgram(file({ ...least, budget: { time: 30, network: true } }));
    expect(program).not.toBeNull();
    expect(problems.map(({ severity, line }) => [severity, line])).toEqual([
      ["warning", 2],
      ["warning", 9],
    ]);
    expect(problems[0]?.what).toContain("self-reported");
    expect(problems[1]?.what).toContain("network");
  });
});

describe("an evaluator of another tool", () => {
  const foreign = (score: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    contractOf({ direction: undefined, run: undefined, change: ["program.py"], score, ...more });

  test("needs a metric, what may change, and its name", () => {
    const { run, score, metric } = foreign({ openevolve: "./eval/evaluator.py" });
    expect(metric.direction).toBe("maximize");
    expect(run).toContain("whetstone_candidate.py");
    expect(score).toEqual({
      command:
        'exec sh "$WHETSTONE_SHIM/python" "$WHETSTONE_SHIM/whetstone_scorer.py" --metric val_bpb openevolve ./eval/evaluator.py',
      evaluator: { kind: "openevolve", target: "./eval/evaluator.py", inProcess: false },
      ...{ pipe: true, copies: 1, network: false, private: ["eval/evaluator.py"], time: 300_000 },
    });
  });

  test("is asked after a run of the contract's own", () => {
    const { run, score } = foreign(
      { shinka: "evaluate.py", private: "cases.json" },
      { run: "python train.py" },
    );
    expect(run).toBe("python train.py");
    expect(score).toMatchObject({ pipe: false, private: ["evaluate.py", "cases.json"] });
    expect(score?.answer).toContain("whetstone_candidate.py");
  });

  test("runs as it is where the contract says so, with a warning", () => {
    const { run, score } = foreign({ gepa: "my.judge:evaluate", inProcess: true });
    expect(run).toBe("true");
    expect(score).toMatchObject({ pipe: false, private: ["my/judge.py"] });
    expect(score?.answer).toBeUndefined();
    expect(score?.command).toContain("--in-process");
    expect(said({ run: undefined, score: { openevolve: "e.py", inProcess: true } })).toEqual([
      expect.stringContaining("labelled self-reported"),
    ]);
  });

  test("is one word of the command, whatever its name", () => {
    const { score } = foreign({ python: "it's $(here).py:evaluate" }, { direction: "minimize" });
    expect(score?.command).toContain("python 'it'\\''s $(here).py:evaluate'");
  });

  test("may not be editable, nor judge what is not, nor have stages without a run", () => {
    const wrong = (score: Record<string, unknown>, more = {}) =>
      errors({ run: undefined, change: ["*.py"], score, ...more });
    expect(wrong({ openevolve: "evaluator.py" })).toEqual([
      expect.stringContaining("the evaluator evaluator.py may be changed by a candidate"),
    ]);
    expect(wrong({ openevolve: "e/e.py", program: "data.txt" })).toEqual([
      expect.stringContaining("the program data.txt is none that a candidate may change"),
    ]);
    expect(wrong({ openevolve: "e/e.py" }, { stages: [{ name: "a", run: "true" }] })).toEqual([
      expect.stringContaining("stages are cheaper forms of `run`"),
    ]);
    expect(errors({ run: undefined, direction: undefined, score: { python: "e.py:f" } })).toEqual([
      expect.stringContaining("which way the metric is better"),
    ]);
  });
});

describe("what is wrong is said with its place and what to write instead", () => {
  test.each([
    ["no front matter", "# just text\n", "program.md:1:1: error: there is no front matter."],
    ["an empty file", "", "program.md:1:1: error: there is no front matter."],
    [
      "JavaScript front matter",
      "---js\n{ run: process.exit() }\n---\n",
      "program.md:1:1: error: the front matter begins with `---js`",
    ],
    ["no end", "---\nmetric: a\n", "program.md:1:1: error: the front matter has no end."],
    ["an empty front matter", "---\n---\n", "program.md:2:1: error: the front matter is empty."],
    ["a list", "---\n- a\n---\n", "program.md:2:1: error: the front matter is not made of"],
    ["a function tag", "---\nrun: !!js/function 'x'\n---\n", "program.md:2:6: error: Unresolved tag"],
    [
      "a key twice",
      "---\nrun: a\nmetric: b\nrun: c\n---\n",
      "program.md:4:1: error: this key is here twice.",
    ],
    ["broken YAML", "---\nrun: [a\n---\n", "program.md:3:1: error: this is not valid YAML:"],
    [
      "a list without end",
      "---\nrun: [a\nscore: b\n---\n",
      "program.md:3:1: error: this is not valid YAML: a `[` is opened above and not closed. Write: ] at its end",
    ],
    [
      "a colon in a value",
      "---\nrun: echo: hi\n---\n",
      "program.md:2:6: error: this is not valid YAML: this value holds `: `",
    ],
    [
      "a line that is no key",
      "---\ngoal\nmetric: x\n---\n",
      "program.md:2:1: error: this is not valid YAML: this line is no `key: value`",
    ],
    [
      "a quote without end",
      '---\ngoal: "abc\n---\n',
      "program.md:3:1: error: this is not valid YAML: a quote is opened",
    ],
    [
      "a reserved sign",
      "---\ngoal: @x\n---\n",
      "program.md:2:7: error: this is not valid YAML: a value cannot begin with @",
    ],
    [
      "more after a quote",
      "---\ngoal: 'a' b\n---\n",
      "program.md:2:11: error: this is not valid YAML: this cannot follow",
    ],
    [
      "a glob without quotes",
      "---\nrun: x\nchange: [*.py]\n---\n",
      'program.md:3:10: error: `*.py` begins with a sign that YAML reads as a reference. Write: "*.py", in quotes',
    ],
    ["a tab", "---\nbudget:\n\ttime: 3\n---\n", "program.md:3:1: error: "],
  ])("%s", (_, text, start) => {
    const { program, problems } = parseProgram(text);
    expect(program).toBeNull();
    expect(formatProblem("program.md", problems[0] as never)).toSatisfy((line: string) =>
      line.startsWith(start),
    );
  });

  test("one slip is told once", () => {
    expect(parseProgram("---\ngoal: a\n  b: c\n---\n").problems).toHaveLength(1);
  });

  test("aliases that multiply are refused quickly", () => {
    const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 12; i++)
      bomb.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
      );
    const started = performance.now();
    expect(errors(`${bomb.join("\n")}\n`)).toEqual([expect.stringContaining("cannot be read")]);
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  test("missing keys are all named", () => {
    expect(errors("goal: x\n")).toEqual([
      "program.md:2:1: error: `metric` is missing. Write: metric: NAME, or metric: {name: NAME, direction: minimize}",
      "program.md:2:1: error: `change` is missing. Write: change: [path/of/the/file.ts]",
      "program.md:2:1: error: `run` is missing. Write: run: node train.ts",
    ]);
    expect(errors("metric: a\nchange: b\nrun: c\n")).toEqual([
      "program.md:2:1: error: it is not said which way the metric is better. Write: direction: minimize, or direction: maximize",
    ]);
  });

  test("unknown keys are named with the key that was meant, at any depth", () => {
    expect(errors({ chekcs: ["npm test"] })).toEqual([
      "program.md:7:1: error: unknown key `chekcs` (did you mean `checks`?). Write: checks: ...",
    ]);
    expect(errors({ budget: { time: 3, memroy: "2GB" } })[0]).toContain(
      "program.md:9:3: error: unknown key `budget.memroy` (did you mean `memory`?",
    );
    expect(errors({ guards: [{ name: "a", direction: "minimize", tolerence: 1 }] })[0]).toContain(
      "did you mean `tolerance`?",
    );
    expect(errors({ score: { comand: "node score.ts" } }).join()).toContain("did you mean `command`?");
    expect(errors({ metric: { name: "a", from: { jsn: "$OUT/a.json", at: "b" } } })).toEqual([
      expect.stringContaining("unknown key `metric.from.jsn` (did you mean `json`?)"),
    ]);
    expect(errors({ entirely: 1 })[0]).toContain("unknown key `entirely`. Write: nothing here");
    expect(errors({ decision: { alhpa: 0.1 } })[0]).toContain("did you mean `alpha`?");
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["a number as a metric", { metric: 5 }, "2:1: error: `metric` is the number 5"],
    [
      "a metric that no line can carry",
      { metric: "val bpb" },
      "2:1: error: `metric` is no name for a metric",
    ],
    ["an unknown direction", { direction: "minimise" }, "Write: direction: minimize"],
    ["the word of another tool for upwards", { direction: "up" }, "Write: direction: maximize"],
    ["its word for downwards", { direction: "Lower" }, "Write: direction: minimize"],
    [
      "a guard's direction in other words",
      { guards: [{ name: "a", direction: "increase" }] },
      "Write: direction: maximize",
    ],
    ["an empty run", { run: "" }, "`run` is empty"],
    ["an empty list", { change: [] }, "`change` is empty"],
    ["a list in a list", { change: [["a"]] }, "`change.0` is a list, not text"],
    ["an unknown preset", { decision: "stict" }, "Write: decision: strict"],
    ["an unknown clock", { metric: { name: "s", clock: "walls" } }, "`metric.clock` is none of wall, cpu"],
    ["no length of time", { budget: "soon" }, "7:1: error: `budget` is not a length of time"],
    ["a budget of 0", { budget: 0 }, "`budget` is not above 0"],
    ["a negative budget", { budget: { time: -3 } }, "8:3: error: `budget.time` is not above 0"],
    ["an endless budget", { budget: "1000d" }, "`budget` is longer than 24 days"],
    ["memory of a few bytes", { budget: { memory: 512 } }, "`memory` is 512 bytes"],
    ["no size", { budget: { disk: "much" } }, "`budget.disk` is no size"],
    ["no number of processors", { budget: { cpus: 0 } }, "`budget.cpus` is below 1"],
    ["processors in words", { budget: { cpus: "two" } }, "`budget.cpus` is no list of processors"],
    ["a range backwards", { budget: { cpus: "3-2" } }, 'Write: cpus: 2, or by number: cpus: "2,3"'],
    ["processors as a list", { budget: { cpus: [2, 3] } }, "`budget.cpus` is a list"],
    [
      "a tolerance in words",
      { guards: [{ name: "a", clock: "cpu", tolerance: "some" }] },
      "`tolerance` is neither",
    ],
    [
      "a guard without a direction",
      { guards: [{ name: "accuracy" }] },
      "it is not said which way the guard accuracy",
    ],
    ["a guard that nothing passes", { guards: [{ name: "a", min: 2, max: 1 }] }, "`min` is above `max`"],
    ["a parameter out of range", { decision: { alpha: 3 } }, "decision parameter alpha must be"],
    [
      "parameters at odds",
      { decision: { minPairs: 9 } },
      "decision parameter minPairs (9) is above maxPairs (8)",
    ],
    ["a NUL", { run: "node\0train.ts" }, "`run` holds a NUL character"],
    [
      "two directions",
      { metric: { name: "a", direction: "maximize" } },
      "`direction` contradicts `metric.direction`",
    ],
  ])("%s", (_, matter, part) => {
    expect(errors(matter).join("\n")).toContain(part);
  });

  test.each<[string, Record<string, unknown>, string]>([
    [
      "a path above the lab",
      { change: ["../train.ts"] },
      "program.md:5:5: error: `../train.ts` lies outside the lab folder",
    ],
    ["a path above the lab in braces", { change: ["{a,../b}.ts"] }, "lies outside the lab folder"],
    ["an absolute path", { change: ["/etc/passwd"] }, "lies outside the lab folder"],
    ["an exclusion", { change: ["src/**", "!src/score.ts"] }, "exclusions are not understood"],
    ["a folder", { change: ["src/"] }, "Write: src/**"],
    ["git's own folder", { change: [".git/hooks/*"] }, "candidates are never taken from"],
    ["everything", { change: ["**"] }, "the contract program.md may itself be changed"],
    [
      "the scorer",
      { change: ["*.ts"], score: "node score.ts" },
      "the scorer runs score.ts, which a candidate may change",
    ],
    ["the scorer, dotted", { change: ["*.ts"], score: "node ./score.ts" }, "the scorer runs score.ts"],
    [
      "the scorer in a folder",
      { change: ["eval/*"], score: "cd eval && python3 -u score.py" },
      "runs eval/score.py",
    ],
    [
      "what the scorer loads",
      { change: ["*.mjs"], score: "node --import ./hook.mjs score.ts" },
      "runs hook.mjs",
    ],
    ["the scorer by uv", { change: ["*.py"], score: "uv run score.py" }, "the scorer runs score.py"],
    ["the check", { change: ["*.sh"], checks: ["npm test", "sh verify.sh"] }, "the check runs verify.sh"],
    ["the scripts of npm", { change: ["package.json"], checks: ["npm test"] }, "the check runs package.json"],
    ["the setup", { change: ["*.py"], setup: "python3 prepare.py" }, "the setup runs prepare.py"],
    [
      "the holdout's scorer",
      { change: ["h*.ts"], score: "node score.ts", holdout: "node hold.ts" },
      "runs hold.ts",
    ],
    [
      "private data",
      { change: ["data/**"], score: { command: "node score.ts", private: ["data"] } },
      "the private path data",
    ],
    [
      "data in a private folder",
      { change: ["data/a.txt"], score: { command: "node score.ts", private: ["data/"] } },
      "the private path data/",
    ],
    ["a host on loopback", { budget: { network: ["127.0.0.1:8000"] } }, "a run has a loopback of its own"],
    ["an input", { change: ["data/*.txt"], inputs: ["data"] }, "both editable and pinned"],
    ["a writable path", { change: ["build/*.ts"], write: ["build"] }, "both editable and emptied"],
    [
      "hidden data in a writable path",
      { write: ["./build/"], score: { command: "node score.ts", private: ["build/hidden.json"] } },
      "the private path `build/hidden.json` lies in `./build/`",
    ],
    [
      "the sealed split in a writable path",
      {
        write: "build",
        score: "node s.ts",
        holdout: { score: "node h.ts", sealed: { score: "node s.ts", private: ["build"] } },
      },
      "the private path `build` lies in `build`",
    ],
    [
      "an input in a writable path",
      { write: ["a", "b"], inputs: ["b/c"] },
      "the pinned path `b/c` lies in `b`",
    ],
    [
      "writable paths within each other",
      { write: ["a/b", "ab", "a"] },
      "`a/b` lies in `a`, which runs may write",
    ],
    [
      "a writable path in hidden data",
      { write: ["data/out"], score: { command: "node score.ts", private: ["data"] } },
      "`data/out` lies in the private path `data`",
    ],
    ["the lab as writable", { write: ["."] }, "is no path below the lab folder"],
    ["a writable path above the lab", { write: ["../x"] }, "is no path below the lab folder"],
    ["the lab as an input", { inputs: ["."] }, "is the lab folder itself"],
    ["an input of another user's home", { inputs: ["~ann/data"] }, "names another user's home folder"],
    ["inputs that only exclude", { inputs: ["!data/tmp"] }, "`inputs` only excludes"],
    [
      "a guard that is the metric",
      { guards: [{ name: "val_bpb", direction: "minimize" }] },
      "is the metric itself",
    ],
    [
      "a guard twice",
      {
        guards: [
          { name: "a", max: 1 },
          { name: "a", max: 2 },
        ],
      },
      "the guard a is named twice",
    ],
    [
      "pipe and answer",
      { score: { command: "node s.ts", pipe: true, answer: "node a.ts" } },
      "contradict each other",
    ],
    [
      "copies of nothing",
      { score: { command: "node s.ts", copies: 2 } },
      "`copies` needs processes that answer",
    ],
    [
      "a scorer of a clocked metric",
      { metric: { name: "s", clock: "wall" }, score: "node s.ts" },
      "not both",
    ],
    ["a holdout alone", { holdout: "node s.ts --holdout" }, "a holdout needs a scorer"],
    [
      "a run that scores itself",
      { run: "node train.ts && node score.ts", score: "node score.ts" },
      "measure itself",
    ],
    [
      "a size outside",
      { metric: { name: "b", clock: "size ../x" } },
      "is no path below the lab folder or $OUT",
    ],
  ])("a contradiction: %s", (_, matter, part) => {
    expect(errors(matter).join("\n")).toContain(part);
  });

  test("a check that only examines an editable file is allowed, with a warning", () => {
    const lines = said({ change: ["train.js"], checks: ["node --check train.js"], run: "node train.js" });
    expect(lines.join("\n")).toContain("warning: the check names train.js, which a candidate may change");
    expect(errors({ change: ["train.js"], checks: ["node --check train.js"] })).toEqual([]);
    expect(
      errors({ change: ["src/*.ts"], checks: ["npx tsc --noEmit src/a.ts"], run: "node src/a.ts" }),
    ).toEqual([]);
  });

  test("a contract of another name notices itself too", () => {
    expect(errors({ change: ["*.md"] }, { file: "quick.md" })).toEqual([
      expect.stringContaining("the contract quick.md may itself be changed"),
    ]);
  });

  test("what is not supported yet is refused, not ignored", () => {
    const lines = errors({
      parallel: 2,
    });
    expect(lines).toHaveLength(1);
    for (const line of lines) expect(line).toMatch(/not supported yet/);
  });

  test("several problems come in the order of the text", () => {
    const { problems } = parseProgram(file("metric: a\ndirection: up\nchange: []\nrun: 3\nspeed: 1\n"));
    expect(problems.map(({ line }) => line)).toEqual([3, 4, 5, 6]);
  });
});

describe("no input crashes it, and every problem points into the text", () => {
  const sound = (text: string) => {
    const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n/);
    const { program, problems } = parseProgram(text);
    for (const { line, column, what, fix } of problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual((lines[line - 1] as string).length + 1);
      expect(what).toMatch(/^[^\n]+$/);
      expect(fix).toMatch(/^[^\n]+$/);
    }
    expect(program === null).toBe(problems.some(({ severity }) => severity === "error"));
  };

  test("any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), sound));
  });

  test("any text as front matter", () => {
    const mixed = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc
        .array(
          fc.constantFrom(
            "\n",
            "\r",
            "\t",
            " ",
            "-",
            ":",
            "[",
            "]",
            "{",
            "}",
            "&a",
            "*a",
            "!!x",
            "'",
            '"',
            "|",
            ">",
            "%",
            "#",
            "run",
            "metric",
            "?",
            ",",
          ),
        )
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(mixed, (yaml) => sound(`---\n${yaml}\n---\n`)),
      { numRuns: 500 },
    );
  });

  test("any value under any key", () => {
    const key = fc.oneof(
      fc.constantFrom(
        ..."goal metric direction change run score budget setup checks guards inputs write stages holdout session researcher decision isolation parallel name command time __proto__ constructor toString".split(
          " ",
        ),
      ),
      fc.string({ maxLength: 8 }),
    );
    const scalar = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom("**", "../x", "5%", "30s", "2GB", "minimize", "size x", "node train.ts"),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        scalar,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 8 }), fc.boolean(), (matter, complete) =>
        sound(file(complete ? { ...least, ...matter } : { ...matter })),
      ),
      { numRuns: 500 },
    );
  });

  test("a valid contract with a piece cut out, doubled or replaced", () => {
    const valid = readFileSync(new URL("../../labs/pretrain/program.md", import.meta.url), "utf8");
    fc.assert(
      fc.property(fc.nat(valid.length), fc.nat(20), fc.string({ maxLength: 5 }), (from, length, piece) =>
        sound(valid.slice(0, from) + piece + valid.slice(from + length)),
      ),
      { numRuns: 500 },
    );
  });

  test("nesting without end", () => {
    for (const deep of ["[".repeat(50_000), "{a: ".repeat(50_000), "- ".repeat(20_000)])
      sound(`---\nrun: ${deep}\n---\n`);
    sound(`---\nrun: ${"x".repeat(300_000)}\n---\n`);
  });
});

test("the JSON Schema in docs/ is the current one (`whet check --schema` prints it)", () => {
  const written = readFileSync(new URL("../../docs/program.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
});

describe("keys of other tools", () => {
  test.each([
    ["timeout: 5m", "budget: 5m"],
    ["timeout: 300", "budget: 300s"],
    ["iterations: 10", "session: {experiments: 10}"],
    ["max_iterations: 10", "session: {experiments: 10}"],
    ["max-iters: many", "session: {experiments: 100}"],
    ["files: train.py", "change: train.py"],
    ["evaluator: evaluate.py", "score: evaluate.py"],
  ])("%s is told what to write here", (line, fix) => {
    const text = `---\nmetric: loss\ndirection: minimize\nchange: [a.py]\nrun: python3 a.py\n${line}\n---\nx\n`;
    const { problems } = parseProgram(text, { file: "program.md" });
    expect(problems.filter(({ severity }) => severity === "error")).toMatchObject([{ line: 6, fix }]);
  });
});
