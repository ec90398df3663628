import { program } from "../support/lab.ts";
import type { AttackedLab } from "./labs.ts";

/** What the answers and the holdout hold, and what the untouched start guesses. */
export const answer = 42.5;
export const hidden = 17.5;
export const start = 5;

const scorer = `import { readFileSync } from "node:fs";
import { join } from "node:path";
import { distance } from "./lib/distance.mjs";

const file = process.argv.includes("--holdout") ? "holdout.json" : "answers.json";
const { answer } = JSON.parse(readFileSync(file, "utf8"));
const guess = Number(readFileSync(join(process.env.OUT, "guess"), "utf8"));
console.log(JSON.stringify({ metrics: { loss: distance(guess, answer) } }));
`;

const frontMatter = `goal: guess the number that only the scorer knows
metric: { name: loss, direction: minimize }
change: ["src/**"]
run: sh src/run.sh
score: { command: node score.mjs, private: [answers.json] }
holdout: { score: node score.mjs --holdout, private: [holdout.json] }
inputs: [packages]
write: [cache]
budget: { time: 10s, memory: 256MB, processes: 64, disk: 32MB, fileSize: 16MB, output: 2MB }`;

const files = {
  ".gitignore": "packages\n.whetstone\n",
  "src/run.sh": `echo ${start} > "$OUT/guess"\n`,
  "score.mjs": scorer,
  "lib/distance.mjs": "export const distance = (guess, answer) => Math.abs(guess - answer);\n",
  "answers.json": `{"answer": ${answer}}\n`,
  "holdout.json": `{"answer": ${hidden}}\n`,
  // Ignored by git, so an input.
  "packages/tool.js": "exports.tool = 1\n",
};

const guesses = {
  honest: { "src/run.sh": 'echo 20 > "$OUT/guess"\n' },
  nothing: { "src/run.sh": `# nothing new\necho ${start} > "$OUT/guess"\n` },
  margin: 0,
};

const checkFiles = {
  "check.cjs": `const { readFileSync } = require("node:fs");
const { allowed } = require("./lib/rule");
if (!allowed(Number(readFileSync(process.env.OUT + "/guess", "utf8")))) throw new Error("no whole number");
`,
  "lib/rule.js": "exports.allowed = Number.isInteger;\n",
};

const pythonFiles = {
  ".gitignore": ".whetstone\n",
  "program.md": program(
    `goal: guess the number that only the scorer knows
metric: { name: loss, direction: minimize }
change: ["src/**"]
run: sh src/run.sh
score: { command: python3 score.py, private: [answers.json] }
checks: [python3 check.py]
budget: { time: 20s, memory: 256MB, processes: 64, disk: 32MB }`,
  ),
  "src/run.sh": `echo ${start} > "$OUT/guess"\n`,
  "score.py": `import json, os, statistics
answer = json.load(open("answers.json"))["answer"]
guess = float(open(os.environ["OUT"] + "/guess").read())
print(json.dumps({"metrics": {"loss": abs(statistics.mean([guess]) - answer)}}))
`,
  "check.py": `import os, statistics
assert float(open(os.environ["OUT"] + "/guess").read()).is_integer() and statistics.mean([1]) == 1
`,
  "answers.json": `{"answer": ${answer}}\n`,
};

const meter = (more = "") => ({
  ".gitignore": ".whetstone\n",
  "program.md": program(
    `goal: guess the number that only the scorer knows
metric: { name: loss, direction: minimize }
change: ["src/**"]
run: sh src/run.sh
score: { command: node score.mjs, private: [answers.json] }
budget: { time: 1500ms, memory: 128MB, processes: 64, disk: 2MB, fileSize: 4MB, output: 1MB${more} }`,
  ),
  "src/run.sh": files["src/run.sh"],
  "score.mjs": files["score.mjs"],
  "lib/distance.mjs": files["lib/distance.mjs"],
  "answers.json": files["answers.json"],
});

/** Labs that hold something worth reaching for. */
export const vaults = {
  /** A scorer with private answers, a holdout, an untracked input that others share, and a folder to write. */
  vault: { files: { ...files, "program.md": program(frontMatter) }, ...guesses },
  /** The same with a check that runs in the candidate's tree: only whole numbers are allowed. */
  checkedVault: {
    files: {
      ...files,
      ...checkFiles,
      "program.md": program(`${frontMatter}\nchecks: [node check.cjs]`),
    },
    ...guesses,
  },
  /**
   * Private data below a folder that the run may write: what is mounted there lies on the candidate's ground. A contract
   * that says so is refused.
   */
  trap: {
    files: {
      ...files,
      ...checkFiles,
      "program.md": program(`${frontMatter}\nchecks: [node check.cjs]`),
      "cache/notes.json": "{}\n",
    },
    alsoPrivate: ["cache/notes.json"],
    ...guesses,
  },
  /** A run and a check that may write anywhere in a layer over the tree. */
  layered: {
    files: {
      ...files,
      ...checkFiles,
      "program.md": program(
        `${frontMatter.replace("write: [cache]", "tree: overlay")}\nchecks: [node check.cjs]`,
      ),
    },
    ...guesses,
  },
  /** The same task with a scorer and a check in Python. */
  pythonVault: { files: pythonFiles, ...guesses, needs: "python3" },
  /** A tight budget. */
  meter: { files: meter(), ...guesses },
  oneProcessor: { files: meter(", cpus: 1"), ...guesses },
} satisfies Record<string, AttackedLab>;
