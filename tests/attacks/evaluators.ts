import { program } from "../support/lab.ts";
import type { Attack } from "./attack.ts";
import type { AttackedLab } from "./labs.ts";

/**
 * The program of the labs with an evaluator of another tool: `estimate` is an expression of x; `before` are statements of
 * the module, `each` of the function that is called.
 */
function estimating({ estimate = "x", before = "", each = "" } = {}): string {
  return `import sys
${before}
def estimate_all(xs):
    ${each || "pass"}
    return [${estimate} for x in xs]
`;
}

/** It trusts the candidate as evaluators of those tools do: arithmetic, `==` and `<` on whatever comes back. */
const judging = `import importlib.util, math, random
SHIFT = 0.3456789
def judge(path):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    numbers = random.Random(1)
    xs = [numbers.uniform(0.5, 1.5) for _ in range(8)]
    values = program.estimate_all(xs)
    if len(values) != len(xs):
        raise ValueError("an answer of another length")
    exact, error = 0, 0.0
    for value, x in zip(values, xs):
        if value == math.sin(x) + SHIFT:
            exact += 1
        error += abs(value - math.sin(x) - SHIFT)
        if value < -10:
            raise ValueError("out of range")
    return exact + 1 / (1 + error)
`;

const openevolve = `${judging}
from openevolve.evaluation_result import EvaluationResult
def evaluate(program_path):
    try:
        return EvaluationResult(metrics={"combined_score": judge(program_path)}, artifacts={})
    except Exception as error:
        return {"combined_score": 0.0, "error": str(error)}
`;

const shinka = `import argparse, math, random
from shinka.core import run_shinka_eval
SHIFT = 0.3456789
def kwargs(index):
    numbers = random.Random(index)
    return {"xs": [numbers.uniform(0.5, 1.5) for _ in range(4)]}
def aggregate(results):
    error = sum(abs(value - math.sin(x) - SHIFT) for index, values in enumerate(results)
                for value, x in zip(values, kwargs(index)["xs"]))
    return {"combined_score": 1 / (1 + error)}
def validate(values):
    return len(values) == 4, "another length"
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path")
    parser.add_argument("--results_dir")
    args = parser.parse_args()
    run_shinka_eval(args.program_path, args.results_dir, "estimate_all", 2, get_experiment_kwargs=kwargs,
                    validate_fn=validate, aggregate_metrics_fn=aggregate)
`;

function evaluated(file: string, text: string, score: string): AttackedLab {
  return {
    files: {
      "program.md": program(
        `metric: combined_score\nchange: [program.py]\nscore: ${score}\nbudget: { time: 8s, memory: 512MB }`,
      ),
      "program.py": estimating(),
      [file]: text,
    },
    honest: { "program.py": estimating({ estimate: "x - x ** 3 / 6 + 0.3" }) },
    nothing: { "program.py": `# nothing new\n${estimating()}` },
    margin: 0,
    needs: "python3",
  };
}

export const evaluatorLabs = {
  openevolve: evaluated("evaluator.py", openevolve, "{ openevolve: evaluator.py }"),
  shinka: evaluated("evaluate.py", shinka, "{ shinka: evaluate.py }"),
  inProcess: evaluated("evaluator.py", openevolve, "{ openevolve: evaluator.py, inProcess: true }"),
} satisfies Record<string, AttackedLab>;

type Expectation = Attack["expect"];
const blocked: Expectation = { L0: "blocked", L2: "blocked" };
const detected: Expectation = { L0: "detected", L2: "detected" };

function forge(
  name: string,
  parts: Parameters<typeof estimating>[0],
  expect: Expectation,
  more: Partial<Attack> = {},
): Attack {
  const files = { "program.py": estimating(parts) };
  return { name, group: "score forging", lab: "openevolve", files, expect, ...more };
}

/** Better than everything, whatever it is compared with. */
const best = `class Best(float):
    __eq__ = __ge__ = __gt__ = lambda self, other: True
    __lt__ = __le__ = lambda self, other: False
    __rtruediv__ = lambda self, other: 99.0
    __sub__ = __rsub__ = __add__ = __radd__ = __abs__ = lambda self, *other: Best(0)
    __hash__ = float.__hash__`;
/** What the shim's own answer would be if the candidate replaced it. */
const answers = (answer: string) =>
  `import __main__\n__main__.answer = lambda question: (${answer}) if question["op"] == "call" else {"module": 0, "names": {"estimate_all": ["f", None, False]}}`;

export const evaluatorAttacks: Attack[] = [
  forge(
    "numbers of a class whose comparisons and sums are always the best",
    { before: best, estimate: "Best(x)" },
    blocked,
  ),
  forge(
    "numbers of a class that is always the best, where the evaluator imports the candidate",
    { before: best, estimate: "Best(x)" },
    { L0: "not covered", L2: "not covered" },
    { lab: "inProcess", admits: /self-reported metric/ },
  ),
  forge(
    "numbers that are objects with __float__ and __eq__",
    { before: "class Any:\n    __eq__ = lambda *_: True\n    __float__ = lambda _: 0.0", estimate: "Any()" },
    blocked,
  ),
  forge(
    "numbers of a class whose __class__ lies, and whose hash and truth do",
    {
      before:
        "class Liar:\n    __class__ = property(lambda self: float)\n    __eq__ = __bool__ = lambda *_: True\n    __hash__ = lambda _: 0\n    __float__ = __abs__ = lambda _: 0.0",
      estimate: "Liar()",
    },
    blocked,
  ),
  forge(
    "an array of a numpy of its own making, with items to unpickle",
    {
      before: `import types
numpy = types.ModuleType("numpy")
class ndarray:
    dtype = type("dtype", (), {"str": "|O", "hasobject": False, "kind": "f", "fields": None})()
    shape, size, ndim, itemsize, nbytes = (8,), 8, 1, 8, 64
    tobytes = lambda self, *_: bytes(64)
    tolist = lambda self: [Best()] * 8
    __len__ = lambda self: 8
    __array_interface__ = {"typestr": "|O", "shape": (8,), "data": (0, False), "version": 3}
class Best(float):
    __sub__ = __rsub__ = __abs__ = lambda self, *other: 0.0
    __eq__ = lambda self, other: True
numpy.ndarray = ndarray
sys.modules["numpy"] = numpy`,
      each: "return ndarray()",
    },
    blocked,
  ),
  forge(
    "pickle, copy and struct patched to hand over what runs when it is opened",
    {
      before: `import copy, pickle, struct
class Runs(float):
    def __reduce__(self):
        return (__import__("os")._exit, (0,))
    __deepcopy__ = lambda self, memo: Runs(0)
pickle.dumps = lambda *_, **__: b"cos\\n_exit\\n(I0\\ntR."
struct.pack = lambda *_: bytes(8)`,
      estimate: "Runs(x)",
    },
    blocked,
  ),
  forge(
    "lists that hold themselves",
    { each: "endless = []; endless.append(endless)\n    sys.setrecursionlimit(10 ** 6)\n    return endless" },
    blocked,
  ),
  forge("whole numbers of 400 digits", { estimate: "10 ** 400" }, blocked),
  forge("numbers as text", { estimate: "str(x)" }, blocked),
  forge("NaN for every number (evaluator)", { estimate: 'float("nan")' }, detected),
  forge(
    "the evaluator's own list emptied, and an answer of no numbers",
    { each: "xs.clear()", estimate: "x" },
    blocked,
  ),
  forge(
    "builtins, math and random patched",
    {
      before:
        "import builtins, math, random\nbuiltins.abs = math.sin = lambda x: 0\nrandom.Random.uniform = lambda *_: 0\nbuiltins.sum = lambda *_: 0",
    },
    blocked,
  ),
  forge(
    "json patched to print metrics for an answer",
    { each: `import json; json.dumps = lambda frame: '{"metrics":{"combined_score":99}}'` },
    detected,
  ),
  forge(
    "metrics printed, on both streams and to descriptors 1 and 2",
    {
      before: `import os
text = 'combined_score: 99\\nMETRIC combined_score=99\\n{"metrics":{"combined_score":99}}\\n'
print(text); print(text, file=sys.stderr)
os.write(1, text.encode()); os.write(2, text.encode())`,
    },
    blocked,
  ),
  forge(
    "metrics written to every descriptor that is open",
    {
      before: `import os
for fd in range(3, 256):
    try:
        os.write(fd, b'{"metrics":{"combined_score":99}}\\n')
    except OSError:
        pass`,
    },
    detected,
  ),
  forge("sys.exit(0) when it is imported", { before: "sys.exit(0)" }, blocked),
  forge("os._exit(0) when it is imported", { before: "import os; os._exit(0)" }, detected),
  forge(
    "the shim's own answer replaced by bytes to unpickle",
    { before: answers('{"value": ["y", "gASVAAAA"]}') },
    blocked,
  ),
  forge(
    "the shim's own answer replaced by an array of objects",
    { before: answers('{"value": ["a", "|O", [1], "AAAAAAAAAAA="]}') },
    blocked,
  ),
  forge(
    "the shim's own answer nested 900 levels deep",
    { before: answers('{"value": __import__("json").loads("[" * 900 + "]" * 900)}') },
    blocked,
  ),
  forge(
    "an exception that is called SystemExit",
    { each: 'raise type("SystemExit", (Exception,), {})("0")' },
    blocked,
  ),
  forge(
    "a call that never returns and prints without end",
    { each: "while True: print('x' * 65536)" },
    detected,
  ),
  forge(
    "the evaluator's file read for its secret number",
    {
      before: `import glob, math, os, re
def look():
    for path in ["evaluator.py", "../base/evaluator.py", *glob.glob("/w/*.py")]:
        try:
            found = re.search("SHIFT = ([0-9.]+)", open(path).read())
            if found:
                return float(found[1])
        except OSError:
            pass
    return 0.0
shift = look()`,
      estimate: "math.sin(x) + shift if shift else x",
    },
    { L0: "not covered", L2: "blocked" },
    { admits: /hidden paths/ },
  ),
  forge(
    "metrics.json and correct.json left wherever it may write",
    {
      before: `import json, os
for folder in (os.environ["OUT"], ".", "/tmp", "/candidate"):
    for name, content in (("metrics", {"combined_score": 99}), ("correct", {"correct": True})):
        try:
            with open(f"{folder}/{name}.json", "w") as stream:
                json.dump(content, stream)
        except OSError:
            pass`,
    },
    blocked,
    { lab: "shinka" },
  ),
  forge("an answer of another length", { estimate: "x", each: "xs.pop()" }, detected, { lab: "shinka" }),
  forge(
    "numbers of a class that is always the best (Shinka)",
    { before: best, estimate: "Best(x)" },
    blocked,
    { lab: "shinka" },
  ),
];
