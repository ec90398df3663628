import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseProgram } from "../contract/index.ts";
import { openRepo } from "../repo/index.ts";
import { openSandbox } from "../sandbox/index.ts";
import { openEvaluator } from "./evaluator.ts";
import { removeTree } from "./files.ts";
import { preparePlace } from "./place.ts";

const write = (folder: string, files: Record<string, string>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
};

/** A committed lab, its place as it is laid out now, and one run of its start. */
async function lab(front: string, files: Record<string, string>, untracked: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "whet-logs-"));
  onTestFinished(() => removeTree(folder));
  const text = `---\ngoal: g\nmetric: loss\ndirection: minimize\nchange: [a.mjs]\nrun: node a.mjs\nbudget: 10s\n${front}\n---\n`;
  write(folder, { "program.md": text, ".gitignore": "node_modules\n.whetstone\n", ...files });
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "start");
  write(folder, untracked);
  const { program, problems } = parseProgram(text);
  if (!program) throw new Error(JSON.stringify(problems));
  const { contract } = program;
  const [repo, sandbox] = [await openRepo(folder), await openSandbox()];
  const prepare = () =>
    preparePlace({
      ...{ repo, contract, sandbox, commit: repo.head, programHash: program.hash, reuse: true },
      folder: join(folder, ".whetstone", "work"),
    });
  const run = async () => {
    const start = { "a.mjs": files["a.mjs"] as string };
    const evaluator = openEvaluator(contract, await prepare(), start, sandbox, "00");
    return evaluator.evaluate({ state: "s", files: start, seed: 1, checks: false });
  };
  return { folder, prepare, run };
}

const ready = 'console.log(JSON.stringify({ ready: true }));\nconsole.error("the candidate speaks");\n';
const waits = "process.stdin.resume();\n";
const asking = 'console.error("hidden: 42");\nconsole.log(JSON.stringify({ ask: 1 }));\n';
const dying = 'process.stdin.once("data", () => { throw new Error("the words"); });\n';

describe("the log of a failure", () => {
  it.each([
    ["run", "score: {command: node score.mjs, pipe: true}", `${ready}${dying}`],
    [
      "answer",
      "score: {command: node score.mjs, answer: node a.mjs answer}",
      `if (process.argv[2]) {\n${ready}${dying}}\n`,
    ],
  ])("is the candidate's own where its `%s` crashes while it is asked", async (_, front, candidate) => {
    const { run } = await lab(front, { "a.mjs": candidate, "score.mjs": `${asking}${waits}` });
    const { failure, logTail } = await run();
    expect(failure).toMatchObject({ kind: "crash" });
    expect(logTail).toContain("the candidate speaks");
    expect(logTail).toContain("Error: the words");
    expect(logTail).not.toContain("hidden");
  });

  it.each([
    ["with a pipe", "score: {command: node score.mjs, pipe: true}", `${ready}${waits}`],
    ["without one", "score: node score.mjs", ""],
  ])(
    "is the scorer's where that fails, and the message tells none of it (%s)",
    async (_, front, candidate) => {
      const scorer = 'console.error("hidden: 42");\nthrow new Error("the row 43 is odd");\n';
      const { run } = await lab(front, { "a.mjs": candidate, "score.mjs": scorer });
      const { failure, logTail } = await run();
      expect(failure).toMatchObject({ kind: "scorer", message: expect.not.stringMatching(/4[23]/) });
      expect(logTail).toContain("hidden: 42");
      expect(logTail.split("\n").at(-1)).toBe("the scorer failed: Error: the row 43 is odd");
    },
  );
});

describe("a setup", () => {
  it("leaves its outputs again when it runs again in a base that was laid out with them", async () => {
    const { folder, prepare } = await lab(
      'setup: mkdir data && echo 1 > data/val.bin\nscore: {command: "echo loss: 1", private: [data/val.bin]}',
      { "a.mjs": "" },
      { "node_modules/x/index.js": "1\n" },
    );
    const first = await prepare();
    expect(first.inputs.map(({ at }) => at)).toContain("data");
    write(folder, { "node_modules/x/index.js": "2\n" });
    const again = await prepare();
    expect(again.setupMs).not.toBeNull();
    expect(again.inputs.map(({ at }) => at)).toContain("data");
    write(folder, { "node_modules/.vite-temp/x.mjs": "", "node_modules/.vitest/results.json": "1\n" });
    expect((await prepare()).setupMs).toBeNull();
  });
});
