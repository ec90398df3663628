import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { importedBy, renamed } from "./cleanPlace.ts";

describe("a command whose files lie in a clean place", () => {
  it.each([
    ["python3 check.py", ["check.py"], "python3 /c/check.py"],
    ["node ./checks/a.mjs --x=1", ["checks"], "node /c/checks/a.mjs --x=1"],
    ["./it.sh", ["it.sh"], "/c/it.sh"],
    ["test -f out.json && sh 'a b/c.sh'", ["a b/c.sh"], "test -f out.json && sh '/c/a b/c.sh'"],
    ["diff <(cat want.txt) got.txt", ["want.txt"], "diff <(cat /c/want.txt) got.txt"],
    ["pytest tests -q", ["tests"], "pytest /c/tests -q"],
    // Words that only resemble a hidden path, and folders that somebody changes into.
    [
      "python3 mycheck.py; cat check.pyc sub/check.py",
      ["check.py"],
      "python3 mycheck.py; cat check.pyc sub/check.py",
    ],
    ["cd checks && node a.mjs", ["checks"], "cd checks && node a.mjs"],
    ["python3 -m checks.a", ["checks"], "python3 -m checks.a"],
    ["true", [], "true"],
  ])("%s", (command, paths, expected) => {
    expect(renamed(command, paths, "/c")).toBe(expected);
  });
});

it("what hidden checks import of the work is found by their words", async () => {
  const hidden = mkdtempSync(join(tmpdir(), "whet-hidden-"));
  onTestFinished(() => rmSync(hidden, { recursive: true }));
  mkdirSync(join(hidden, "checks"));
  writeFileSync(
    join(hidden, "checks", "a.py"),
    "import os, sys\nfrom solution.core import f\n  import late\n# import not_this\n",
  );
  writeFileSync(join(hidden, "b.mjs"), 'import { x } from "./work.mjs";\nconst y = require("../up");\n');
  const work = [
    "solution/core.py",
    "src/late.py",
    "not_this.py",
    "work.mjs",
    "json.py",
    "sub/work.mjs",
    "data.txt",
  ];
  expect(await importedBy(hidden, work)).toEqual(["solution/core.py", "src/late.py", "work.mjs"]);
  expect(await importedBy(join(hidden, "none"), work)).toEqual([]);
});
