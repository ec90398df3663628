import { execFileSync, execSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  branchTip,
  checkoutBase,
  createBranch,
  diffText,
  dirty,
  harvest,
  harvestChanges,
  lineCounts,
  manifest,
  manifestHash,
  openRepo,
  overlay,
  recordCandidate,
  recordKeep,
  restore,
  stamp,
} from "./index.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "whet träps "));
  onTestFinished(() => {
    execSync("chmod -R u+rwX .", { cwd: path });
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@localhost", ...args], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function lay(root: string, files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, posix.dirname(name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

function repository(files: Record<string, string>): string {
  const path = lay(folder(), files);
  git(path, "init", "-q", "-b", "main");
  git(path, "add", "-A");
  git(path, "commit", "-q", "--allow-empty", "-m", "start");
  return path;
}

const change = (parent: string, text: string) => ({
  parent,
  changes: { "a.ts": text },
  message: `say ${text}\n`,
  when: 1_790_000_000_000,
});

describe("opening a repository", () => {
  it("says what is wrong and what to type", async () => {
    const none = folder();
    await expect(openRepo(none)).rejects.toThrow(/is not in a git repository$/);
    await expect(openRepo(join(none, "nowhere"))).rejects.toThrow(/does not exist/);
    const empty = folder();
    git(empty, "init", "-q");
    await expect(openRepo(empty)).rejects.toThrow(/no commit yet/);
    const bare = folder();
    git(bare, "init", "-q", "--bare");
    await expect(openRepo(bare)).rejects.toThrow(/bare repository/);
    const path = repository({ "a.ts": "1", ".gitignore": "build\n" });
    await expect(openRepo(join(path, ".git"))).rejects.toThrow(/bare repository/);
    lay(path, { "new lab/x": "1", "build/lab/x": "1" });
    await expect(openRepo(join(path, "new lab"))).rejects.toThrow(/new lab is not part of the last commit/);
    await expect(openRepo(join(path, "build", "lab"))).rejects.toThrow(
      /ignored by git \(\.gitignore:1:build\)/,
    );
  });

  it("refuses a lab in a submodule", async () => {
    const inner = repository({ "lab/a.ts": "1" });
    const outer = repository({ "b.ts": "1" });
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", inner, "sub");
    git(outer, "commit", "-q", "-m", "sub");
    await expect(openRepo(join(outer, "sub", "lab"))).rejects.toThrow(/lies in the submodule/);
    const repo = await openRepo(outer);
    const to = join(folder(), "base");
    expect((await checkoutBase(repo, repo.head, to)).submodules).toEqual(["sub"]);
    expect(readdirSync(join(to, "sub"))).toEqual([]);
  });

  it("works in a detached head, a linked work tree, a name that ends in a space, and whatever GIT_* says", async () => {
    const path = repository({ "lab/a.ts": "1" });
    const tree = join(folder(), "wörk ");
    git(path, "worktree", "add", "-q", "--detach", tree);
    const elsewhere = repository({ "c.ts": "1" });
    for (const [name, value] of [
      ["GIT_DIR", join(elsewhere, ".git")],
      ["GIT_WORK_TREE", elsewhere],
      ["GIT_INDEX_FILE", join(elsewhere, "index")],
    ] as const) {
      process.env[name] = value;
      onTestFinished(() => void delete process.env[name]);
    }
    const repo = await openRepo(join(tree, "lab"));
    expect(repo).toMatchObject({ labPath: "lab", branch: null });
    expect(repo.root.endsWith("wörk ")).toBe(true);
    expect(repo.gitDir.endsWith("/.git")).toBe(true);
    const { commit } = await recordKeep(repo, "whetstone/d", change(repo.head, "2"));
    expect(await branchTip(repo, "whetstone/d")).toBe(commit);
    expect(existsSync(join(elsewhere, ".git", "refs", "heads", "whetstone"))).toBe(false);
  });
});

describe("uncommitted work", () => {
  it("is listed for the lab alone, without running a filter or writing the index", async () => {
    const path = repository({
      ".gitattributes": "*.t filter=evil\n",
      "[ab]/a.t": "1",
      "[ab]/gone": "1",
      "a/a.t": "1",
    });
    git(path, "config", "filter.evil.clean", `touch "${path}/ran"; cat`);
    git(path, "config", "filter.evil.process", `touch "${path}/ran"; cat`);
    git(path, "config", "filter.evil.required", "true");
    lay(path, { "[ab]/a.t": "2", "[ab]/ü new": "1", "a/a.t": "2" });
    rmSync(join(path, "[ab]", "gone"));
    const index = readFileSync(join(path, ".git", "index"));
    const found = await dirty(await openRepo(join(path, "[ab]")));
    expect(found.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: "a.t", state: "modified" },
      { path: "gone", state: "deleted" },
      { path: "ü new", state: "untracked" },
    ]);
    expect(existsSync(join(path, "ran"))).toBe(false);
    expect(readFileSync(join(path, ".git", "index")).equals(index)).toBe(true);
  });
});

describe("the base", () => {
  it("follows links through links: one that leads out by way of another is refused", async () => {
    const path = repository({ "a/b/c/x": "1" });
    symlinkSync("../../..", join(path, "a/b/c/root"));
    symlinkSync("a/b/c/root/a/b/c/x", join(path, "fine"));
    symlinkSync("loop", join(path, "loop"));
    git(path, "add", "-A");
    git(path, "commit", "-q", "-m", "links");
    let repo = await openRepo(path);
    const to = join(folder(), "base");
    await checkoutBase(repo, repo.head, to);
    expect(readFileSync(join(to, "fine"), "utf8")).toBe("1");
    symlinkSync("a/b/c/root/../etc", join(path, "out"));
    git(path, "add", "-A");
    git(path, "commit", "-q", "-m", "out");
    repo = await openRepo(path);
    await expect(checkoutBase(repo, repo.head, join(folder(), "base"))).rejects.toThrow(
      /the link out -> .* leads out of the repository/,
    );
  });

  it("refuses a tree whose paths cannot be written safely or truly", async () => {
    const path = repository({ x: "1" });
    const blob = git(path, "hash-object", "x").trim();
    const commitOf = (name: Buffer) => {
      const entry = Buffer.concat([Buffer.from("100644 "), name, Buffer.from([0]), Buffer.from(blob, "hex")]);
      const tree = execFileSync("git", ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], {
        cwd: path,
        input: entry,
        encoding: "utf8",
      }).trim();
      return git(path, "commit-tree", "-m", "x", tree).trim();
    };
    const repo = await openRepo(path);
    const out = folder();
    await expect(checkoutBase(repo, commitOf(Buffer.from("..")), join(out, "1"))).rejects.toThrow(/safely/);
    await expect(checkoutBase(repo, commitOf(Buffer.from(".GIT")), join(out, "2"))).rejects.toThrow(/safely/);
    const latin = Buffer.from([0x66, 0xfc, 0x72]);
    await expect(checkoutBase(repo, commitOf(latin), join(out, "3"))).rejects.toThrow(/not UTF-8/);
  });
});

describe("harvest", () => {
  it("refuses sockets, files behind exchanged folders and folders that differ in case", async () => {
    const path = lay(folder(), { "src/Dir/a.ts": "1", "src/dir/b.ts": "2", "real/s.ts": "secret" });
    symlinkSync("../real", join(path, "src", "behind"));
    const server = createServer().listen(join(path, "src", "sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => void server.close());
    const { files, violations } = await harvest(path, ["src/**"]);
    expect(files).toEqual({ "src/Dir/a.ts": "1" });
    expect(violations.map(({ path, kind }) => [path, kind])).toEqual([
      ["src/behind", "link"],
      ["src/dir/b.ts", "path"],
      ["src/sock", "special file"],
    ]);
  });

  it("gives a file's text or a violation, never what a link shows, while folder and link are exchanged", async () => {
    const path = lay(folder(), { "src/a.ts": "mine" });
    const other = lay(folder(), { "a.ts": "secret" });
    let going = true;
    const exchanger = (async () => {
      while (going) {
        renameSync(join(path, "src"), join(path, "kept"));
        symlinkSync(other, join(path, "src"));
        await new Promise(setImmediate);
        rmSync(join(path, "src"));
        renameSync(join(path, "kept"), join(path, "src"));
        await new Promise(setImmediate);
      }
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const found = await harvest(path, ["src/**"]).catch(() => null);
      for (const text of Object.values(found?.files ?? {})) seen.add(text);
    }
    going = false;
    await exchanger;
    expect(seen.has("secret")).toBe(false);
  });

  // Root reads everything.
  it.skipIf(process.getuid?.() === 0)("names what cannot be read", async () => {
    const path = lay(folder(), { "a.ts": "1", "dir/b.ts": "1" });
    chmodSync(join(path, "a.ts"), 0);
    chmodSync(join(path, "dir"), 0);
    const { violations } = await harvest(path, ["**/*.ts"]);
    expect(violations.map(({ path, kind }) => [path, kind])).toEqual([
      ["a.ts", "unreadable"],
      ["dir", "unreadable"],
    ]);
  });

  it("tells changes within the globs from everything else that was touched", async () => {
    const before = {
      "src/a.ts": "1",
      "src/same.ts": "s",
      "src/gone.ts": "g",
      "score.ts": "real",
      "x/y": "1",
      run: "r",
    };
    const path = lay(folder(), before);
    symlinkSync("score.ts", join(path, "link"));
    const base = await manifest(path);
    expect(await harvestChanges(path, base, ["src/**"])).toEqual({
      changes: {},
      violations: [],
      passedOver: [],
    });
    lay(path, { "src/a.ts": "2", "src/new.ts": "n", "score.ts": "fake", extra: "e", ".git/config": "c" });
    lay(path, { "node_modules/p/index.js": "tool" });
    rmSync(join(path, "src/gone.ts"));
    rmSync(join(path, "x"), { recursive: true });
    chmodSync(join(path, "run"), 0o755);
    rmSync(join(path, "link"));
    symlinkSync("extra", join(path, "link"));
    const { changes, violations } = await harvestChanges(path, base, ["src/**"]);
    expect(changes).toEqual({ "src/a.ts": "2", "src/new.ts": "n", "src/gone.ts": null });
    expect(violations.map(({ path, kind, detail }) => `${path} ${kind} ${detail}`).sort()).toEqual([
      ".git/config forbidden it was created",
      "extra forbidden it was created",
      "link forbidden it was changed",
      "run forbidden it was changed",
      "score.ts forbidden it was changed",
      "x/y forbidden it was deleted",
    ]);
    // What is not looked at is not missed either.
    const ignored = await harvestChanges(path, base, ["**"], undefined, {
      ignore: ["x", "src/gone.ts", "run"],
    });
    expect(Object.keys(ignored.changes).sort()).toEqual(["extra", "score.ts", "src/a.ts", "src/new.ts"]);
  });

  it("stops counting what does not belong there", async () => {
    const path = lay(folder(), { "a.ts": "1" });
    const base = await manifest(path);
    lay(path, Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`flood/${n}`, ""])));
    lay(path, { "a.ts": "2" });
    const limits = { files: 10, fileSize: 100, total: 1000 };
    const { changes, violations } = await harvestChanges(path, base, ["a.ts"], limits);
    expect(changes).toEqual({ "a.ts": "2" });
    expect(violations).toHaveLength(12);
    expect(violations.at(-1)?.kind).toBe("too many");
  });
});

describe("states on disk", () => {
  it("overlay writes and removes nothing through a link", async () => {
    const tree = lay(folder(), { "scorer/s.ts": "real" });
    symlinkSync("scorer", join(tree, "data"));
    await expect(overlay(tree, "", {}, { "data/s.ts": "forged" })).rejects.toThrow(/behind the link data/);
    await expect(overlay(tree, "", { "data/s.ts": "real" }, {})).rejects.toThrow(/behind the link data/);
    expect(readFileSync(join(tree, "scorer/s.ts"), "utf8")).toBe("real");
  });

  it("overlay leaves exactly the files of the next state, whatever came before", async () => {
    const name = fc.constantFrom("a", "b", "d/a", "d/e/b", "f");
    const state = fc.dictionary(name, fc.constantFrom("", "1", "2"));
    await fc.assert(
      fc.asyncProperty(fc.array(state, { maxLength: 5 }), async (states) => {
        const tree = mkdtempSync(join(tmpdir(), "whet-overlay-"));
        try {
          let previous: Record<string, string> = {};
          for (const next of states) {
            await overlay(tree, "lab", previous, next);
            previous = next;
            mkdirSync(join(tree, "lab"), { recursive: true });
            expect((await harvest(join(tree, "lab"), ["**"])).files).toEqual({ ...next });
            const folders = readdirSync(join(tree, "lab"), { recursive: true, withFileTypes: true }).filter(
              (entry) => entry.isDirectory(),
            );
            for (const entry of folders)
              expect(readdirSync(join(entry.parentPath, entry.name))).not.toEqual([]);
          }
        } finally {
          rmSync(tree, { recursive: true, force: true });
        }
      }),
      { numRuns: 30 },
    );
  });

  it("restore mends folders too: replaced, left behind, locked, or exchanged for links", async () => {
    const files = { "a.ts": "1", "b.ts": "2", "keep/x": "x", "locked/y": "y", "linked/z": "z" };
    const base = lay(folder(), files);
    const tree = lay(folder(), files);
    const elsewhere = lay(folder(), { z: "not mine" });
    const laid = await stamp(tree);
    const first = { "a.ts": "1", "b.ts": "2" };
    await overlay(tree, "", first, { "a.ts": "1" });
    const options = { lab: "", editable: { "a.ts": "1" }, absent: ["b.ts"], ignore: ["out"] };
    // That a state lacks an editable file is no damage.
    expect(await restore(tree, base, laid, options)).toEqual([]);
    rmSync(join(tree, "a.ts"));
    lay(tree, { "a.ts/inner": "x", "left/over/file": "1", "b.ts": "back", "out/result": "kept" });
    mkdirSync(join(tree, "bit"));
    rmSync(join(tree, "linked"), { recursive: true });
    symlinkSync(elsewhere, join(tree, "linked"));
    rmSync(join(tree, "keep/x"));
    mkdirSync(join(tree, "keep/x"));
    chmodSync(join(tree, "locked"), 0);
    expect(await restore(tree, base, laid, options)).toEqual(["a.ts", "keep/x", "linked/z"]);
    for (const [name, text] of Object.entries(files))
      if (name !== "b.ts") expect(readFileSync(join(tree, name), "utf8")).toBe(text);
    for (const name of ["b.ts", "bit", "left"]) expect(existsSync(join(tree, name))).toBe(false);
    expect(readFileSync(join(tree, "out/result"), "utf8")).toBe("kept");
    expect(statSync(join(tree, "locked")).mode & 0o700).toBe(0o700);
    expect(readFileSync(join(elsewhere, "z"), "utf8")).toBe("not mine");
    expect(await restore(tree, base, laid, options)).toEqual([]);
  });

  it("a manifest's hash changes with content, name, kind and the right to execute, and with nothing else", async () => {
    const path = lay(folder(), { a: "1", "d/b": "2", big: "x".repeat(3 * 2 ** 20) });
    const hash = async () => manifestHash(await manifest(path));
    const first = await hash();
    execSync("touch -d 2001-01-01 a", { cwd: path });
    expect(await hash()).toBe(first);
    const seen = new Set([first]);
    for (const command of ["printf 2 > a", "chmod +x a", "mv a c", "ln -sf big c", "printf y >> big"]) {
      execSync(command, { cwd: path });
      seen.add(await hash());
    }
    expect(seen.size).toBe(6);
  });
});

describe("commits", () => {
  it("leave everything of the user's as it was, hostile hooks included", async () => {
    const path = repository({ "lab/a.ts": "1", "lab/b.ts": "1" });
    lay(path, { "lab/b.ts": "stashed" });
    git(path, "stash", "-q");
    lay(path, { "lab/a.ts": "staged" });
    git(path, "add", "-A");
    lay(path, { "lab/a.ts": "unstaged", "lab/new": "untracked" });
    for (const hook of readdirSync(join(path, ".git", "hooks")).map((name) => name.replace(/\.sample$/, "")))
      lay(path, { [`.git/hooks/${hook}`]: `#!/bin/sh\ntouch "${path}/hooked"\n` });
    lay(path, { ".git/hooks/reference-transaction": `#!/bin/sh\ntouch "${path}/hooked"\n` });
    execSync("chmod +x .git/hooks/*", { cwd: path });
    git(path, "config", "core.fsmonitor", `touch "${path}/hooked"`);
    git(path, "config", "commit.gpgSign", "true");
    const world = () => ({
      files: Object.fromEntries(
        ["index", "HEAD", "config", "ORIG_HEAD", "logs/HEAD", "logs/refs/stash"].map((name) => [
          name,
          existsSync(join(path, ".git", name)) ? readFileSync(join(path, ".git", name), "base64") : null,
        ]),
      ),
      refs: execSync("cat .git/refs/heads/main .git/refs/stash", { cwd: path, encoding: "utf8" }),
      work: ["lab/a.ts", "lab/b.ts", "lab/new"].map((name) => readFileSync(join(path, name), "utf8")),
    });
    const before = world();
    const repo = await openRepo(join(path, "lab"));
    await dirty(repo);
    await checkoutBase(repo, repo.head, join(folder(), "base"));
    await recordCandidate(repo, "refs/whetstone/lab/x/1", change(repo.head, "2"));
    await recordKeep(repo, "whetstone/x", change(repo.head, "2"));
    await createBranch(repo, "whetstone/y", repo.head);
    expect(world()).toEqual(before);
    expect(existsSync(join(path, "hooked"))).toBe(false);
    expect(readdirSync(join(path, ".git")).filter((name) => /lock|crash/.test(name))).toEqual([]);
  });

  it("keep a file executable, as it is in the parent at hand", async () => {
    const path = repository({ "a.ts": "1" });
    const first = await openRepo(path);
    const mode = async (ref: string, parent: string) => {
      await recordCandidate(first, ref, change(parent, "2"));
      return git(path, "ls-tree", ref).slice(0, 6);
    };
    expect(await mode("refs/whetstone/r/t/1", first.head)).toBe("100644");
    git(path, "update-index", "--chmod=+x", "a.ts");
    git(path, "commit", "-q", "-m", "x");
    expect(await mode("refs/whetstone/r/t/2", (await openRepo(path)).head)).toBe("100755");
  });

  it("refuse names that would speak to git, and explain what stands in the way", async () => {
    const path = repository({ "a.ts": "1" });
    const repo = await openRepo(path);
    for (const name of ["x\nreset refs/heads/main", "../x", ".git/config"])
      await expect(
        recordCandidate(repo, "refs/whetstone/r/t/1", {
          ...change(repo.head, "2"),
          changes: { [name]: "1" },
        }),
      ).rejects.toThrow(/cannot be committed/);
    await expect(recordCandidate(repo, "refs/whetstone/x\ny", change(repo.head, "2"))).rejects.toThrow(
      /no reference/,
    );
    await createBranch(repo, "whetstone", repo.head);
    await expect(createBranch(repo, "whetstone", repo.head)).rejects.toThrow(/there is a branch/);
    await expect(recordKeep(repo, "whetstone/x", change(repo.head, "2"))).rejects.toThrow(
      /the branch whetstone is in the way/,
    );
    expect(readdirSync(join(path, ".git")).filter((name) => /crash/.test(name))).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)("say that a repository cannot be written", async () => {
    const path = repository({ "a.ts": "1" });
    const repo = await openRepo(path);
    execSync("chmod -R a-w .git", { cwd: path });
    await expect(recordKeep(repo, "whetstone/x", change(repo.head, "2"))).rejects.toThrow(
      /could not store a commit/,
    );
  });

  it("a keep killed at any instant is made whole by doing it again", async () => {
    const path = repository({ "a.ts": "1" });
    const repo = await openRepo(path);
    const script = `
      const { openRepo, recordKeep } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
      const repo = await openRepo(process.argv[1]);
      console.log("ready");
      let parent = repo.head;
      for (let i = 0; i < 1000; i++) {
        const keep = { parent, changes: { "a.ts": String(i) }, message: i + "\\n", when: 1.79e12 };
        console.log("begin " + parent);
        parent = (await recordKeep(repo, "whetstone/k", keep)).commit;
      }`;
    for (let round = 0; round < 5; round++) {
      if (round > 0) git(path, "update-ref", "-d", "refs/heads/whetstone/k");
      const child = spawn(process.execPath, ["--input-type=module", "-e", script, path], {
        stdio: ["ignore", "pipe", "inherit"],
        detached: true,
      });
      let said = "";
      child.stdout.on("data", (chunk) => {
        said += String(chunk);
      });
      while (!said.includes("begin ")) await sleep(2);
      await sleep(20 + 17 * round);
      process.kill(-(child.pid as number), "SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
      const begun = [...said.matchAll(/begin (\w+)\n/g)].map((match) => match[1] as string);
      const last = begun.length - 1;
      const again = async () => {
        const keep = { parent: begun[last] as string, changes: { "a.ts": String(last) } };
        return (await recordKeep(repo, "whetstone/k", { ...keep, message: `${last}\n`, when: 1.79e12 }))
          .commit;
      };
      const commit = await again();
      expect(await again()).toBe(commit);
      expect(await branchTip(repo, "whetstone/k")).toBe(commit);
      expect(git(path, "rev-list", "--count", `${repo.head}..${commit}`).trim()).toBe(String(last + 1));
    }
    expect(git(path, "fsck", "--strict").includes("error")).toBe(false);
    expect(execSync("find .git -name '*.lock'", { cwd: path, encoding: "utf8" })).toBe("");
  });
});

describe("diffs", () => {
  it("apply with git for new, deleted and oddly named files, trailing white space and missing line ends", () => {
    const text = fc
      .array(fc.stringMatching(/^[ab\t -]{0,4}\r?$/))
      .chain((lines) => fc.constantFrom(lines.join("\n"), lines.map((line) => `${line}\n`).join("")));
    const side = fc.option(text);
    fc.assert(
      fc.property(fc.constantFrom("f", "a b.txt", 'q"ü\\.x', "d/e"), side, side, (name, before, after) => {
        fc.pre(before !== after && before !== "" && after !== "");
        const path = mkdtempSync(join(tmpdir(), "whet-diff-"));
        try {
          if (before !== null) lay(path, { [name]: before });
          execFileSync("git", ["apply", "--whitespace=nowarn", "-"], {
            cwd: path,
            input: diffText({ [name]: before }, { [name]: after }),
            stdio: ["pipe", "pipe", "pipe"],
          });
          expect(existsSync(join(path, name)) ? readFileSync(join(path, name), "utf8") : null).toBe(after);
        } finally {
          rmSync(path, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
  });

  it("count every line: comments of two dashes, and files too different to compare", () => {
    expect(lineCounts({ a: "-- x\nb\n" }, { a: "b\n++ y\n\n" })).toEqual({ added: 1, removed: 1 });
    expect(lineCounts({ a: null }, { a: "1\n2" })).toEqual({ added: 2, removed: 0 });
    const shuffled = (by: number) =>
      Array.from({ length: 30_000 }, (_, i) => String((i * by) % 104_729)).join("\n");
    const [before, after] = [shuffled(7919), shuffled(15_101)];
    const { added, removed } = lineCounts({ a: before }, { a: after });
    expect(added).toBeGreaterThan(10_000);
    expect(added - removed).toBe(0);
    expect(diffText({ b: "x\0y" }, { b: "x\0z" })).toContain("Binary files a/b and b/b differ");
  });
});
