import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseProgram } from "../contract/index.ts";
import { contentHash, mayChange, openRepo } from "../repo/index.ts";
import { openSandbox } from "../sandbox/index.ts";
import type { Evaluation } from "./evaluation.ts";
import { openEvaluator } from "./evaluator.ts";
import { preparePlace } from "./place.ts";

const python = works(["python3", "-c", ""]);
/** The system's own, which may have packages that the first one on the PATH lacks. */
const numpy = ["python3", "/usr/bin/python3"].find((name) => works([name, "-c", "import numpy"]));

function works([name, ...args]: [string, ...string[]]): boolean {
  try {
    execFileSync(name, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

type Texts = Record<string, string>;

interface Opened {
  evaluate: (changes?: Texts) => Promise<Evaluation>;
  pins: Record<string, string>;
}

/** A lab with an evaluator, laid out as a session does it. */
async function open(files: Texts, score: string, more = "", level?: "L0"): Promise<Opened> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "whet shïm-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const contract = `---\nmetric: { name: combined_score, direction: maximize }\nchange: [${files["prompt.txt"] ? "prompt.txt" : "program.py"}]\nscore: ${score}\nbudget: 60s\n${more}\n---\n# A lab\n`;
  const all: Texts = { ...files, "program.md": contract };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: path.startsWith(".venv") ? 0o755 : 0o644 });
  }
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@localhost", ...args], {
      cwd: folder,
    });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  const { program, problems } = parseProgram(contract);
  if (!program) throw new Error(JSON.stringify(problems));
  const repo = await openRepo(folder);
  const sandbox = await openSandbox(level ? { level } : {});
  const place = await preparePlace({
    ...{ repo, contract: program.contract, commit: repo.head, programHash: program.hash },
    ...{ folder: join(folder, ".whetstone", "work"), sandbox },
  });
  const base = Object.fromEntries(
    Object.entries(all).filter(([path]) => mayChange(program.contract.change, path)),
  );
  const evaluator = openEvaluator(program.contract, place, base, sandbox, randomBytes(32).toString("hex"));
  return {
    pins: place.pins,
    evaluate: (changes = {}) => {
      const state = { ...base, ...changes };
      return evaluator.evaluate({ state: contentHash(state), files: state, seed: 7, checks: true });
    },
  };
}

/** The metrics of one evaluation, or why there are none. */
async function measured(files: Texts, score: string, more = "", level?: "L0") {
  const { evaluate } = await open(files, score, more, level);
  const { metrics, failure, logTail } = await evaluate();
  return failure ? { failure: failure.kind, words: `${failure.message}\n${logTail}` } : metrics;
}

const program = `import math

LIMIT = 3
TABLE = {"a": [1, 2.5], (1, 2): None}

def double(x):
    return 2 * x

def add(a, b=1, *, c=0):
    return a + b + c
`;

const load = `import importlib.util
def load(path):
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
`;

const evaluator = (body: string, candidate = program) => ({
  "program.py": candidate,
  "evaluator.py": `${load}${body}`,
});

const score = "{ openevolve: evaluator.py }";

describe.skipIf(!python)("an evaluator of OpenEvolve", () => {
  it.for(["L2", "L0"] as const)(
    "calls functions and reads constants, and its result is the metric (%s)",
    async (level) => {
      const body = `
from openevolve.evaluation_result import EvaluationResult
def evaluate(program_path):
    program = load(program_path)
    print("combined_score: 99")
    assert program.TABLE == {"a": [1, 2.5], (1, 2): None}
    score = program.double(program.LIMIT) + program.add(1, c=0.5)
    return EvaluationResult(metrics={"combined_score": score, "exact": True, "note": "no number"}, artifacts={})
`;
      const found = await measured(evaluator(body), score, "", level === "L0" ? level : undefined);
      expect(found).toEqual({ combined_score: 8.5, exact: 1 });
    },
  );

  it("is judged stage by stage where it has stages only", async () => {
    const body = `
def evaluate_stage1(path):
    return {"combined_score": 0.1, "first": load(path).double(1)}
def evaluate_stage2(path):
    return {"combined_score": load(path).double(2)}
`;
    expect(await measured(evaluator(body), score)).toEqual({ combined_score: 4, first: 2 });
  });

  it("finds the candidate however it is loaded", async () => {
    const body = `
import concurrent.futures, importlib, json, multiprocessing, os, runpy, shutil, signal, subprocess, sys, tempfile
from importlib.machinery import SourceFileLoader

def source_file_loader(path):
    return SourceFileLoader("p", path).load_module().double(2)
def import_module(path):
    sys.path.insert(0, os.path.dirname(path))
    return importlib.import_module("program").double(2)
def import_by_name(path):
    del sys.modules["program"]
    import program
    return program.double(2)
def builtin_import(path):
    return __import__("program").double(2)
def run_path(path):
    return runpy.run_path(path)["double"](2)
def exec_text(path):
    space = {}
    exec(open(path).read(), space)
    return space["double"](2)
def exec_two_namespaces(path):
    space = {}
    exec(open(path).read(), {}, space)
    return space["double"](2)
def exec_text_and_more(path):
    space = {}
    exec(open(path).read() + "\\nanswer = double(2)\\n", space)
    return space["answer"]
def compile_text(path):
    space = {}
    exec(compile(open(path, "rb").read(), path, "exec"), space)
    return space["double"](2)
def copy_elsewhere(path):
    copy = os.path.join(tempfile.mkdtemp(), "other.py")
    shutil.copy(path, copy)
    return load(copy).double(2)
def helper_script(path):
    script = os.path.join(tempfile.mkdtemp(), "helper.py")
    with open(script, "w") as stream:
        stream.write(f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("program", {path!r})
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
print(json.dumps(program.double(2)))
""")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)
def python_c(path):
    code = open(path).read() + "\\nprint(double(2))"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
def own_environment(path):
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['double'](2))"
    lab = os.path.join(os.path.dirname(__file__), "program.py")
    return int(subprocess.check_output([sys.executable, "-c", code, lab], env={"PATH": "/usr/bin"}))
def work(path, queue=None):
    value = load(path).double(2)
    return queue.put(value) if queue else value
def forked(path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=work, args=(path, queue))
    process.start()
    value = queue.get(timeout=60)
    process.join()
    return value
def spawned(path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return pool.map_async(work, [path, path]).get(timeout=60)[1]
def threaded(path):
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(load(path).double, 2).result(timeout=60)
def alarmed(path):
    signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
    signal.alarm(60)
    try:
        return load(path).double(2)
    finally:
        signal.alarm(0)

ways = [source_file_loader, import_module, import_by_name, builtin_import, run_path, exec_text, exec_two_namespaces,
        exec_text_and_more, compile_text, copy_elsewhere, helper_script, python_c, own_environment, forked, spawned,
        threaded, alarmed]
def evaluate(path):
    found = {"combined_score": len(ways)}
    for way in ways:
        found[way.__name__] = way(path)
    return found
`;
    const found = await measured(evaluator(body), score);
    expect(Object.keys(found)).toHaveLength(18);
    expect(found).toMatchObject({ combined_score: 17 });
    for (const [way, value] of Object.entries(found))
      if (way !== "combined_score") expect({ [way]: value }).toEqual({ [way]: 4 });
  });

  it("runs the program as a command of its own", async () => {
    const body = `import subprocess, sys
def evaluate(path):
    done = subprocess.run([sys.executable, path, "3"], input=b"4\\n", capture_output=True, check=True)
    return {"combined_score": float(done.stdout)}
`;
    const candidate = "import sys\nprint(int(sys.argv[1]) * int(input()))\n";
    expect(await measured(evaluator(body, candidate), score)).toEqual({ combined_score: 12 });
  });

  it("reads the candidate's real text", async () => {
    const body = `import ast
def evaluate(path):
    tree = ast.parse(open(path).read())
    return {"combined_score": sum(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))}
`;
    expect(await measured(evaluator(body), score)).toEqual({ combined_score: 2 });
  });

  it("carries plain data both ways, whatever it is", async () => {
    const body = `
import collections, fractions, decimal, math
def evaluate(path):
    program = load(path)
    values = [None, True, 0, -(10 ** 30), 1.5, -0.0, math.inf, 3 + 4j, "ü\\ud800\\n", b"\\0\\xff", bytearray(b"x"), [1, [2.0, ()]],
              {1: {"a": (None,)}}, {1, 2}, frozenset("ab"), range(1, 9, 2), fractions.Fraction(1, 3), decimal.Decimal("0.1"),
              [float(i) for i in range(100)], list(range(100)), tuple(range(20)), [1, 2.0] * 20, [2 ** 80] * 20]
    for value in values:
        back = program.same(value)
        assert back == value and type(back) is type(value), (value, back)
    assert math.isnan(program.same(math.nan)) and math.copysign(1, program.same(-0.0)) == -1
    point, record = program.point(), program.record()
    assert (point.x, point[1]) == (1, 2) and record.name == "r" and record.rows == [1]
    numbers = [3, 1, 2]
    assert program.sort(numbers) is None and numbers == [1, 2, 3]
    assert program.pick(numbers) == 3 and numbers == [1, 2, 3]
    return {"combined_score": 1}
`;
    const candidate = `import collections, dataclasses
Point = collections.namedtuple("Point", "x y")
@dataclasses.dataclass
class Row:
    name: str
    rows: list
def same(value): return value
def point(): return Point(1, 2)
def record(): return Row("r", [1])
def sort(numbers): numbers.sort()
def pick(numbers): return numbers.pop()
`;
    expect(await measured(evaluator(body, candidate), score)).toEqual({ combined_score: 1 });
  });

  it("meets the candidate's exceptions as exceptions", async () => {
    const body = `
def evaluate(path):
    program = load(path)
    caught = []
    for name in ("value", "own", "leave", "stop"):
        try:
            program.fail(name)
        except Exception as error:
            caught.append(type(error).__name__ + ": " + str(error))
    assert caught == ["ValueError: bad", "CandidateError: Own: mine", "CandidateError: SystemExit: 0", "CandidateError: StopIteration: "], caught
    return {"combined_score": 1}
`;
    const candidate = `import sys
class Own(Exception): pass
def fail(name):
    if name == "value": raise ValueError("bad")
    if name == "own": raise Own("mine")
    if name == "leave": sys.exit(0)
    raise StopIteration
`;
    expect(await measured(evaluator(body, candidate), score)).toEqual({ combined_score: 1 });
  });

  it.for([
    ["a class", "program.Solver()", "uses Solver of the candidate, which is the class Solver"],
    [
      "a callback",
      "program.use(lambda x: x)",
      "hands the function <lambda> to the candidate's use() as argument 1",
    ],
    ["an open file", "program.use(open(path))", "hands an instance of the class _io.TextIOWrapper"],
    [
      "a part of its text",
      "exec(open(path).read().split('# MARK')[1], {})",
      "runs a part of the candidate's text in its own process",
    ],
    [
      "its syntax tree",
      "exec(compile(__import__('ast').parse(open(path).read()), 'x', 'exec'), {})",
      "compiles the candidate's syntax tree in its own process",
    ],
    [
      "a shell on its file",
      "__import__('os').system('sh ' + path)",
      "starts a program on the candidate's file",
    ],
    [
      "a compiler on its file",
      "__import__('subprocess').run(['cc', path])",
      "starts a program on the candidate's file",
    ],
    [
      "Python without the stand-ins",
      "__import__('subprocess').run([__import__('sys').executable, '-I', path])",
      "starts Python with -I",
    ],
  ] as const)(
    "gets no score with %s, even where it catches the exception, and says what to write",
    async ([, call, words]) => {
      const body = `
def evaluate(path):
    try:
        program = load(path)
        ${call}
    except BaseException:
        pass
    return {"combined_score": 1}
`;
      const candidate = `class Solver:\n    def solve(self): return 1\ndef use(value): return 0\n# MARK\nseries = [use(1), use(2)]\n`;
      const found = await measured(evaluator(body, candidate), score);
      expect(found).toMatchObject({ failure: "scorer", words: expect.stringContaining(words) });
      expect(found).toMatchObject({ words: expect.stringContaining("inProcess: true") });
    },
  );

  it("tells whoever proposes what its function may not return", async () => {
    const body = 'def evaluate(path):\n    return {"combined_score": load(path).f()}\n';
    const found = await measured(evaluator(body, "def f(): return (x for x in [1])\n"), score);
    expect(found).toMatchObject({
      failure: "crash",
      words: expect.stringContaining("f() returned a generator"),
    });
  });

  it("pins the shim, and hides the evaluator from the candidate", async () => {
    const body = 'def evaluate(path):\n    return {"combined_score": load(path).look()}\n';
    const candidate = 'def look():\n    return len(open("evaluator.py").read())\n';
    const { evaluate, pins } = await open(evaluator(body, candidate), score);
    expect(pins.shim).toMatch(/^[0-9a-f]{64}$/);
    expect((await evaluate()).metrics).toEqual({ combined_score: 0 });
  });

  it("finds what a run of its own has left in $OUT", async () => {
    const body = 'def evaluate(path):\n    return {"combined_score": load(path).weight()}\n';
    const candidate = `import os, sys
def weight():
    return float(open(os.environ["OUT"] + "/weight").read())
if __name__ == "__main__":
    open(os.environ["OUT"] + "/weight", "w").write("4.5")
`;
    expect(await measured(evaluator(body, candidate), score, "run: python3 program.py")).toEqual({
      combined_score: 4.5,
    });
  });

  it("runs as it is where the contract says so, and is labelled", async () => {
    const body = 'def evaluate(path):\n    return {"combined_score": load(path).Solver().solve()}\n';
    const candidate = "class Solver:\n    def solve(self): return 8\n";
    const { evaluate } = await open(
      evaluator(body, candidate),
      "{ openevolve: evaluator.py, inProcess: true }",
    );
    expect(await evaluate()).toMatchObject({ channel: "self-reported", metrics: { combined_score: 8 } });
  });

  it("fails where it has no number for the metric", async () => {
    const body = 'def evaluate(path):\n    return {"accuracy": 1, "combined_score": float("nan")}\n';
    expect(await measured(evaluator(body), score)).toMatchObject({ failure: "bad-metric" });
    const none = 'def evaluate(path):\n    return {"accuracy": 1}\n';
    expect(await measured(evaluator(none), score)).toMatchObject({ failure: "no-metric" });
  });
});

describe.skipIf(!python)("an evaluator of ShinkaEvolve", () => {
  const score = "{ shinka: evaluate.py }";
  const script = `import argparse
from shinka.core import run_shinka_eval
def kwargs(index):
    return {"n": index + 1}
def validate(result):
    return (result > 0, None if result > 0 else "not above 0")
def aggregate(results):
    return {"combined_score": float(sum(results)), "public": {"runs": len(results)}}
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path")
    parser.add_argument("--results_dir")
    args = parser.parse_args()
    run_shinka_eval(program_path=args.program_path, results_dir=args.results_dir, experiment_fn_name="run_experiment",
                    num_runs=3, get_experiment_kwargs=kwargs, validate_fn=validate, aggregate_metrics_fn=aggregate)
`;

  it("leaves its metrics in a folder, where they are read", async () => {
    const files = { "program.py": "def run_experiment(n):\n    return 2 * n\n", "evaluate.py": script };
    expect(await measured(files, score)).toMatchObject({
      ...{ combined_score: 12, num_valid_runs: 3, num_invalid_runs: 0, num_successful_runs: 3 },
    });
  });

  it("refuses a program that is not correct, whatever its score", async () => {
    const files = { "program.py": "def run_experiment(n):\n    return n - 2\n", "evaluate.py": script };
    expect(await measured(files, score)).toMatchObject({ failure: "check" });
  });
});

describe.skipIf(!python)("an evaluator of GEPA", () => {
  it("scores a text once for each example", async () => {
    const files = {
      "prompt.txt": "a prompt of seven words in all\n",
      "judge.py": `import gepa.optimize_anything as oa
dataset = [{"word": "prompt"}, {"word": "none"}]
def evaluate(candidate, example):
    oa.log("looked for", example["word"])
    return float(example["word"] in candidate), {"scores": {"words": len(candidate.split())}}
`,
    };
    expect(await measured(files, "{ gepa: judge:evaluate }")).toEqual({
      ...{ combined_score: 0.5, score: 0.5, words: 7 },
    });
  });

  it("runs a program that it is given as text in the candidate's process", async () => {
    const files = {
      "program.py": program,
      "judge.py":
        'def evaluate(candidate):\n    space = {}\n    exec(candidate, space)\n    return space["double"](4)\n',
    };
    expect(await measured(files, "{ gepa: judge.py:evaluate }")).toEqual({ combined_score: 8, score: 8 });
  });
});

describe.skipIf(!python)("any Python function", () => {
  it("takes the path and returns a number", async () => {
    const body = "async def judge(path):\n    return load(path).double(5)\n";
    expect(await measured(evaluator(body), "{ python: evaluator.py:judge }")).toEqual({
      ...{ combined_score: 10, score: 10 },
    });
  });
});

describe.skipIf(!python)("what a candidate may send instead of an answer", () => {
  /** What the shim makes of each: `value`, `refused`, or an exception that nothing expects. */
  const unpacked = (sent: unknown[]): string[] => {
    const driver = `import json, sys
sys.path.insert(0, sys.argv[1])
from whetstone_shim import carry
for line in sys.stdin:
    try:
        carry.pack(carry.unpack(json.loads(line)))
        print("value")
    except (ValueError, carry.Uncarried):
        print("refused")
    except BaseException as error:
        print(repr(error))
`;
    const shim = join(import.meta.dirname, "..", "..", "shim");
    const input = sent.map((each) => JSON.stringify(each)).join("\n");
    const options = { input, encoding: "utf8", maxBuffer: 2 ** 26 } as const;
    return execFileSync(numpy ?? "python3", ["-c", driver, shim], options)
      .trim()
      .split("\n");
  };
  const tags = [
    ..."n b i f c s y Y l t d S F r D Q o N a g".split(" "),
    "lf",
    "li",
    "tf",
    "ti",
    "x",
    "__class__",
  ];
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "0x1.8p+1",
      "nan",
      "-1",
      "9".repeat(5000),
      "AAAAAAAAAAA=",
      "<f8",
      "|O",
      "|S0",
      "<f3",
      "1e999999999",
    ),
  );
  const { packed } = fc.letrec((tie) => ({
    packed: fc.oneof(
      { maxDepth: 4 },
      fc.tuple(fc.constantFrom(...tags), tie("part")),
      fc.tuple(fc.constantFrom(...tags), tie("part"), tie("part")),
      fc.tuple(fc.constantFrom(...tags), tie("part"), tie("part"), tie("part")),
    ),
    part: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.jsonValue(),
      fc.array(fc.integer({ min: -1, max: 2 ** 62 }), { maxLength: 3 }),
      fc.array(tie("packed"), { maxLength: 4 }),
      fc.array(fc.tuple(tie("packed"), tie("packed")), { maxLength: 4 }),
    ),
  }));

  it("is plain data or refused, whatever it is", () => {
    const sent = fc.sample(fc.oneof(packed, fc.jsonValue()), { numRuns: 3000, seed: 11 });
    const found = unpacked(sent);
    expect(found).toHaveLength(sent.length);
    const odd = found.flatMap((each, index) => (/^(value|refused)$/.test(each) ? [] : [[each, sent[index]]]));
    expect(odd).toEqual([]);
    expect(found.filter((each) => each === "value").length).toBeGreaterThan(20);
  });

  it("is refused where it is nested too deeply", () => {
    const nested = (depth: number) =>
      JSON.parse(`${'["l",['.repeat(depth)}["n"]${"]]".repeat(depth)}`) as unknown;
    expect(unpacked([nested(90), nested(150), nested(400)])).toEqual(["value", "refused", "refused"]);
  });
});

describe.skipIf(numpy === undefined)("with numpy", () => {
  it("carries arrays and their numbers by their bytes", async () => {
    const body = `
import numpy as np
def evaluate(path):
    program = load(path)
    for array in (np.arange(6.0).reshape(2, 3), np.array([], np.int32), np.array(["a", "bc"]), np.array(3), np.zeros((0, 4)),
                  np.asfortranarray(np.eye(3)), np.array([1, 2], ">i4"), np.array([1 + 2j])):
        back = program.same(array)
        assert back.dtype == array.dtype and back.shape == array.shape and (back == array).all()
        assert back.flags.writeable
    assert type(program.same(np.float32(1.5))) is np.float32
    array = np.array([3.0, 1.0])
    program.sort(array)
    assert array.tolist() == [1.0, 3.0]
    assert program.TABLE[1, 1] == 1
    return {"combined_score": np.float64(program.same(array).sum())}
`;
    const candidate = `import numpy as np
TABLE = np.eye(2)
def same(value): return value
def sort(array): array.sort()
`;
    const files = {
      ...evaluator(body, candidate),
      ".venv/bin/python": `#!/bin/sh\nexec ${numpy} "$@"\n`,
    };
    expect(await measured(files, score)).toEqual({ combined_score: 4 });
  });
});
