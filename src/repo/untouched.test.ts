import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  baseLimits,
  harvest,
  harvestChanges,
  ignoredPaths,
  manifest,
  overlay,
  restore,
  stamp,
} from "./index.ts";

function lay(files: Record<string, string | Buffer>, folder = temporary()): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), "whet-untouched-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1]);

/** A tree as people have them: next to the code lies what no candidate could bring. */
function real(): string {
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`src/data/${n}.txt`, `${n}`]));
  const folder = lay({
    ...many,
    "src/app.py": "LIMIT = 40\n",
    "src/logo.png": png,
    "src/latin1.c": Buffer.from("caf\xe9", "latin1"),
    "src/large.txt": "x".repeat(2 ** 20 + 1),
    "src/Twin.py": "a",
    "src/twin.py": "b",
  });
  symlinkSync("app.py", join(folder, "src/link.py"));
  return folder;
}

describe("what lies untouched under the globs", () => {
  it("makes no candidate invalid: an image, a link, a large file, twins, more files than one may change", async () => {
    const folder = real();
    const base = await manifest(folder);
    const { files, violations } = await harvest(folder, ["src/**"], baseLimits);
    expect(Object.keys(files)).toHaveLength(602);
    expect(violations.map(({ path }) => path).sort()).toEqual([
      "src/large.txt",
      "src/latin1.c",
      "src/link.py",
      "src/logo.png",
      "src/twin.py",
    ]);
    const fixed = new Set(violations.map(({ path }) => path));
    lay({ "src/app.py": "LIMIT = 30\n" }, folder);
    expect(await harvestChanges(folder, base, ["src/**"], undefined, { fixed })).toEqual({
      changes: { "src/app.py": "LIMIT = 30\n" },
      violations: [],
      passedOver: [],
    });
  });

  it("is a violation once it is changed, replaced by text or deleted", async () => {
    const folder = real();
    const base = await manifest(folder);
    const fixed = new Set(["src/logo.png", "src/link.py", "src/latin1.c"]);
    lay({ "src/logo.png": "text now\n" }, folder);
    rmSync(join(folder, "src/link.py"));
    rmSync(join(folder, "src/latin1.c"));
    const { changes, violations } = await harvestChanges(folder, base, ["src/**"], undefined, { fixed });
    expect(changes).toEqual({});
    expect(violations.map(({ path, detail }) => `${path}: ${detail}`).sort()).toEqual([
      "src/latin1.c: it was deleted",
      "src/link.py: it was deleted",
      "src/logo.png: it was changed, and it is no text that a candidate may bring",
    ]);
  });

  it("is still what a new file must not be the twin of", async () => {
    const folder = lay({ "src/model.ts": "1", "src/a.ts": "1" });
    const base = await manifest(folder);
    lay({ "src/Model.ts": "2" }, folder);
    const { violations } = await harvestChanges(folder, base, ["src/**"]);
    expect(violations).toEqual([
      { path: "src/Model.ts", kind: "path", detail: "it differs from src/model.ts only in case" },
    ]);
  });
});

describe("what a build or a tool leaves beside the work", () => {
  it("is passed over where git ignores it or a tool is known by its folder, and nothing else is", async () => {
    const repo = lay({ ".gitignore": "/target\n*.log\nsrc/gen/\n", "src/a.py": "1" });
    execFileSync("git", ["init", "-q"], { cwd: repo });
    const copy = lay({ ".gitignore": "/target\n*.log\nsrc/gen/\n", "src/a.py": "1" });
    const base = await manifest(copy);
    lay(
      {
        "src/a.py": "2",
        "target/release/app": png,
        "run.log": "x",
        "src/gen/out.bin": png,
        "src/a.py~": "1",
        "src/.a.py.swp": png,
        ".claude/settings.local.json": "{}",
        ".idea/workspace.xml": "x",
        "notes.md": "mine",
      },
      copy,
    );
    const ignored = (paths: readonly string[]) => ignoredPaths({ root: repo }, "", paths);
    const found = await harvestChanges(copy, base, ["src/**"], undefined, { ignored });
    expect(found.changes).toEqual({ "src/a.py": "2" });
    expect(found.violations).toEqual([{ path: "notes.md", kind: "forbidden", detail: "it was created" }]);
    expect(found.passedOver.sort()).toEqual([
      ".claude/settings.local.json",
      ".idea/workspace.xml",
      "run.log",
      "src/.a.py.swp",
      "src/a.py~",
      "src/gen/out.bin",
      "target/release/app",
    ]);
  });

  it("is no excuse for a change of what was there", async () => {
    const repo = lay({ ".gitignore": "*.log\n" });
    execFileSync("git", ["init", "-q"], { cwd: repo });
    const copy = lay({ "known.log": "1", ".claude/settings.json": "{}", "src/a.py": "1" });
    const base = await manifest(copy);
    lay({ "known.log": "2", ".claude/settings.json": "{ }" }, copy);
    const ignored = (paths: readonly string[]) => ignoredPaths({ root: repo }, "", paths);
    const { violations } = await harvestChanges(copy, base, ["src/**"], undefined, { ignored });
    expect(violations.map(({ path }) => path).sort()).toEqual([".claude/settings.json", "known.log"]);
  });
});

describe("programs", () => {
  const isProgram = (path: string) => (lstatSync(path).mode & 0o100) !== 0;

  it("stay programs when they are rewritten, and new scripts become some, whatever the editor did", async () => {
    const base = lay({ "bin/tool": "#!/bin/sh\necho 1\n", "bin/plain.py": "#!/usr/bin/env python3\n" });
    chmodSync(join(base, "bin/tool"), 0o755);
    const tree = lay({ "bin/tool": "#!/bin/sh\necho 1\n", "bin/plain.py": "#!/usr/bin/env python3\n" });
    const first = { "bin/tool": "#!/bin/sh\necho 1\n", "bin/plain.py": "#!/usr/bin/env python3\n" };
    const next = {
      "bin/tool": "echo 2\n",
      "bin/plain.py": "#!/usr/bin/env python3\n2\n",
      "bin/new": "#!/bin/sh\n",
    };
    await overlay(tree, "", first, next, base);
    expect(["bin/tool", "bin/plain.py", "bin/new"].map((path) => isProgram(join(tree, path)))).toEqual([
      true,
      false,
      true,
    ]);
    // Deleted by one state and there again in another: what it was in the base, it is.
    await overlay(tree, "", next, { "bin/plain.py": first["bin/plain.py"] }, base);
    await overlay(tree, "", { "bin/plain.py": first["bin/plain.py"] }, first, base);
    expect(isProgram(join(tree, "bin/tool"))).toBe(true);
  });

  it("get their modes back when the tree is put in order", async () => {
    const files = { "bin/tool": "#!/bin/sh\n", "data.txt": "1" };
    const base = lay(files);
    chmodSync(join(base, "bin/tool"), 0o755);
    const tree = lay(files);
    chmodSync(join(tree, "bin/tool"), 0o644);
    chmodSync(join(tree, "data.txt"), 0o755);
    const laid = await stamp(tree);
    expect(await restore(tree, base, laid, { lab: "", editable: files, ignore: [] })).toEqual([]);
    expect([isProgram(join(tree, "bin/tool")), isProgram(join(tree, "data.txt"))]).toEqual([true, false]);
  });

  it("that are new and do not say how they are run are refused with the reason", async () => {
    const folder = lay({ "bin/a": "1" });
    const base = await manifest(folder);
    lay({ "bin/b": "echo 1\n", "bin/c": "#!/bin/sh\n" }, folder);
    chmodSync(join(folder, "bin/b"), 0o755);
    const { changes, violations } = await harvestChanges(folder, base, ["bin/*"]);
    expect(changes).toEqual({ "bin/c": "#!/bin/sh\n" });
    expect(violations).toEqual([
      { path: "bin/b", kind: "forbidden", detail: expect.stringContaining("begins with #!") },
    ]);
  });
});
