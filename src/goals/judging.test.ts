import { expect, it } from "vitest";
import { judgingFiles } from "./judging.ts";

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
