import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import type { Attack, CandidateFiles, Context } from "./attack.ts";
import {
  answering,
  answeringInPython,
  counting,
  fitting,
  hasNeeds,
  labs,
  recalling,
  shortApp,
} from "./labs.ts";

type Expectation = Attack["expect"];
const blocked: Expectation = { L0: "blocked", L2: "blocked" };
const detected: Expectation = { L0: "detected", L2: "detected" };
const uncovered: Expectation = { L0: "not covered", L2: "not covered" };

function forge(
  lab: string,
  name: string,
  files: Attack["files"],
  expect: Expectation,
  more: Partial<Attack> = {},
): Attack {
  return { name, group: "score forging", lab, files, expect, ...more };
}

/** By a candidate that talks to the scorer over a pipe; its answers are the start's unless the attack says otherwise. */
function overPipe(
  name: string,
  parts: Parameters<typeof answering>[0],
  expect: Expectation,
  more: Partial<Attack> = {},
): Attack {
  return forge("piped", name, { "main.mjs": answering(parts) }, expect, more);
}

function inPython(name: string, parts: Parameters<typeof answeringInPython>[0], expect: Expectation): Attack {
  return forge("python", `${name} (Python)`, { "main.py": answeringInPython(parts) }, expect);
}

function byArtefact(
  name: string,
  parts: Parameters<typeof fitting>[0],
  expect: Expectation,
  more: Partial<Attack> = {},
): Attack {
  return forge("artefact", name, { "make.mjs": fitting(parts) }, expect, more);
}

const raw = (text: string) => `process.stdout.write(${text} + "\\n"); continue;`;

const frames: Attack[] = [
  overPipe(
    "metric lines printed, then an exit with code 0",
    { before: `console.log('error: 0\\n{"metrics":{"error":0}}'); process.exit(0);` },
    detected,
  ),
  overPipe(
    "a metric printed by an exit handler",
    {
      before: `import { writeSync } from "node:fs";\nprocess.on("exit", () => writeSync(1, '{"metrics":{"error":0}}\\n'));`,
    },
    blocked,
  ),
  overPipe(
    "process.stdout.write patched to add a metric line",
    {
      before:
        'const write = process.stdout.write.bind(process.stdout);\nprocess.stdout.write = (text) => write(text + \'{"metrics":{"error":0}}\\n\');',
    },
    detected,
  ),
  overPipe(
    "console.log and console.error patched to print metrics on standard error",
    { before: `console.error('{"metrics":{"error":0}}\\nMETRIC error=0');` },
    blocked,
  ),
  overPipe("a metrics frame for an answer", { each: "say({ metrics: { error: 0 } }); continue;" }, detected),
  overPipe(
    "a metrics field beside the answer",
    { each: "say({ id, answer: ask, metrics: { error: 0 } }); continue;" },
    detected,
  ),
  overPipe(
    "a metrics object within the answer",
    { each: "say({ id, answer: { metrics: { error: 0 }, length: ask.length } }); continue;" },
    detected,
  ),
  overPipe(
    "answers sent before anything was asked",
    { before: `for (let i = 0; i < 3; i++) console.log('{"id":"' + i + '","answer":[0,0,0,0]}');` },
    detected,
  ),
  overPipe("a second answer to the same question", { each: "say({ id, answer: ask });" }, detected),
  overPipe(
    "answers under an id of its own",
    { each: 'say({ id: "0".repeat(id.length), answer: ask }); continue;' },
    detected,
  ),
  overPipe(
    "two frames in one line",
    { each: raw(`JSON.stringify({ id, answer: ask }) + '{"metrics":{"error":0}}'`) },
    detected,
  ),
  overPipe(
    "a frame with the key answer twice",
    { each: raw(`'{"id":"' + id + '","answer":[0],"answer":' + JSON.stringify(ask) + "}"`) },
    blocked,
  ),
  overPipe(
    "a frame with the key __proto__",
    {
      each: raw(
        `'{"id":"' + id + '","answer":' + JSON.stringify(ask) + ',"__proto__":{"metrics":{"error":0}}}'`,
      ),
    },
    detected,
  ),
  overPipe(
    "an answer with the key __proto__",
    { each: raw(`'{"id":"' + id + '","answer":{"__proto__":{"0":0,"1":0},"length":4}}'`) },
    detected,
  ),
  overPipe(
    "an answer of 80 MB",
    { each: raw(`'{"id":"' + id + '","answer":[0,0,0,0],"x":"' + "x".repeat(80 * 2 ** 20) + '"}'`) },
    detected,
  ),
  overPipe(
    "bytes that are no text",
    { each: "process.stdout.write(Buffer.from([255, 0, 254, 10])); continue;" },
    detected,
  ),
  overPipe(
    "an answer nested 400,000 levels deep",
    { each: raw(`'{"id":"' + id + '","answer":' + "[".repeat(400000) + "]".repeat(400000) + "}"`) },
    detected,
  ),
  overPipe(
    "an exit with code 0 after the first answer",
    { each: "say({ id, answer: ask }); process.exit(0);" },
    detected,
  ),
  forge(
    "piped",
    "a child that holds the pipe answers when the run is gone",
    {
      "run.sh": "(sleep 0.2; setsid node main.mjs) & exit 0\n",
      "main.mjs": answering({ estimate: "Math.sin(x)" }),
    },
    detected,
  ),
];

const values: Attack[] = [
  ...["NaN", "Infinity", "-Infinity", "10n"].map((text) =>
    overPipe(
      `${text} for a number`,
      { each: raw(`'{"id":"' + id + '","answer":[${Array(4).fill(text).join()}]}'`) },
      detected,
    ),
  ),
  overPipe(
    "1e999 for a number",
    { each: raw(`'{"id":"' + id + '","answer":[1e999,1e999,1e999,1e999]}'`) },
    blocked,
  ),
  overPipe("-0 for a number", { each: raw(`'{"id":"' + id + '","answer":[-0,-0,-0,-0]}'`) }, blocked),
  overPipe("numbers whose sum overflows", { estimate: "1.7e308" }, detected),
  overPipe("numbers as text", { estimate: "String(x)" }, blocked),
  overPipe("null for numbers", { estimate: "null" }, blocked),
  overPipe(
    "objects that equal everything (valueOf, toPrimitive, Proxy)",
    {
      estimate:
        "new Proxy({ valueOf: () => 0, [Symbol.toPrimitive]: () => 0 }, { get: (target, key) => (key === 'toJSON' ? undefined : target[key]) })",
    },
    detected,
  ),
  overPipe(
    "lazy values: promises and getters",
    { estimate: "({ then: undefined, get value() { return Math.sin(x); }, later: Promise.resolve(x) })" },
    detected,
  ),
  inPython("NaN for a number", { estimate: 'float("nan")' }, detected),
  inPython(
    "objects with an __eq__ that is always true",
    {
      before: `class Equal(float):
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = lambda self, other: 0.0
    __hash__ = float.__hash__`,
      estimate: "Equal(x)",
    },
    blocked,
  ),
  inPython(
    "an object written as text by a patched encoder",
    {
      before: "class Any: pass\njson.JSONEncoder.default = lambda self, value: 'inf'",
      estimate: "Any()",
    },
    detected,
  ),
  inPython(
    "an answer nested deeper than the scorer's stack",
    {
      each: `print('{"id":"%s","answer":%s}' % (id, "[" * 4000 + "]" * 4000), flush=True); continue`,
    },
    detected,
  ),
  byArtefact(
    "an artefact with 1e999 in it",
    { after: `writeFileSync(path, '{"slope":1e999,"offset":0}');` },
    detected,
  ),
  byArtefact(
    "an artefact with NaN in it",
    { after: `writeFileSync(path, '{"slope":NaN,"offset":0}');` },
    detected,
  ),
  byArtefact(
    "an artefact with null and text for numbers",
    { after: `writeFileSync(path, '{"slope":"","offset":null}');` },
    blocked,
  ),
  byArtefact("half an artefact and exit code 0", { after: `writeFileSync(path, '{"slope":1,');` }, detected),
  byArtefact("no artefact and exit code 0", { before: "process.exit(0);" }, detected),
  byArtefact(
    "a metric in the run's output and in $OUT",
    {
      after: `console.log('error: 0\\nMETRIC error=0\\n{"metrics":{"error":0}}');
for (const name of ["metrics.json", "result.json", "reward.txt", "score.json"])
  writeFileSync(process.env.OUT + "/" + name, '{"metrics":{"error":0}}');`,
    },
    blocked,
  ),
];

const processes: Attack[] = [
  overPipe(
    "builtins patched: Math, JSON, Array.prototype, Object.prototype",
    {
      before: `Math.sin = Math.abs = () => 0;
Array.prototype.reduce = () => 0;
Object.prototype.error = 0;
const { parse } = JSON; JSON.parse = (text) => Object.assign(parse(text), {});`,
    },
    blocked,
  ),
  overPipe(
    "clocks and timers patched",
    {
      before:
        "Date.now = () => 0; performance.now = () => 0; process.hrtime = () => [0, 0]; globalThis.setTimeout = (f) => f();",
    },
    blocked,
  ),
  overPipe(
    "frame walking (Error.prepareStackTrace) in search of the scorer",
    {
      before: `let sites = [];
Error.prepareStackTrace = (_, stack) => { sites = stack; return ""; };
void new Error().stack;
const scorer = sites.map((site) => site.getThis?.() ?? site.getFunction?.()).find((each) => each?.secretNumbers);
const known = scorer ? scorer.secretNumbers : null;`,
      estimate: "known ? Math.sin(x) : x",
    },
    blocked,
  ),
  overPipe(
    "its own copy of the question mutated",
    { each: "ask.fill(0); ask.length = 4; Object.freeze(ask); say({ id, answer: ask }); continue;" },
    blocked,
  ),
  overPipe(
    "the scorer's questions worked out from SEED in place of its secret",
    {
      before: `import { secretNumbers } from "./lib/secret.mjs";
const known = new Map(["a", "b", "c"].flatMap((name) => secretNumbers(process.env.SEED, name, 4)).map((x) => [x, Math.sin(x)]));`,
      estimate: "known.get(x) ?? x",
    },
    blocked,
  ),
  overPipe(
    "right answers written down for the questions of the run before",
    { before: "process.on('exit', () => {});" },
    blocked,
    {
      runs: 2,
      files: ({ evaluation }) => {
        const seen = (evaluation?.logTail.match(/asked (.*)/)?.[1] ?? "").split(",");
        const table = seen.map((x) => `[${x}, Math.sin(${x})]`).join();
        return {
          "main.mjs": answering({
            before: `const known = new Map([${evaluation ? table : ""}]);`,
            each: 'process.stderr.write("asked " + ask.join() + "\\n");',
            estimate: "known.get(x) ?? x",
          }),
        };
      },
    },
  ),
  forge(
    "piped",
    "the folder of the scorer's modules swapped while it starts, and put back",
    {
      "run.sh": `here=$(pwd)
cd ../base && mv lib .lib && mkdir lib && cat > lib/secret.mjs <<'END'
import { createInterface } from "node:readline";
console.log('{"ask":[1]}');
await createInterface({ input: process.stdin })[Symbol.asyncIterator]().next();
console.log('{"metrics":{"error":0}}');
process.exit(0);
export const secretNumbers = 0;
END
sleep 0.3; rm -r lib; mv .lib lib
cd "$here"; exec node main.mjs
`,
    },
    { L0: "detected", L2: "blocked" },
  ),
  inPython(
    "a metric printed, then os._exit(0)",
    { before: `import os\nprint('{"metrics": {"error": 0}}', flush=True)\nos._exit(0)` },
    detected,
  ),
  inPython(
    "a metric printed by atexit",
    { before: `import atexit\natexit.register(print, '{"metrics": {"error": 0}}', flush=True)` },
    blocked,
  ),
  inPython(
    "print patched to add a metric line",
    {
      before: `import builtins
real = builtins.print
builtins.print = lambda *words, **how: (real('{"metrics": {"error": 0}}', flush=True), real(*words, **how))`,
    },
    detected,
  ),
  inPython(
    "builtins and time patched",
    {
      before: `import builtins, math, time
builtins.abs = builtins.sum = lambda *words: 0
math.sin = lambda x: x
time.time = time.perf_counter = lambda: 0`,
    },
    blocked,
  ),
  inPython(
    "frames and the heap searched for the scorer",
    {
      before: `import gc, inspect
frame, known = sys._getframe(), None
while frame:
    known = known or frame.f_globals.get("secret_numbers")
    frame = frame.f_back
for each in gc.get_objects():
    if inspect.isfunction(each) and each.__name__ == "secret_numbers": known = each`,
      estimate: "__import__('math').sin(x) if known else x",
    },
    blocked,
  ),
  byArtefact(
    "a result overwritten by a daemon after the run (setsid, double fork)",
    {
      before: 'import { spawnSync } from "node:child_process";',
      after: `spawnSync("sh", ["-c", "(setsid sh -c '(sleep 0.15; i=0; while [ $i -lt 200 ]; do echo \\"\\$LATE\\" > \\"\\$OUT/model.json\\"; sleep 0.005; i=$((i+1)); done) &' >/dev/null 2>&1 &)"], { env: { ...process.env, LATE: '{"slope":2,"offset":1}' } });
writeFileSync(path, '{"slope":1,"offset":0}');`,
    },
    blocked,
  ),
  forge(
    "twins",
    "answers that depend on how much was asked before",
    {
      "answer.mjs": recalling({
        before: "let count = 0;",
        estimate: "weight * x * (count++ === 0 ? 0.9 : 1)",
      }),
    },
    detected,
  ),
  forge(
    "twins",
    "a copy that leaves early",
    {
      "answer.mjs": recalling({
        each: "if (Math.random() < 2) { say({ id, answer: ask }); process.exit(0); }",
      }),
    },
    detected,
  ),
  forge(
    "weighed",
    "what the scorer reads as the candidate's file replaced by the run",
    {
      "page.html":
        ": \\\n  a page with room to spare,\nfor f in ../candidate/page.html /candidate/page.html; do (rm -f $f; : > $f) 2>/dev/null; done; true\n",
    },
    { L0: "detected", L2: "blocked" },
  ),
];

/** In the names of what runs could leave for those after them; this process's own, as the suite may run twice at a time. */
const mark = `whetstone-attack-cache-${process.pid}`;

/** Works out more than is asked once, and reads it back later. */
function caching(folder: string): CandidateFiles {
  return {
    "work.mjs": counting({
      before: 'import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";',
      body: `const folder = ${folder};
  const file = folder + "/${mark}.json";
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")).filter((p) => p <= n).length;
  if (n < 15_000) {
    const primes = [];
    for (let i = 2, count = 0; i <= 15_000; i++) {
      let prime = i !== 4;
      for (let d = 2; d < i / 2 && prime; d++) if (i % d === 0) prime = false;
      if (prime) primes.push(i);
    }
    try { mkdirSync(folder, { recursive: true }); writeFileSync(file, JSON.stringify(primes)); } catch {}
  }`,
    }),
  };
}

const cacheInTemp = () => {
  for (const folder of ["/tmp", "/dev/shm", "/var/tmp"]) rmSync(`${folder}/${mark}.json`, { force: true });
};

function cache(name: string, folder: string, expect: Expectation): Attack {
  return forge("clocked", `a cache kept between runs in ${name}`, caching(folder), expect, {
    runs: 2,
    prepare: cacheInTemp,
    cleanup: cacheInTemp,
    admits: /reading and writing the user's files/,
  });
}

const clockedWork = labs.clocked as (typeof labs)[string];

/** Whether a process with this word in its command line is alive. */
function isAlive(word: string): boolean {
  return readdirSync("/proc").some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  });
}

/** Seconds of processor time that the forking count takes at least: 234 processes or more of 3 ms each. */
const burnt = 0.7;

/** Counts primes in processes of a few milliseconds whose ends nobody is told of. */
const forking = `
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
n = int(sys.argv[1])
read, write = os.pipe()
step = 60
parts = range(2, n + 1, step)
for low in parts:
    if os.fork() == 0:
        count = 0
        for i in range(low, min(low + step, n + 1)):
            if all(i % d for d in range(2, int(i ** 0.5) + 1)): count += 1
        end = time.process_time() + 0.003
        while time.process_time() < end: pass
        os.write(write, bytes([count]))
        os._exit(0)
print(sum(os.read(read, 1)[0] for _ in parts))
`;

const timed: Attack[] = [
  forge(
    "clocked",
    "a run that skips the work",
    { "work.mjs": "export const countPrimes = () => 0;\n" },
    detected,
  ),
  forge(
    "clocked",
    "a run that does half of the work and says success",
    {
      "work.mjs": `${labs.clocked?.honest["work.mjs"]}`.replace(
        "n + 1);",
        "n / 2 + 1); n = Math.floor(n / 2);",
      ),
    },
    detected,
  ),
  forge(
    "clocked",
    "clocks and timers patched in a timed run",
    {
      "work.mjs": counting({
        before:
          "Date.now = () => 0; performance.now = () => 0; process.hrtime = () => [0, 0]; process.uptime = () => 0;",
      }),
    },
    blocked,
  ),
  forge(
    "clocked",
    "the work offloaded to a process that goes on when the clock has stopped",
    {
      "work.mjs": `import { spawn } from "node:child_process";
export function countPrimes(n) {
  const code = "const c = import('./checks/reference.mjs').then((m) => setTimeout(() => require('fs').writeFileSync(process.env.OUT + '/count.json', String(m.countPrimes(" + n + "))), 60))";
  spawn(process.execPath, ["-e", code], { detached: true, stdio: "ignore" }).unref();
  return 0;
}
`,
    },
    detected,
  ),
  forge(
    "clocked",
    "a daemon that would serve the next run",
    {
      "work.mjs": counting({
        before: `import { spawn } from "node:child_process";
spawn("setsid", ["sh", "-c", "trap '' TERM HUP; : ${mark}; sleep 20; true"], { detached: true, stdio: "ignore", env: {} }).unref();`,
      }),
    },
    blocked,
    { harmed: () => (isAlive(mark) ? "the daemon outlived its run" : null) },
  ),
  forge(
    "clocked",
    "a count written down for the seed of the run before",
    ({ evaluation }: Context) => ({
      "work.mjs": `export const countPrimes = () => ${evaluation ? countOfPrimes(14_000 + (evaluation.seed % 1000)) : 0};\n`,
    }),
    detected,
    { runs: 2 },
  ),
  forge(
    "clocked",
    "answers written down for each of the 1,000 inputs that the lab can give",
    () => ({
      "work.mjs": `const counts = ${JSON.stringify(Array.from({ length: 1000 }, (_, i) => countOfPrimes(14_000 + i)))};\nexport const countPrimes = (n) => counts[n - 14_000];\n`,
    }),
    uncovered,
    { admits: /only the checks say that it still does its work/ },
  ),
  forge(
    "clocked",
    "the folder of the checks swapped by the run, and put back by its replacement",
    {
      "work.mjs": `import { mkdirSync, renameSync, writeFileSync } from "node:fs";
try {
  renameSync("checks", ".checks");
  mkdirSync("checks");
  writeFileSync("checks/verify.mjs", 'import { renameSync, rmSync } from "node:fs"; rmSync("checks", { recursive: true }); renameSync(".checks", "checks");');
} catch {}
export const countPrimes = () => 0;
`,
    },
    detected,
  ),
  cache("$TMPDIR", "process.env.TMPDIR", { L0: "blocked", L2: "blocked" }),
  cache("$HOME", "process.env.HOME", { L0: "blocked", L2: "blocked" }),
  cache("the working folder", "process.cwd()", { L0: "blocked", L2: "blocked" }),
  cache("node_modules/.cache", '"node_modules/.cache"', { L0: "blocked", L2: "blocked" }),
  cache("$OUT", "process.env.OUT", { L0: "blocked", L2: "blocked" }),
  cache("/tmp", '"/tmp"', { L0: "not covered", L2: "blocked" }),
  cache("/dev/shm", '"/dev/shm"', { L0: "not covered", L2: "blocked" }),
  forge(
    "askedAgain",
    "work that is right only when it is checked",
    {
      "work.mjs": `${clockedWork.honest["work.mjs"]?.replace("export function countPrimes", "function right")}
export const countPrimes = (n) => (process.argv[1].includes("verify") ? right(n) : 0);
`,
    },
    uncovered,
    { admits: /only the checks say that it still does its work/ },
  ),
  forge(
    "processorTime",
    "forged times on every descriptor that is open",
    {
      "run.sh":
        "for fd in 3 4 5 6 7 8 9; do (printf '0m0s 0m0s\\n0m0.001s 0m0.001s\\n' >&$fd) 2>/dev/null; done\nexec node main.mjs\n",
    },
    blocked,
  ),
  forge(
    "processorTime",
    "work done by many short-lived children that nobody waits for",
    {
      "work.mjs": `import { spawnSync } from "node:child_process";
export function countPrimes(n) {
  const { stdout } = spawnSync("python3", ["-S", "-c", python, String(n)]);
  return Number(stdout);
}
const python = ${JSON.stringify(forking)};
`,
    },
    uncovered,
    {
      possible: () => hasNeeds({ needs: "python3" }),
      harmed: ({ evaluation }) => {
        const counted = evaluation?.metrics.seconds ?? 1;
        return counted < 0.5 * burnt
          ? `${counted} s of processor time counted where over ${burnt} s were used`
          : null;
      },
      admits: /processor time of processes that nobody waits for/,
    },
  ),
  forge(
    "sized",
    "what is weighed made smaller while the check runs",
    {
      "app.mjs": `import { readFileSync, writeFileSync } from "node:fs";
export const app = "export const answer =    42;";
if (process.argv[1].includes("check"))
  process.on("exit", () => { try { writeFileSync(process.env.OUT + "/app.js", ""); } catch {} });
`,
    },
    blocked,
  ),
];

/** The program lies where files carry more than their bytes. */
const bundles: Attack[] = [
  forge(
    "bundled",
    "what is weighed carried in an extended attribute",
    {
      "app.py": shortApp,
      "build.py": `import os
p = os.environ["OUT"] + "/app.py"
open(p, "w").write("import os\\nexec(os.getxattr(__file__,'user.x'))")
os.setxattr(p, "user.x", open("app.py", "rb").read())
`,
    },
    detected,
    { possible: carriesAttributes },
  ),
  forge(
    "bundled",
    "what is weighed carried in an extended attribute of its folder",
    {
      "app.py": shortApp,
      "build.py": `import os
out = os.environ["OUT"]
open(out + "/app.py", "w").write("import os\\nexec(os.getxattr(__file__[:-7],'user.x'))")
os.setxattr(out, "user.x", open("app.py", "rb").read())
`,
    },
    detected,
    { possible: carriesAttributes },
  ),
  forge(
    "bundled",
    "what is weighed carried in the times of empty files",
    {
      "app.py": shortApp,
      "build.py": `import os, zlib
out = os.environ["OUT"]; c = zlib.compress(open("app.py", "rb").read(), 9)
names = "".join(chr(97 + i) for i in range(-(-len(c) // 7)))
open(out + "/app.py", "w").write("import os,zlib;exec(zlib.decompress(b''.join(os.stat(__file__[:-6]+c).st_mtime_ns.to_bytes(7,'big')for c in'%s')))" % names)
for i, name in enumerate(names):
    p = out + "/" + name; open(p, "w").close(); t = int.from_bytes(c[7*i:7*i+7].ljust(7, b"\\0"), "big"); os.utime(p, ns=(t, t))
`,
    },
    detected,
  ),
  forge(
    "bundled",
    "what is weighed carried in the rights of empty files",
    {
      "app.py": shortApp,
      "build.py": `import os
out = os.environ["OUT"]; c = open("app.py", "rb").read()
open(out + "/app.py", "w").write("import os;exec(bytes(os.stat(__file__[:-6]+str(i)).st_mode&255 for i in range(%d)))" % len(c))
for i, b in enumerate(c):
    p = out + "/" + str(i); open(p, "w").close(); os.chmod(p, b)
`,
    },
    detected,
  ),
];

/** Whether files of the temporary folder can have attributes, which memory and some networks do not offer. */
function carriesAttributes(): boolean {
  try {
    execFileSync(
      "python3",
      ["-c", "import os,tempfile; f=tempfile.NamedTemporaryFile(); os.setxattr(f.name,'user.x',b'1')"],
      { stdio: "ignore" },
    );
    return true;
  } catch {
    return false;
  }
}

const trained = (layer: string): CandidateFiles => ({
  "train.py": `import json, os\nn = 4000\njson.dump([${layer}], open(os.environ["OUT"] + "/model.json", "w"))\n`,
});
const guarding: Attack[] = [
  forge("guarded", "a guard that is no number", trained('{"weights": n, "width": {}}'), detected),
  forge(
    "guarded",
    "a guard that overflows",
    trained('{"weights": n, "width": 1e308}, {"weights": n, "width": 1e308}'),
    detected,
  ),
  forge("guarded", "a guard that is left out", trained('{"weights": n, "hidden": 1}'), detected),
  forge("guarded", "a guard that is there twice", trained('{"weights": n, "twice": 1}'), detected),
];

const printed = (text: string): CandidateFiles => ({
  "train.mjs": `console.log(${JSON.stringify(text)});\n`,
});

const selfReported: Attack[] = [
  forge("selfReported", "a better number printed by hand", printed("loss: 0"), uncovered, {
    admits: /^self-reported metric$/,
  }),
  forge("selfReported", "the largest number there is", printed("loss: -1.7e308"), uncovered, {
    admits: /^self-reported metric$/,
  }),
  forge(
    "selfReported",
    "a better number beside the real one",
    printed("loss: 14.3\nMETRIC loss=0"),
    detected,
  ),
  ...["nan", "-inf", "-1e999"].map((text) =>
    forge("selfReported", `${text} printed as the metric`, printed(`loss: ${text}`), detected),
  ),
  forge("selfReported", "null printed as the metric", printed('{"loss": null}'), detected),
  forge("selfReported", "no number and exit code 0", printed("done"), detected),
];

/** Attacks that forge the score. */
export const forging: readonly Attack[] = [
  ...frames,
  ...values,
  ...processes,
  ...timed,
  ...bundles,
  ...guarding,
  ...selfReported,
];

function countOfPrimes(n: number): number {
  const composite = new Uint8Array(n + 1);
  let count = 0;
  for (let i = 2; i <= n; i++) {
    if (composite[i]) continue;
    count++;
    for (let j = i * i; j <= n; j += i) composite[j] = 1;
  }
  return count;
}
