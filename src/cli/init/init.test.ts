import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseProgram } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";
import { type InitOptions, init } from "./init.ts";
import { type Detected, detect as detectOn, type Fact, type Machine } from "./layouts/index.ts";
import { directionOf, printedMetric } from "./printed.ts";
import { splitGlobs } from "./questions.ts";
import { type Answers, writeProgram } from "./write.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whet-init-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function lay(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** Nothing is run here: what a run comes to is tried through the real command line. */
function run(options: Partial<InitOptions> = {}) {
  return init({ folder, interactive: false, try: false, ...options });
}

/** A machine with uv and nothing else. */
const machine: Machine = { home: "/home/u", has: () => false, hasCommand: (name) => name === "uv", gpus: 0 };

function detect(path: string, more: Partial<Machine> = {}): Promise<Detected> {
  return detectOn(path, { ...machine, ...more });
}

/** The values that were found, without where. */
function values(detected: Detected): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(detected).flatMap(([name, fact]) =>
      typeof fact === "object" && "from" in fact ? [[name, (fact as Fact<unknown>).value]] : [],
    ),
  );
}

async function contract() {
  const { program, problems } = parseProgram(await readFile(join(folder, "program.md"), "utf8"));
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  if (!program) throw new Error("no program");
  return program;
}

const autoresearch = {
  "program.md":
    "# autoresearch\n\nLet the model research.\n\n---\n\nThe goal: the lowest val_bpb.  \nEnd without a line end",
  "prepare.py":
    'TIME_BUDGET = 300\nCACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")\n',
  "train.py":
    'print("---")\nprint(f"val_bpb:          {val_bpb:.6f}")\nprint(f"peak_vram_mb:     {peak:.1f}")\n',
  "pyproject.toml": '[project]\nname = "autoresearch"\n[tool.uv.sources]\n',
};

test("the size of a build becomes a valid contract that may write it", async () => {
  await lay({
    "package.json": JSON.stringify({ scripts: { build: "tsc --outDir dist" } }),
    "src/main.ts": "",
  });
  await run({ yes: true });
  const written = (await contract()).contract;
  expect(written).toMatchObject({ write: ["dist"], run: "npm run --silent build" });
  expect(written.metric).toMatchObject({ name: "bytes", clock: { kind: "size", path: "dist" } });
});

describe("detection", () => {
  test("autoresearch's layout is known", async () => {
    await lay(autoresearch);
    const detected = await detect(folder);
    expect(detected.hasProse).toBe(true);
    expect(values(detected)).toEqual({
      change: "train.py",
      run: "uv run train.py",
      metric: "val_bpb",
      direction: "minimize",
      budget: "10m",
      limits: { memory: "32GB", processes: "4096" },
    });
    expect(detected.notes.join()).toContain("~/.cache/autoresearch");
  });

  test("a fork of autoresearch with another metric and another time", async () => {
    await lay({
      "program.md": "# trader\n\nHigher is better.\n",
      "prepare.py": "TIME_BUDGET = 45\n",
      "train.py": 'print(f"quality: {q}")\n',
    });
    expect(values(await detect(folder))).toMatchObject({
      run: "python3 train.py",
      metric: "quality",
      direction: "maximize",
      budget: "90s",
    });
  });

  test.each<[string, Record<string, string>, Record<string, unknown>]>([
    [
      "one program of any name that prints a metric, beside what sets it up",
      { "fit.py": 'print(f"val_loss: {x}")\n', "setup.py": "", ".gitignore": "x\n" },
      { change: "fit.py", run: "python3 fit.py", metric: "val_loss", direction: "minimize" },
    ],
    [
      "a build whose output is weighed",
      {
        "package.json": JSON.stringify({ scripts: { build: "rm -rf dist && vite build" } }),
        ".gitignore": "node_modules\n/dist/\n",
        "src/main.js": "",
      },
      {
        ...{ run: "npm run --silent build", metric: "bytes", direction: "minimize" },
        ...{ clock: "size dist", write: ["dist"], change: "src/**" },
      },
    ],
    [
      "the folder that a build's command names",
      {
        "package.json": JSON.stringify({ scripts: { build: "esbuild a.ts --outdir=./public" } }),
        "src/a.ts": "",
      },
      {
        ...{ run: "npm run --silent build", metric: "bytes", direction: "minimize" },
        ...{ clock: "size public", write: ["public"], change: "src/**" },
      },
    ],
    [
      "package scripts, and what the script's file prints",
      {
        "package.json": JSON.stringify({
          scripts: { bench: "node perf/go.mjs", test: "vitest run", build: "tsc" },
        }),
        "perf/go.mjs": "console.log(`METRIC ops_per_s=$" + "{n}`);",
      },
      {
        run: "npm run --silent bench",
        checks: "npm run --silent test",
        build: "npm run build",
        metric: "ops_per_s",
        direction: "maximize",
      },
    ],
    [
      "another package manager",
      { "package.json": '{"scripts":{"benchmark":"x"}}', "pnpm-lock.yaml": "" },
      { run: "pnpm run --silent benchmark" },
    ],
    [
      "npm's placeholder is no test",
      { "package.json": '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}' },
      {},
    ],
    ["a broken package.json", { "package.json": "{", "bench.js": "" }, { run: "node bench.js" }],
    ["scripts of a wrong kind", { "package.json": '{"scripts":{"bench":3}}' }, {}],
    [
      "a benchmark file",
      { "sort.bench.ts": 'console.log("seconds: " + s)' },
      { run: "node sort.bench.ts", metric: "seconds", direction: "minimize" },
    ],
    [
      "a benchmark of vitest",
      { "sort.bench.ts": 'import { bench } from "vitest";' },
      {
        run: "npx vitest bench --run",
        source: "vitest-bench",
        metric: "hz",
        direction: "maximize",
      },
    ],
    ["a benchmark in a folder", { "benchmarks/index.mjs": "" }, { run: "node benchmarks/index.mjs" }],
    [
      "a training script and its scorer in Python",
      { "train.py": "", "score.py": 'print(json.dumps({"rmse": e}))', "tests/test_a.py": "", "uv.lock": "" },
      {
        run: "uv run train.py",
        change: "train.py",
        score: "uv run score.py",
        metric: "rmse",
        direction: "minimize",
        checks: "uv run python -m pytest -q -p no:cacheprovider",
      },
    ],
    [
      "pytest in pyproject",
      { "pyproject.toml": "[tool.pytest.ini_options]\n", "bench.py": "" },
      { run: "python3 bench.py", checks: "python3 -m pytest -q -p no:cacheprovider" },
    ],
    [
      "a target of make",
      { Makefile: "VAR := bench\nall: x\nbench: build\n\t./x\n" },
      { run: "make --silent bench" },
    ],
    ["a variable is no target", { Makefile: "bench := 3\n" }, {}],
    ["a recipe of just", { justfile: "benchmark n='3':\n  ./x\n" }, { run: "just benchmark" }],
    [
      "Rust",
      { "Cargo.toml": "", "benches/a.rs": "" },
      {
        run: "cargo bench --offline",
        checks: "cargo test --offline",
        source: "criterion",
        metric: "mean",
        direction: "minimize",
      },
    ],
    [
      "Go",
      { "go.mod": "", "a_test.go": "func BenchmarkA(b *testing.B) {}" },
      {
        run: "go test -run=NONE -bench=.",
        checks: "go test ./...",
        source: "go-bench",
        metric: "ns_per_op",
        direction: "minimize",
      },
    ],
    [
      "ignored data and a virtual environment",
      { ".gitignore": "/data/\n*.log\n", "data/x": "", ".venv/x": "", "solve.js": "" },
      { inputs: [".venv", "data"], run: "node solve.js", change: "solve.js" },
    ],
    ["an empty folder", {}, {}],
    [
      "pi-autoresearch",
      {
        ".auto/measure.sh": "echo METRIC total_us=$x",
        ".auto/checks.sh": "true",
        ".auto/prompt.md":
          "# Faster\n## Metrics\n- **Primary**: `total_us` (us, lower is better)\n## Files in Scope\n- `src/a.mjs` — the parser\n- lib/\n- .auto/*\n## Off Limits\n- b\n",
        "src/a.mjs": "",
      },
      {
        run: "bash .auto/measure.sh",
        checks: "bash .auto/checks.sh",
        metric: "total_us",
        direction: "minimize",
        change: "src/a.mjs, lib/**",
        instructions: ".auto/prompt.md",
      },
    ],
    [
      "a leaf of PraxLab",
      {
        "program.md": "# Leaf\n",
        "campaign.yaml":
          'metric: {name: eval_loss, direction: lower, eval_command: "python3 train.py > run.log 2>&1"}\nbudget: {compute_usd: 10, wall_hours: 0}\neditable: [train.py, data.jsonl]\n',
        "train.py": "",
      },
      {
        run: "python3 train.py",
        metric: "eval_loss",
        direction: "minimize",
        change: "train.py, data.jsonl",
        session: { money: "10" },
      },
    ],
    [
      "OpenEvolve",
      {
        "initial_program.py": "",
        "evaluator.py": "def evaluate(path):\n    return {}\n",
        "config.yaml": "max_iterations: 40\n",
      },
      {
        evaluator: { kind: "openevolve", file: "evaluator.py" },
        change: "initial_program.py",
        metric: "combined_score",
        direction: "maximize",
        session: { experiments: "40" },
      },
    ],
    [
      "ShinkaEvolve",
      { "initial.py": "", "evaluate.py": "parser.add_argument('--results_dir')\n" },
      {
        evaluator: { kind: "shinka", file: "evaluate.py" },
        change: "initial.py",
        metric: "combined_score",
        direction: "maximize",
      },
    ],
    [
      "Weco, by the command in its README",
      {
        "README.md":
          'weco run --source fast.py \\\n  --eval-command "python evaluate.py" \\\n  --metric speedup --goal maximize\n',
        "fast.py": "",
      },
      { run: "python evaluate.py", change: "fast.py", metric: "speedup", direction: "maximize" },
    ],
    [
      "Weco, by an evaluation that is given a path",
      {
        "module.py": "",
        "evaluate.py": 'a.add_argument("--path", required=True)\nprint(f"speedup: {x:.2f}x")\n',
      },
      {
        run: "python3 evaluate.py --path module.py",
        change: "module.py",
        metric: "speedup",
        direction: "maximize",
      },
    ],
    [
      "a benchmark and the files that it imports",
      {
        "bench/run.mjs": 'import { N } from "../src/a.mjs"; console.log(`ops: $' + "{N}`);",
        "src/a.mjs": 'import "./b.mjs";',
        "src/b.mjs": "",
      },
      {
        run: "node bench/run.mjs",
        change: "src/a.mjs, src/b.mjs",
        metric: "ops",
        direction: "maximize",
      },
    ],
    [
      "pytest-benchmark",
      { "test_speed.py": "import fast\ndef test_it(benchmark):\n    pass\n", "fast.py": "" },
      {
        run: "python3 -m pytest -q -p no:cacheprovider --benchmark-only --benchmark-json=$OUT/benchmark.json",
        source: "{ preset: pytest-benchmark, path: $OUT/benchmark.json }",
        metric: "mean",
        direction: "minimize",
      },
    ],
  ])("%s", async (_, files, found) => {
    await lay(files);
    expect(values(await detect(folder))).toEqual(found);
  });

  test("of several printed names the one that is a metric is taken, and none where that is open", () => {
    expect(printedMetric('print(f"step: {i}")\nprint("val_loss:", x)')).toBe("val_loss");
    expect(printedMetric('console.log("epoch: " + a); console.log("accuracy=" + b)')).toBe("accuracy");
    expect(printedMetric('console.log("a: " + a); console.log("b: " + b)')).toBeNull();
    expect(printedMetric('print("Note: starting")')).toBeNull();
    expect(printedMetric("console.log(JSON.stringify({ results: [{ mean }] }))")).toBeNull();
    expect(printedMetric("console.log(JSON.stringify({ results }))")).toBeNull();
    expect(printedMetric("console.log(JSON.stringify({ score: 1 }))")).toBe("score");
    expect(directionOf("f1_score")).toBe("maximize");
    expect(directionOf("p95_latency")).toBe("minimize");
    expect(directionOf("wibble")).toBeNull();
  });
});

test("an environment, data in the cache and a GPU that the machine has are asked for", async () => {
  await lay({
    ...autoresearch,
    "train.py": `import torch\nx.to("cuda")\n${autoresearch["train.py"]}`,
    ".venv/bin/python": "",
    "results.tsv": "",
  });
  const found = await detect(folder, {
    gpus: 2,
    has: (path) => path === "/home/u/.cache/autoresearch",
  });
  expect(values(found)).toMatchObject({
    run: ".venv/bin/python train.py",
    inputs: [".venv", "~/.cache/autoresearch"],
    limits: { gpus: "1" },
  });
  expect(found.notes.join()).toContain(".whetstone/results.tsv");
});

test("uv is written only where it is there", async () => {
  await lay(autoresearch);
  expect((await detect(folder, { hasCommand: () => false })).run?.value).toBe("python3 train.py");
});

test("a skill is pointed to the test of skills", async () => {
  await lay({ "SKILL.md": "", "evals/a.json": "" });
  const error = await run().catch((caught: unknown) => caught);
  expect((error as UserError).fix).toContain("whet skill test . --suite evals");
});

describe("init without a terminal", () => {
  test("autoresearch: the contract goes in front, the prose stays byte for byte", async () => {
    const prose = Buffer.concat([
      Buffer.from(autoresearch["program.md"]),
      Buffer.from([0x20, 0xff, 0xfe, 0x0d, 0x0a]),
    ]);
    await lay(autoresearch);
    await writeFile(join(folder, "program.md"), prose);
    const result = await run();
    expect(result.written).toEqual([join(folder, "program.md")]);
    expect(result.next).toContain("whet check");
    const written = await readFile(join(folder, "program.md"));
    expect(written.subarray(written.length - prose.length).equals(prose)).toBe(true);
    const { contract: read, instructions } = await contract();
    expect(read).toMatchObject({
      metric: { name: "val_bpb", direction: "minimize" },
      change: ["train.py"],
      run: expect.stringMatching(/^(uv run|python3) train.py$/),
      budget: { time: 600_000, memory: 32 * 2 ** 30, processes: 4096 },
    });
    expect(instructions.startsWith("# autoresearch\n")).toBe(true);
    expect(await readdir(folder)).toEqual(["prepare.py", "program.md", "pyproject.toml", "train.py"]);
  });

  test("a second time it refuses, and with --force keeps the contract of before beside the new one", async () => {
    await lay({ ...autoresearch, "program.md.old": "mine" });
    await run();
    const first = await readFile(join(folder, "program.md"), "utf8");
    await expect(run()).rejects.toThrow("already has a contract");
    await run({ force: true, metric: "val_loss", direction: "minimize" });
    expect((await contract()).contract.metric.name).toBe("val_loss");
    expect((await contract()).instructions).toBe(autoresearch["program.md"]);
    expect(await readFile(join(folder, "program.md.old"), "utf8")).toBe("mine");
    expect(await readFile(join(folder, "program.md.old2"), "utf8")).toBe(first);
  });

  test("it names the flags that are missing, and writes nothing", async () => {
    const error = await run().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain("run, change, metric, direction");
    expect((error as UserError).fix).toContain(
      '--run "COMMAND" --change FILES --metric NAME --direction minimize|maximize',
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test("another metric than the one found does not get the found one's direction", async () => {
    await lay({ "bench.js": 'console.log("seconds: " + s)' });
    await expect(run({ metric: "ops", change: "a.js" })).rejects.toThrow("do not tell: direction");
  });

  test("flags say everything", async () => {
    await run({
      goal: 'say "cheese": # now',
      metric: "smiles",
      direction: "maximize",
      change: "src/{a,b}.ts, *.css",
      run: "node src/a.ts",
      score: "node score.mjs",
      checks: "npm test",
      budget: "1h30m",
      yes: true,
    });
    expect((await contract()).contract).toMatchObject({
      goal: 'say "cheese": # now',
      metric: { name: "smiles", direction: "maximize" },
      change: ["src/{a,b}.ts", "*.css"],
      run: "node src/a.ts",
      score: { command: "node score.mjs" },
      checks: [{ command: "npm test" }],
      budget: { time: 5_400_000 },
    });
  });

  test("the next steps commit what the lab runs, and begin with a repository where there is none", async () => {
    const given = { metric: "loss", direction: "minimize", change: "a.js, nonexist.py", run: "node a.js" };
    await lay({ "a.js": "", "node_modules/x.js": "" });
    const bare = await run(given);
    expect(bare.next[0]).toMatch(/^git init/u);
    expect(bare.found.filter((fact) => fact.includes("no file here matches"))).toEqual([
      "change: no file here matches nonexist.py; correct it in program.md, or write the file",
    ]);
    execFileSync("git", ["init", "-q"], { cwd: folder });
    const { next } = await run({ ...given, force: true });
    expect(next[0]).toMatch(/^git add a\.js program\.md program\.md\.old && git commit/u);
    await lay(Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`s${i}.js`, ""])));
    expect((await run({ ...given, force: true })).next[0]).toMatch(
      /^git add -A -- ':!node_modules' && git commit/u,
    );
  });

  test("a clocked lab needs no metric and no direction", async () => {
    await lay({ "bench.js": 'console.log("speed: " + s)', "score.js": "" });
    await run({ clocked: true, change: "fast.js" });
    const { contract: read } = await contract();
    expect(read.metric).toEqual({
      name: "seconds",
      direction: "minimize",
      minEffect: 0,
      clock: { kind: "wall" },
    });
    expect(read.score).toBeUndefined();
  });

  test("answers that contradict each other are refused with the reason, and nothing is written", async () => {
    await lay({ "train.js": 'console.log("loss: " + l)', "score.js": "" });
    await expect(run({ change: "*.js" })).rejects.toThrow("the scorer runs score.js");
    await expect(run({ budget: "soon" })).rejects.toThrow("not a length of time");
    await expect(run({ direction: "down" })).rejects.toThrow("minimize or maximize");
    expect(await readdir(folder)).toEqual(["score.js", "train.js"]);
  });

  test("a folder that is not there, and one that is a file", async () => {
    await lay({ file: "" });
    await expect(run({ folder: join(folder, "none") })).rejects.toThrow("is no folder");
    await expect(run({ folder: join(folder, "file") })).rejects.toThrow("is no folder");
  });
});

test("whatever the answers are, what is written reads back as them", () => {
  const line = fc.oneof(
    fc.string({ minLength: 1, maxLength: 30 }),
    fc.constantFrom(
      "yes",
      "null",
      ".5",
      ".inf",
      "~",
      "1e3",
      "a: b",
      "a #b",
      "- a",
      "*.ts",
      "{a,b}",
      "'",
      '"',
      "a\nb",
      "é – 漢字",
      "0x1F",
      "2026-01-01",
      "=",
      "a,b",
      "[x]",
      "node train.ts",
    ),
  );
  const spoken = line.filter((text) => text.trim() === text && text !== "" && !text.includes("\0"));
  const name = fc.stringMatching(/^[A-Za-z_][\w./-]{0,20}$/);
  const answers: fc.Arbitrary<Answers> = fc.record({
    goal: spoken,
    metric: name,
    direction: fc.constantFrom("minimize", "maximize"),
    change: fc.uniqueArray(fc.constantFrom("a.ts", "src/**/*.py", "[ab].md", "x y.js", "{p,q}.css", "null"), {
      minLength: 1,
    }),
    run: spoken,
    budget: fc.constantFrom("30s", "5m", "90", "1h 30m"),
    limits: fc.constantFrom<Record<string, string>>(
      {},
      { memory: "8GB" },
      { memory: "1GB", processes: "12" },
    ),
    inputs: fc.constantFrom<string[]>([], ["data"], ["a b", ".venv"]),
    clocked: fc.boolean(),
  });
  fc.assert(
    fc.property(answers, fc.option(fc.constantFrom("npm test", "sh -c 'x: y'")), (given, checks) => {
      const text = writeProgram(checks === null ? given : { ...given, checks });
      const { program, problems } = parseProgram(text);
      expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(program?.contract).toMatchObject({
        goal: given.goal.replace(/\s+/g, " ").trim(),
        metric: { name: given.metric, direction: given.direction },
        change: given.change,
        run: given.run,
        inputs: given.inputs,
        checks: checks === null ? [] : [{ command: checks }],
      });
    }),
    { numRuns: 300 },
  );
});

test("globs are split at commas outside of braces", () => {
  expect(splitGlobs("a.ts, src/{b,c}.ts ,[d,e].md,")).toEqual(["a.ts", "src/{b,c}.ts", "[d,e].md"]);
});
