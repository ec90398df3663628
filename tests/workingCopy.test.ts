import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { preparePlace } from "../src/evaluator/index.ts";
import { outOfWorkspace } from "../src/lab/drivenNote.ts";
import { readLab } from "../src/lab/lab.ts";
import { openRepo } from "../src/repo/index.ts";
import { openSandbox } from "../src/sandbox/index.ts";
import { type CopySource, openWorkingCopy, reopenWorkingCopy } from "../src/turns/workingCopy.ts";
import { program, repository, write } from "./support/lab.ts";

/** A lab in a sub-folder, with a file that only the scorer sees, and an input with another. */
async function source(level?: "L0"): Promise<CopySource & { root: string; lab: string }> {
  const root = repository({
    "README.md": "outside\n",
    ".gitignore": "node_modules\ndata\n",
    "labs/one/program.md": program(
      [
        "metric: loss\ndirection: minimize\nchange: [src/*.mjs]\nrun: node src/a.mjs\nbudget: 10s",
        "inputs: [data]\nwrite: [build]",
        "score: {command: node score.mjs, private: [hidden.json, data/secret]}",
      ].join("\n"),
    ),
    "labs/one/src/a.mjs": "one\n",
    "labs/one/src/b.mjs": "two\n",
    "labs/one/score.mjs": "console.log('loss: 1')\n",
    "labs/one/hidden.json": "42\n",
  });
  const folder = join(root, "labs", "one");
  write(root, {
    "node_modules/x/index.js": "x\n",
    "labs/one/data/open.txt": "see\n",
    "labs/one/data/secret/key.txt": "no\n",
  });
  const lab = await readLab(folder);
  const repo = await openRepo(folder);
  const sandbox = await openSandbox(level ? { level } : {});
  const place = await preparePlace({
    repo,
    contract: lab.contract,
    commit: repo.head,
    programHash: lab.program.hash,
    folder: join(folder, ".whetstone", "work"),
    sandbox,
  });
  const baseFiles = { "src/a.mjs": "one\n", "src/b.mjs": "two\n" };
  return { contract: lab.contract, place, baseFiles, root, lab: folder };
}

describe.each(["L0", undefined] as const)("a working copy (%s)", (level) => {
  it("is the base without what only scorers see, with inputs as links, and no violation by itself", async () => {
    const from = await source(level);
    const copy = await openWorkingCopy(from, join(from.lab, ".whetstone", "workspace"));
    const at = (path: string) => join(copy.folder, copy.lab, path);
    expect(copy.lab).toBe("labs/one");
    expect(readFileSync(join(copy.folder, "README.md"), "utf8")).toBe("outside\n");
    expect(readFileSync(at("score.mjs"), "utf8")).toContain("loss");
    expect(existsSync(at("hidden.json"))).toBe(false);
    expect(readFileSync(at("data/open.txt"), "utf8")).toBe("see\n");
    expect(existsSync(at("data/secret"))).toBe(false);
    expect(readFileSync(join(copy.folder, "node_modules/x/index.js"), "utf8")).toBe("x\n");
    expect(await copy.harvest()).toEqual({ changes: {}, violations: [] });
  });

  it("tells allowed changes from everything else, and puts everything back", async () => {
    const from = await source(level);
    const copy = await openWorkingCopy(from, join(from.lab, ".whetstone", "workspace"));
    const at = (path: string) => join(copy.folder, copy.lab, path);
    writeFileSync(at("src/a.mjs"), "1\n");
    rmSync(at("src/b.mjs"));
    writeFileSync(at("src/c.mjs"), "3\n");
    writeFileSync(at("score.mjs"), "console.log('loss: 0')\n");
    writeFileSync(at("hidden.json"), "guess\n");
    writeFileSync(join(copy.folder, "README.md"), "mine\n");
    mkdirSync(at("build"), { recursive: true });
    writeFileSync(at("build/cache"), "kept between tries\n");
    mkdirSync(at("src/__pycache__"));
    writeFileSync(at("src/__pycache__/a.pyc"), "");
    symlinkSync("/etc", at("out"));
    const found = await copy.harvest();
    expect(found.changes).toEqual({ "src/a.mjs": "1\n", "src/b.mjs": null, "src/c.mjs": "3\n" });
    expect(found.violations.map(({ path }) => path).sort()).toEqual([
      "../../README.md",
      "hidden.json",
      "out",
      "score.mjs",
    ]);
    const next = { "src/a.mjs": "new\n", "src/d.mjs": "4\n" };
    await copy.put(next);
    expect(await copy.harvest()).toEqual({ changes: {}, violations: [] });
    expect(readdirSync(at("src")).sort()).toEqual(["a.mjs", "d.mjs"]);
    expect(existsSync(at("hidden.json"))).toBe(false);
    expect(existsSync(at("out"))).toBe(false);
    expect(readFileSync(at("build/cache"), "utf8")).toContain("kept");
    // Another process finds it as it was left.
    const again = await reopenWorkingCopy(from, copy.folder);
    expect(again?.files).toEqual(next);
    expect(await again?.harvest()).toEqual({ changes: {}, violations: [] });
    writeFileSync(at("src/d.mjs"), "5\n");
    expect(await again?.harvest()).toEqual({ changes: { "src/d.mjs": "5\n" }, violations: [] });
  });

  it("keeps the git commands given in it away from the user's repository", async () => {
    const from = await source(level);
    const copy = await openWorkingCopy(from, join(from.lab, ".whetstone", "workspace"));
    const git = (...args: string[]) =>
      execFileSync("git", args, { cwd: join(copy.folder, copy.lab), encoding: "utf8" });
    const before = execFileSync("git", ["rev-parse", "HEAD"], { cwd: from.root, encoding: "utf8" });
    git("add", "-A");
    git("-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "mine");
    expect(git("rev-parse", "--show-toplevel").trim()).toBe(copy.folder);
    expect(execFileSync("git", ["rev-parse", "HEAD"], { cwd: from.root, encoding: "utf8" })).toBe(before);
    expect(await copy.harvest()).toEqual({ changes: {}, violations: [] });
  });

  it("is not taken for another contract's, and replaces links that lead astray", async () => {
    const from = await source(level);
    const copy = await openWorkingCopy(from, join(from.lab, ".whetstone", "workspace"));
    const other = { ...from, place: { ...from.place, pins: { ...from.place.pins, program: "another" } } };
    expect(await reopenWorkingCopy(other, copy.folder)).toBeNull();
    rmSync(join(copy.folder, "node_modules"));
    rmSync(join(copy.folder, copy.lab, "src"), { recursive: true });
    symlinkSync("/tmp", join(copy.folder, copy.lab, "src"));
    expect((await copy.harvest()).changes).toEqual({ "src/a.mjs": null, "src/b.mjs": null });
    await copy.put(from.baseFiles);
    expect(lstatSync(join(copy.folder, copy.lab, "src")).isDirectory()).toBe(true);
    expect(existsSync(join(copy.folder, "node_modules/x/index.js"))).toBe(true);
    expect(await copy.harvest()).toEqual({ changes: {}, violations: [] });
  });

  it.each([
    ["is gone", 'rm -rf "$PWD"', ["."]],
    ["was exchanged for a link to what is the user's", 'rm -rf "$PWD" && ln -s "$USERS" "$PWD"', ["."]],
    [
      "holds a tree too deep to be named",
      "d=$(printf d%.0s $(seq 250)); for i in $(seq 20); do mkdir $d && cd $d; done",
      [expect.stringContaining("dddd")],
    ],
    [
      "holds names that are no text",
      'n=$(printf \'\\377\'); mkdir "$n" && touch "$n/$n" "x$n"',
      [expect.any(String), expect.any(String)],
    ],
  ])("that %s makes the experiment invalid, and the next begins in order", async (_, script, paths) => {
    const from = await source(level);
    const users = join(from.root, "..", `users-${process.pid}-${level}`);
    write(users, { "src/a.mjs": "precious\n", "own.txt": "precious\n" });
    onTestFinished(() => rmSync(users, { recursive: true, force: true }));
    const copy = await openWorkingCopy(from, join(from.lab, ".whetstone", "workspace"), from.lab);
    execFileSync("bash", ["-c", script], { cwd: copy.folder, env: { ...process.env, USERS: users } });
    const { changes, violations } = await copy.harvest();
    expect([changes, violations.map(({ path }) => path)]).toEqual([{}, paths]);
    await copy.put({ "src/a.mjs": "next\n" });
    expect(readFileSync(join(copy.folder, copy.lab, "src/a.mjs"), "utf8")).toBe("next\n");
    expect(await copy.harvest()).toEqual({ changes: {}, violations: [] });
    expect(outOfWorkspace(copy.folder)).toBe(from.lab);
    expect(readdirSync(users).sort()).toEqual(["own.txt", "src"]);
    expect(readFileSync(join(users, "src/a.mjs"), "utf8")).toBe("precious\n");
  });
});
