import { expect, it } from "vitest";
import { commandCriterion } from "./goalFile.ts";
import { isProgram, judgingFiles, openJudges, openJudgesWords, scriptsIn } from "./judging.ts";

it.each<[command: string, judging: string[]]>([
  ["node check.mjs out.csv", ["check.mjs", "out.csv"]],
  ["./check.mjs && echo 'ok'", ["check.mjs"]],
  ["test \"$(cat out.csv)\" = '1'", ["out.csv"]],
  ["npm test", ["package.json", "src/sum.test.ts", "tests/a.mjs", "test_it.py"]],
  ["npx tsc --noEmit", ["package.json"]],
  ["python -m pytest -q", ["src/sum.test.ts", "tests/a.mjs", "test_it.py"]],
  ["grep -q hello latest.txt", []],
])("what %s judges by", (command, judging) => {
  const paths = [
    "check.mjs",
    "out.csv",
    "package.json",
    "src/sum.test.ts",
    "tests/a.mjs",
    "test_it.py",
    "a.ts",
  ];
  expect(judgingFiles(command, paths).sort()).toEqual(judging.sort());
});

it("what a script of package.json names judges as well, and a check in another folder", () => {
  const scripts = scriptsIn(
    '{"scripts": {"test": "npm run -s verify", "preverify": "sh prepare.sh", "verify": "node checks/all.mjs"}}',
  );
  const paths = [
    "package.json",
    "prepare.sh",
    "checks/all.mjs",
    "checks/verify.py",
    "src/main.mjs",
    "Makefile",
  ];
  expect(judgingFiles("npm test", paths, scripts)).toEqual(["package.json", "prepare.sh", "checks/all.mjs"]);
  expect(judgingFiles("cd checks && node all.mjs", paths)).toEqual(["checks/all.mjs"]);
  expect(judgingFiles("python -m checks.verify", paths)).toEqual(["checks/verify.py"]);
  expect(judgingFiles("make verify", paths)).toEqual(["Makefile"]);
  expect(scriptsIn("no JSON")).toEqual({});
});

it("what is protected or hidden is not open, and the rest is said", () => {
  const goal = {
    criteria: [commandCriterion("node check.mjs && sh tests/it.sh")],
    protect: ["check.mjs"],
    hidden: ["tests"],
  };
  const paths = ["check.mjs", "tests/it.sh", "a.txt"];
  expect(openJudges(goal, paths, {})).toEqual([]);
  expect(openJudgesWords([])).toBeNull();
  const open = openJudges({ ...goal, protect: [] }, paths, {});
  expect(openJudgesWords(open)).toMatch(/^the checks judge by check\.mjs, .*`protect:`.*`hidden:`/);
});

it("what a check only reads of what the work made is the work, and no program of its own", () => {
  const made = [
    "greeting.txt",
    "report.json",
    "run",
    "main.mjs",
    "package.json",
    "vitest.config.ts",
    "a.test.ts",
  ];
  expect(made.filter(isProgram)).toEqual([
    "run",
    "main.mjs",
    "package.json",
    "vitest.config.ts",
    "a.test.ts",
  ]);
});
