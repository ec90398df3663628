import { execFileSync, execSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  branchTip,
  bringBranch,
  changedSince,
  checkoutBase,
  contentHash,
  diffText,
  harvest,
  lineCounts,
  mayChange,
  openRepo,
  overlay,
  pathFault,
  recordCandidate,
  recordKeep,
  restore,
  stamp,
} from "./index.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "whet répo "));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@localhost", ...args], {
    cwd,
    encoding: "utf8",
  });
}

function repository(files: Record<string, string>): string {
  const path = folder();
  git(path, "init", "-q", "-b", "main");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, posix.dirname(name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  git(path, "add", "-A");
  git(path, "commit", "-q", "-m", "start");
  return path;
}

async function kept(...given: Parameters<typeof recordKeep>): Promise<string> {
  return (await recordKeep(...given)).commit;
}

describe("the base", () => {
  it("is written byte for byte: no filter, no line-end conversion, no hook, no ignored export", async () => {
    const path = repository({
      ".gitattributes": "*.txt text eol=crlf filter=evil ident\nhidden export-ignore\n",
      "a.txt": "one\ntwo $Id$\n",
      hidden: "x",
      "run.sh": "#!/bin/sh\n",
      "sub/ü x.ts": "export {};\n",
    });
    git(path, "update-index", "--chmod=+x", "run.sh");
    symlinkSync("a.txt", join(path, "link"));
    git(path, "add", "link");
    git(path, "commit", "-q", "-m", "more");
    git(path, "config", "filter.evil.smudge", `touch "${path}/smudged"; cat`);
    writeFileSync(join(path, ".git", "hooks", "post-checkout"), `#!/bin/sh\ntouch "${path}/hooked"\n`, {
      mode: 0o755,
    });
    const repo = await openRepo(join(path, "sub"));
    expect(repo).toMatchObject({ labPath: "sub", branch: "main" });
    const to = join(folder(), "base");
    const { tree } = await checkoutBase(repo, repo.head, to);
    expect(tree).toBe(git(path, "rev-parse", "HEAD^{tree}").trim());
    expect(readFileSync(join(to, "a.txt"), "utf8")).toBe("one\ntwo $Id$\n");
    expect(existsSync(join(to, "hidden"))).toBe(true);
    expect(readFileSync(join(to, "link"), "utf8")).toBe("one\ntwo $Id$\n");
    expect(execSync(`test -x "${to}/run.sh" && echo yes`, { encoding: "utf8" })).toBe("yes\n");
    expect(existsSync(join(path, "smudged")) || existsSync(join(path, "hooked"))).toBe(false);
  });

  it("refuses a link that leads out of the repository", async () => {
    const path = repository({ "a.txt": "a" });
    symlinkSync("../../etc/passwd", join(path, "out"));
    git(path, "add", "out");
    git(path, "commit", "-q", "-m", "link");
    const repo = await openRepo(path);
    await expect(checkoutBase(repo, repo.head, join(folder(), "b"))).rejects.toThrow(
      /leads out of the repository/,
    );
  });
});

describe("harvest", () => {
  const globs = ["src/**", "**/*.ts"];

  it("takes regular files that match, and says what is wrong with the others", async () => {
    const path = folder();
    mkdirSync(join(path, "src"));
    mkdirSync(join(path, "real"));
    writeFileSync(join(path, "src", "good.ts"), "ok");
    writeFileSync(join(path, "outside.txt"), "not asked for");
    writeFileSync(join(path, "real", "secret.ts"), "s");
    symlinkSync("/etc/passwd", join(path, "src", "link.ts"));
    symlinkSync(join(path, "real"), join(path, "src", "dir"));
    linkSync(join(path, "real", "secret.ts"), join(path, "src", "hard.ts"));
    execFileSync("mkfifo", [join(path, "src", "pipe.ts")]);
    writeFileSync(join(path, "src", "huge.ts"), "");
    truncateSync(join(path, "src", "huge.ts"), 2 ** 40);
    writeFileSync(join(path, "src", "Case.ts"), "1");
    writeFileSync(join(path, "src", "case.ts"), "2");
    writeFileSync(join(path, "src", "new\nline.ts"), "1");
    writeFileSync(join(path, "src", "bytes.ts"), Buffer.from([0xff, 0xfe, 0x00]));
    writeFileSync(join(path, "src", "e\u0301.ts"), "nfd");
    const { files, violations } = await harvest(path, globs);
    expect(Object.keys(files).sort()).toEqual(["src/Case.ts", "src/good.ts"]);
    const kinds = Object.fromEntries(violations.map(({ path, kind }) => [path, kind]));
    expect(kinds).toMatchObject({
      "src/link.ts": "link",
      "src/hard.ts": "hard link",
      "src/pipe.ts": "special file",
      "src/huge.ts": "too large",
      "src/case.ts": "path",
      "src/new\nline.ts": "path",
      "src/bytes.ts": "not text",
      "src/e\u0301.ts": "path",
    });
    // A link to a folder is never entered, whatever lies behind it.
    expect(Object.keys(files).some((name) => name.startsWith("src/dir"))).toBe(false);
  });

  it("has limits on files and bytes", async () => {
    const path = folder();
    for (let i = 0; i < 5; i++) writeFileSync(join(path, `${i}.ts`), "x".repeat(100));
    expect((await harvest(path, globs, { fileSize: 1000, files: 3, total: 1000 })).violations[0]?.kind).toBe(
      "too many",
    );
    expect((await harvest(path, globs, { fileSize: 1000, files: 9, total: 250 })).violations).toHaveLength(3);
  });

  it("no path that passes leaves the folder or reaches .git", () => {
    const part = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("..", ".", ".git", ".GIT", ".gIt ", "git~1", ".g\u200cit", "a", "", "\\", "c:"),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const path = parts.join("/");
        if (pathFault(path) !== null) return;
        expect(posix.normalize(`/base/${path}`).startsWith("/base/")).toBe(true);
        expect(path.toLowerCase().split("/")).not.toContain(".git");
      }),
      { numRuns: 3000 },
    );
    expect(mayChange(["train.ts"], "train.ts")).toBe(true);
    for (const path of ["../train.ts", "/train.ts", "other.ts", "src/../train.ts", ".git/config"])
      expect(mayChange(["train.ts"], path)).toBe(false);
  });

  it("takes a plain name for what picomatch takes it for", () => {
    const name = fc.stringMatching(/^[\w.*-]{1,4}(\/[\w.-]{1,3})?$/);
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), name, (globs, other) => {
        for (const path of [...globs, other].filter((each) => pathFault(each) === null))
          expect(mayChange(globs, path)).toBe(picomatch(globs)(path));
      }),
    );
  });
});

describe("states on disk", () => {
  it("overlay brings a tree from one state to the other and touches nothing else", async () => {
    const tree = folder();
    mkdirSync(join(tree, "lab"));
    writeFileSync(join(tree, "lab", "fixed.txt"), "fixed");
    writeFileSync(join(tree, "lab", "a.ts"), "1");
    chmodSync(join(tree, "lab", "a.ts"), 0o755);
    await overlay(tree, "lab", { "a.ts": "1" }, { "a.ts": "2", "new/b.ts": "b" });
    // A program stays one.
    expect(statSync(join(tree, "lab", "a.ts")).mode & 0o777).toBe(0o755);
    expect(statSync(join(tree, "lab", "new", "b.ts")).mode & 0o777).toBe(0o644);
    expect(readFileSync(join(tree, "lab", "a.ts"), "utf8")).toBe("2");
    expect(readFileSync(join(tree, "lab", "new", "b.ts"), "utf8")).toBe("b");
    await overlay(tree, "lab", { "a.ts": "2", "new/b.ts": "b" }, { "a.ts": "1" });
    expect(existsSync(join(tree, "lab", "new", "b.ts"))).toBe(false);
    expect(readFileSync(join(tree, "lab", "fixed.txt"), "utf8")).toBe("fixed");
  });

  it("restore finds and mends what a run did to its tree, times put back included", async () => {
    const base = folder();
    const tree = folder();
    for (const root of [base, tree])
      for (const [name, text] of [
        ["score.ts", "real"],
        ["gone.ts", "here"],
        ["a.ts", "1"],
      ] as const)
        writeFileSync(join(root, name), text);
    const laid = await stamp(tree);
    await overlay(tree, "", { "a.ts": "1" }, { "a.ts": "2" });
    execSync(
      "touch -r score.ts ref && printf fake > score.ts && touch -r ref score.ts && rm ref gone.ts && echo x > extra && printf 3 > a.ts",
      { cwd: tree },
    );
    const options = { lab: "", editable: { "a.ts": "2" }, ignore: [] };
    expect((await restore(tree, base, laid, options)).sort()).toEqual(["a.ts", "gone.ts", "score.ts"]);
    expect(readFileSync(join(tree, "score.ts"), "utf8")).toBe("real");
    expect(readFileSync(join(tree, "gone.ts"), "utf8")).toBe("here");
    expect(readFileSync(join(tree, "a.ts"), "utf8")).toBe("2");
    expect(existsSync(join(tree, "extra"))).toBe(false);
    expect(await restore(tree, base, laid, options)).toEqual([]);
  });

  it("a stamp notices a change whose size and time were put back", async () => {
    const path = folder();
    writeFileSync(join(path, "a"), "1");
    const before = await stamp(path);
    expect(await changedSince(before, path)).toEqual([]);
    execSync("touch -r a ref; printf 2 > a; touch -r ref a; rm ref", { cwd: path });
    expect(await changedSince(before, path)).toEqual(["a"]);
  });

  it("the content hash is the same exactly for the same paths and texts", () => {
    const files = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(files, files, (a, b) => {
        const same = isDeepStrictEqual({ ...a }, { ...b });
        expect(contentHash(a) === contentHash(b)).toBe(same);
      }),
    );
    expect(contentHash({ a: "bc" })).not.toBe(contentHash({ ab: "c" }));
  });
});

describe("commits", () => {
  const change = (parent: string, text: string) => ({
    parent,
    changes: { "a.ts": text, 'od"d ü.ts': text },
    message: `say ${text}\n\nWhetstone-Experiment: 1\n`,
    when: 1_790_000_000_000,
  });

  it("are made without index, work tree or hooks, the same again from the same input", async () => {
    const path = repository({ "lab/a.ts": "1" });
    for (const hook of ["post-commit", "reference-transaction", "pre-commit"])
      writeFileSync(join(path, ".git", "hooks", hook), `#!/bin/sh\ntouch "${path}/hooked"\n`, {
        mode: 0o755,
      });
    const repo = await openRepo(join(path, "lab"));
    const index = readFileSync(join(path, ".git", "index"));
    const first = await kept(repo, "whetstone/x", change(repo.head, "2"));
    expect(await kept(repo, "whetstone/x", change(repo.head, "2"))).toBe(first);
    const second = await kept(repo, "whetstone/x", change(first, "3"));
    expect(await branchTip(repo, "whetstone/x")).toBe(second);
    expect(git(path, "show", `${second}:lab/od"d ü.ts`)).toBe("3");
    expect(
      git(path, "log", "--format=%(trailers:key=Whetstone-Experiment,valueonly)", "-1", second).trim(),
    ).toBe("1");
    const candidate = await recordCandidate(repo, "refs/whetstone/lab/x/7", change(second, "4"));
    expect(git(path, "rev-parse", "refs/whetstone/lab/x/7").trim()).toBe(candidate);
    expect(readFileSync(join(path, ".git", "index")).equals(index)).toBe(true);
    expect(existsSync(join(path, "hooked"))).toBe(false);
    expect(git(path, "status", "--porcelain").trim()).toBe("");
  });

  it("refuse a branch that somebody moved, and wait for one that somebody has checked out", async () => {
    const path = repository({ "a.ts": "1" });
    const repo = await openRepo(path);
    const first = await kept(repo, "whetstone/x", change(repo.head, "2"));
    git(path, "branch", "-f", "whetstone/x", "main");
    await expect(kept(repo, "whetstone/x", change(first, "3"))).rejects.toThrow(/moved by somebody else/);
    git(path, "branch", "-f", "whetstone/x", first);
    git(path, "switch", "-q", "whetstone/x");
    const second = await recordKeep(repo, "whetstone/x", change(first, "3"));
    expect(second.waitsFor).toBe(repo.root);
    expect(await recordKeep(repo, "whetstone/x", change(first, "3"))).toEqual(second);
    expect(await branchTip(repo, "whetstone/x")).toBe(first);
    expect(await bringBranch(repo, "whetstone/x", second.commit)).toEqual({ worktree: repo.root });
    const third = await recordKeep(repo, "whetstone/x", change(second.commit, "4"));
    git(path, "switch", "-q", "main");
    expect(await bringBranch(repo, "whetstone/x", third.commit)).toBe("moved");
    expect(git(path, "log", "--format=%H", "whetstone/x").trim().split("\n")).toEqual([
      ...[third.commit, second.commit, first, repo.head],
    ]);
    // Free again, the next one goes there by itself.
    git(path, "switch", "-q", "whetstone/x");
    const fourth = await recordKeep(repo, "whetstone/x", change(third.commit, "5"));
    git(path, "switch", "-q", "main");
    const fifth = await recordKeep(repo, "whetstone/x", change(fourth.commit, "6"));
    expect(fifth.waitsFor).toBeNull();
    expect(await branchTip(repo, "whetstone/x")).toBe(fifth.commit);
  });

  it("get over a lock that a killed process left behind", async () => {
    const path = repository({ "a.ts": "1" });
    const repo = await openRepo(path);
    const first = await kept(repo, "whetstone/x", change(repo.head, "2"));
    writeFileSync(join(path, ".git", "refs", "heads", "whetstone", "x.lock"), "");
    expect(await branchTip(repo, "whetstone/x")).toBe(first);
    const second = await kept(repo, "whetstone/x", change(first, "3"));
    expect(await branchTip(repo, "whetstone/x")).toBe(second);
  });
});

describe("diffs", () => {
  it("are git's: they apply with git apply", () => {
    const text = fc
      .array(fc.stringMatching(/^[a-c ]{0,4}$/))
      .map((lines) => lines.map((line) => `${line}\n`).join(""));
    fc.assert(
      fc.property(text, text, (before, after) => {
        fc.pre(before !== after && before !== "" && after !== "");
        const path = mkdtempSync(join(tmpdir(), "whet-diff-"));
        try {
          writeFileSync(join(path, "f.txt"), before);
          execFileSync("git", ["apply", "-"], {
            cwd: path,
            input: diffText({ "f.txt": before }, { "f.txt": after }),
            stdio: ["pipe", "pipe", "pipe"],
          });
          expect(readFileSync(join(path, "f.txt"), "utf8")).toBe(after);
        } finally {
          rmSync(path, { recursive: true, force: true });
        }
      }),
      { numRuns: 40 },
    );
    expect(lineCounts({ a: "1\n2\n\n" }, { a: "1\n3\n4\n" })).toEqual({ added: 2, removed: 1 });
  });
});
