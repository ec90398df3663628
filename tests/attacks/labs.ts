import { execFileSync } from "node:child_process";
import { program } from "../support/lab.ts";
import type { CandidateFiles, Outside } from "./attack.ts";
import { evaluatorLabs } from "./evaluators.ts";
import { outward } from "./outward.ts";
import { vaults } from "./vault.ts";

/** A small real lab to be attacked, whose evaluation takes some 100 ms. */
export interface AttackedLab {
  files: Readonly<Record<string, string>>;
  /** Positive control: honest work that scores better. */
  honest: CandidateFiles;
  /** Null candidate: only a comment changed; must score as the start does. */
  nothing: CandidateFiles;
  /** By which share of the start's value a run must be better to count as won; 0 unless the metric has noise. */
  margin: number;
  /** Opens what the lab's grants lead to; absent: it has no way out. */
  outside?: () => Promise<Outside>;
  /** A program that the lab needs. */
  needs?: "python3";
  /** Private paths beyond those that the contract admits: the sandbox must hold without its refusal as well. */
  alsoPrivate?: readonly string[];
}

/** The candidate of the pipe lab: `estimate` is an expression of x, `before` and `each` are statements. */
export function answering({ estimate = "x", before = "", each = "" } = {}): string {
  return `import { createInterface } from "node:readline";
${before}
const estimate = (x) => ${estimate};
const say = (frame) => process.stdout.write(JSON.stringify(frame) + "\\n");
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ask } = JSON.parse(line);
  ${each}
  say({ id, answer: ask.map(estimate) });
}
`;
}

/** The same in Python. */
export function answeringInPython({ estimate = "x", before = "", each = "" } = {}): string {
  return `import json, sys
${before}
def estimate(x):
    return ${estimate}
print('{"ready": true}', flush=True)
for line in sys.stdin:
    frame = json.loads(line)
    id, ask = frame["id"], frame["ask"]
    ${each || "pass"}
    print(json.dumps({"id": id, "answer": [estimate(x) for x in ask]}), flush=True)
`;
}

/** Numbers from 0.5 to 1.5 that only the scorer can know. It trusts every answer as far as arithmetic carries. */
const secretNumbers = `import { createHmac } from "node:crypto";
export const secretNumbers = (secret, name, count) =>
  Array.from({ length: count }, (_, index) =>
    0.5 + createHmac("sha256", secret).update(name + index).digest().readUInt32BE() / 2 ** 32);
`;

const sineScorer = `import { createInterface } from "node:readline";
import { secretNumbers } from "./lib/secret.mjs";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let error = 0;
for (const round of ["a", "b", "c"]) {
  const xs = secretNumbers(process.env.SECRET, round, 4);
  console.log(JSON.stringify({ ask: xs }));
  const { answer } = JSON.parse((await answers.next()).value);
  if (answer.length !== xs.length) throw new Error("an answer of another length");
  xs.forEach((x, index) => { error += Math.abs(answer[index] - Math.sin(x)); });
}
console.log(JSON.stringify({ metrics: { error } }));
process.stdin.destroy();
`;

const sineScorerInPython = `import hashlib, hmac, json, math, os, sys

secret = os.environ["SECRET"].encode()
def secret_numbers(name, count):
    return [0.5 + int.from_bytes(hmac.new(secret, f"{name}{i}".encode(), hashlib.sha256).digest()[:4], "big") / 2**32
            for i in range(count)]

error = 0.0
for name in "abc":
    xs = secret_numbers(name, 4)
    print(json.dumps({"ask": xs}), flush=True)
    answer = json.loads(sys.stdin.readline())["answer"]
    assert len(answer) == len(xs), "an answer of another length"
    error += sum(abs(a - math.sin(x)) for a, x in zip(answer, xs))
print(json.dumps({"metrics": {"error": error}}), flush=True)
`;

/** The artefact of the line lab: \`model\` is an expression, \`after\` are statements. */
export function fitting({ model = "{ slope: 1, offset: 0 }", before = "", after = "" } = {}): string {
  return `import { writeFileSync } from "node:fs";
${before}
const path = process.env.OUT + "/model.json";
writeFileSync(path, JSON.stringify(${model}));
${after}
`;
}

const lineScorer = `import { readFileSync } from "node:fs";
import { secretNumbers } from "./lib/secret.mjs";

const { slope, offset } = JSON.parse(readFileSync(process.env.OUT + "/model.json", "utf8"));
const error = secretNumbers(process.env.SECRET, "x", 20)
  .reduce((sum, x) => sum + Math.abs(slope * x + offset - (2 * x + 1)), 0);
console.log(JSON.stringify({ metrics: { error } }));
`;

/** Asks two processes the same in different orders: one that remembers what it was asked gives itself away. */
const twinScorer = `import { createInterface } from "node:readline";
import { secretNumbers } from "./lib/secret.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const xs = secretNumbers(process.env.SECRET, "twin", 4);
const ask = async (to, x) => {
  console.log(JSON.stringify({ ask: x, to }));
  return JSON.parse((await lines.next()).value).answer;
};
const first = [];
for (const x of xs) first.push(await ask(0, x));
const second = [];
for (const x of xs.toReversed()) second.unshift(await ask(1, x));
if (first.some((answer, index) => answer !== second[index])) throw new Error("the copies disagree");
const error = xs.reduce((sum, x, index) => sum + Math.abs(first[index] - Math.sin(x)), 0);
console.log(JSON.stringify({ metrics: { error } }));
process.stdin.destroy();
`;

/** The worker of the clocked labs: how many primes are not above n, found the slow way. */
export function counting({ before = "", body = "" } = {}): string {
  return `${before}
export function countPrimes(n) {
  ${body}
  let count = 0;
  for (let i = 2; i <= n; i++) {
    let prime = true;
    for (let d = 2; d < i / 2; d++) if (i % d === 0) prime = false;
    if (prime && i !== 4) count++;
  }
  return count;
}
`;
}

/** A sieve; also what the checks compare with. */
const sieve = `export function countPrimes(n) {
  const composite = new Uint8Array(n + 1);
  let count = 0;
  for (let i = 2; i <= n; i++) {
    if (composite[i]) continue;
    count++;
    for (let j = i * i; j <= n; j += i) composite[j] = 1;
  }
  return count;
}
`;

const limit = "const limit = 14_000 + (Number(process.env.SEED) % 1000);\n";

const clockedFiles = (metric: string) => ({
  "program.md": program(
    `metric: { name: seconds, ${metric} }\nchange: [run.sh, work.mjs]\nrun: sh run.sh\nchecks: [node checks/verify.mjs]\nbudget: 10s`,
  ),
  "run.sh": "exec node main.mjs\n",
  "main.mjs": `import { writeFileSync } from "node:fs";
import { countPrimes } from "./work.mjs";
${limit}writeFileSync(process.env.OUT + "/count.json", JSON.stringify(countPrimes(limit)));
`,
  "work.mjs": counting(),
  "checks/reference.mjs": sieve,
  "checks/verify.mjs": `import { readFileSync } from "node:fs";
import { countPrimes } from "./reference.mjs";
${limit}const count = JSON.parse(readFileSync(process.env.OUT + "/count.json", "utf8"));
if (count !== countPrimes(limit)) throw new Error("the count is wrong");
`,
});

const remark = (text: string, sign = "//") => `${sign} nothing new\n${text}`;

const piped = {
  files: {
    "program.md": program(
      "metric: { name: error, direction: minimize }\nchange: [run.sh, main.mjs]\nrun: sh run.sh\nscore: { command: node score.mjs, pipe: true, private: [score.mjs] }\nbudget: { time: 5s, memory: 512MB }",
    ),
    "run.sh": "exec node main.mjs\n",
    "main.mjs": answering(),
    "score.mjs": sineScorer,
    "lib/secret.mjs": secretNumbers,
  },
  honest: { "main.mjs": answering({ estimate: "x - x ** 3 / 6 + x ** 5 / 120" }) },
  nothing: { "main.mjs": remark(answering()) },
  margin: 0,
} satisfies AttackedLab;

const python = {
  files: {
    "program.md": program(
      "metric: { name: error, direction: minimize }\nchange: [main.py]\nrun: python3 main.py\nscore: { command: python3 -I score.py, pipe: true, private: [score.py] }\nbudget: { time: 5s, memory: 512MB }",
    ),
    "main.py": answeringInPython(),
    "score.py": sineScorerInPython,
  },
  honest: { "main.py": answeringInPython({ estimate: "x - x ** 3 / 6 + x ** 5 / 120" }) },
  nothing: { "main.py": remark(answeringInPython(), "#") },
  margin: 0,
  needs: "python3",
} satisfies AttackedLab;

const artefact = {
  files: {
    "program.md": program(
      "metric: { name: error, direction: minimize }\nchange: [make.mjs]\nrun: node make.mjs\nscore: { command: node score.mjs, private: [score.mjs] }\nbudget: { time: 5s, memory: 512MB }",
    ),
    "make.mjs": fitting(),
    "score.mjs": lineScorer,
    "lib/secret.mjs": secretNumbers,
  },
  honest: { "make.mjs": fitting({ model: "{ slope: 2, offset: 0.9 }" }) },
  nothing: { "make.mjs": remark(fitting()) },
  margin: 0,
} satisfies AttackedLab;

/** The answering process of the lab with copies. */
export function recalling({ estimate = "weight * x", before = "", each = "" } = {}): string {
  return answering({
    before: `import { readFileSync } from "node:fs";\nconst { weight } = JSON.parse(readFileSync(process.env.OUT + "/weight.json", "utf8"));\n${before}`,
    estimate,
    each,
  }).replace("ask.map(estimate)", "estimate(ask)");
}

const training = `import { writeFileSync } from "node:fs";
writeFileSync(process.env.OUT + "/weight.json", JSON.stringify({ weight: 1 }));
`;

const twins = {
  files: {
    "program.md": program(
      "metric: { name: error, direction: minimize }\nchange: [train.mjs, answer.mjs]\nrun: node train.mjs\nscore: { command: node score.mjs, answer: node answer.mjs, copies: 2, private: [score.mjs] }\nbudget: { time: 5s, memory: 512MB }",
    ),
    "train.mjs": training,
    "answer.mjs": recalling(),
    "score.mjs": twinScorer,
    "lib/secret.mjs": secretNumbers,
  },
  honest: { "train.mjs": training.replace("weight: 1", "weight: 0.85") },
  nothing: { "answer.mjs": remark(recalling()) },
  margin: 0,
} satisfies AttackedLab;

const clocked = {
  files: clockedFiles("clock: wall"),
  honest: { "work.mjs": sieve },
  nothing: { "work.mjs": remark(counting()) },
  margin: 0.4,
} satisfies AttackedLab;

/** Processor time instead of wall time. */
const processorTime = { ...clocked, files: clockedFiles("clock: cpu") } satisfies AttackedLab;

/** Its check asks the candidate's module once more instead of reading what the run left. */
const askedAgain = {
  ...clocked,
  files: {
    ...clocked.files,
    "main.mjs": `import { countPrimes } from "./work.mjs";\n${limit}countPrimes(limit);\n`,
    "checks/verify.mjs": `import { countPrimes } from "../work.mjs";
import { countPrimes as reference } from "./reference.mjs";
${limit}if (countPrimes(limit) !== reference(limit)) throw new Error("the count is wrong");
`,
  },
} satisfies AttackedLab;

/** A scorer that weighs the candidate's source. */
const weighed = {
  files: {
    "program.md": program(
      "metric: { name: bytes, direction: minimize }\nchange: [page.html]\nrun: sh page.html\nscore: node score.mjs\nbudget: 5s",
    ),
    "page.html": ": \\\n  a page with room to spare,\n",
    "score.mjs": `import { readFileSync } from "node:fs";
const page = readFileSync(process.env.CANDIDATE + "/page.html", "utf8");
console.log(JSON.stringify({ metrics: { bytes: page.length } }));
`,
  },
  honest: { "page.html": ": a page\n" },
  nothing: { "page.html": ": \\\n  a page with room in plenty\n" },
  margin: 0,
} satisfies AttackedLab;

/** Bytes of what the run leaves, and a check that asks the candidate's own code. */
const sized = {
  files: {
    "program.md": program(
      "metric: { name: bytes, clock: size $OUT/app.js }\nchange: [app.mjs]\nrun: node build.mjs\nchecks: [node check.mjs]\nbudget: 5s",
    ),
    "build.mjs": `import { writeFileSync } from "node:fs";
import { app } from "./app.mjs";
writeFileSync(process.env.OUT + "/app.js", app);
`,
    "app.mjs": 'export const app = "export const answer =    42;";\n',
    "check.mjs": `import { readFileSync } from "node:fs";
import { app } from "./app.mjs";
const built = readFileSync(process.env.OUT + "/app.js", "utf8");
if (built !== app || !/42/.test(built)) throw new Error("the app is broken");
`,
  },
  honest: { "app.mjs": 'export const app = "export const answer=42";\n' },
  nothing: { "app.mjs": remark('export const app = "export const answer =    42;";\n') },
  margin: 0,
} satisfies AttackedLab;

/** An app that says something about a number, and has room to spare. */
const app = `import sys

# Reads a number and says something about it.
number = int(sys.argv[1])
backwards = "".join(reversed(str(number)))
total = sum(int(digit) for digit in str(number))
print(f"{number} backwards is {backwards}, its digits add up to {total}")
`;
export const shortApp =
  'import sys\nn=sys.argv[1]\nprint(n,"backwards is",n[::-1]+", its digits add up to",sum(map(int,n)))\n';

/** Bytes of all that the run leaves, and a check that asks what was built questions of its own. */
const bundled = {
  files: {
    "program.md": program(
      "metric: { name: bytes, clock: size $OUT }\nchange: [build.py, app.py]\nrun: python3 build.py\nchecks: [node check.mjs]\nbudget: 5s",
    ),
    "build.py": 'import os, shutil\nshutil.copy("app.py", os.environ["OUT"] + "/app.py")\n',
    "app.py": app,
    "check.mjs": `import { spawnSync } from "node:child_process";
for (let i = 0; i < 2; i++) {
  const n = String(1 + (Number(process.env.SEED) * (i + 7)) % 100000);
  const said = spawnSync("python3", [process.env.OUT + "/app.py", n], { encoding: "utf8" });
  const total = [...n].reduce((sum, digit) => sum + Number(digit), 0);
  const right = n + " backwards is " + [...n].reverse().join("") + ", its digits add up to " + total;
  if (said.stdout.trim() !== right) throw new Error("wrong: " + said.stdout + said.stderr);
}
`,
  },
  honest: { "app.py": shortApp },
  nothing: {
    "build.py": `# nothing new\nimport os, shutil\nshutil.copy("app.py", os.environ["OUT"] + "/app.py")\n`,
  },
  margin: 0,
  needs: "python3",
} satisfies AttackedLab;

const narrowTrainer = `import json, os
n = 50
json.dump([{"weights": n}], open(os.environ["OUT"] + "/model.json", "w"))
`;

/** The more weights, the smaller the error; a guard holds their number per layer. The scorer trusts what arithmetic gives. */
const guarded = {
  files: {
    "program.md": program(
      "metric: { name: error, direction: minimize }\nguards: [{ name: width, direction: minimize, max: 100 }]\nchange: [train.py]\nrun: python3 train.py\nscore: { command: node score.mjs, private: [score.mjs] }\nbudget: 5s",
    ),
    "train.py": narrowTrainer,
    "score.mjs": `import { readFileSync } from "node:fs";
const layers = JSON.parse(readFileSync(process.env.OUT + "/model.json", "utf8"));
const weights = layers.reduce((sum, layer) => sum + layer.weights, 0);
const width = layers.reduce((sum, layer) => sum + (layer.width ?? layer.weights), 0) / layers.length;
console.log(JSON.stringify({ metrics: { error: 1 / Math.sqrt(weights), width: layers[0].hidden ? undefined : width } }));
if (layers[0].twice) console.log(JSON.stringify({ metrics: { width: 90 } }));
`,
  },
  honest: { "train.py": narrowTrainer.replace("n = 50", "n = 90") },
  nothing: { "train.py": `# nothing new\n${narrowTrainer}` },
  margin: 0,
  needs: "python3",
} satisfies AttackedLab;

const selfReported = {
  files: {
    "program.md": program(
      "metric: { name: loss, direction: minimize }\nchange: [train.mjs]\nrun: node train.mjs\nbudget: 5s",
    ),
    "train.mjs": 'const rate = 1;\nconsole.log("loss: " + (10 + Math.log(rate / 8) ** 2));\n',
  },
  honest: { "train.mjs": 'const rate = 6;\nconsole.log("loss: " + (10 + Math.log(rate / 8) ** 2));\n' },
  nothing: {
    "train.mjs": '// nothing new\nconst rate = 1;\nconsole.log("loss: " + (10 + Math.log(rate / 8) ** 2));\n',
  },
  margin: 0,
} satisfies AttackedLab;

/** Every lab that is attacked, by the name that attacks give. */
export const labs: Readonly<Record<string, AttackedLab>> = {
  piped,
  python,
  artefact,
  twins,
  clocked,
  processorTime,
  askedAgain,
  weighed,
  sized,
  bundled,
  guarded,
  selfReported,
  outward,
  ...evaluatorLabs,
  ...vaults,
};

/** Whether this machine has what the lab needs. */
export function hasNeeds(lab: Pick<AttackedLab, "needs">): boolean {
  if (lab.needs === undefined) return true;
  try {
    execFileSync(lab.needs, ["-c", ""], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
