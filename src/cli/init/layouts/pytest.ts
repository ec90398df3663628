import type { Folder, Layout } from "./found.ts";
import { python } from "./python.ts";

/** pytest: its tests as checks, and pytest-benchmark's as what is measured. */
export const pytest: Layout = async (folder, found) => {
  const tests = [
    ...folder.names.filter(isTest),
    ...(await folder.list("tests")).filter(isTest).map((name) => `tests/${name}`),
  ];
  const configured =
    folder.has("pytest.ini") || (await folder.read("pyproject.toml")).includes("[tool.pytest");
  if (tests.length === 0 && !configured) return;
  const command = `${await python(folder)} -m pytest -q -p no:cacheprovider`;
  const benchmark = await benchmarked(folder, tests);
  if (benchmark !== null && !found.run) {
    found.run = {
      value: `${command} --benchmark-only --benchmark-json=$OUT/benchmark.json`,
      from: benchmark,
    };
    return;
  }
  found.checks ??= { value: command, from: "pytest's files" };
};

const isTest = (name: string) => /^test_.*\.py$|_test\.py$/.test(name);

/** The first test file that takes pytest-benchmark's fixture. */
async function benchmarked(folder: Folder, tests: readonly string[]): Promise<string | null> {
  for (const name of tests) if (/def test_\w*\([^)]*\bbenchmark\b/.test(await folder.read(name))) return name;
  return null;
}
