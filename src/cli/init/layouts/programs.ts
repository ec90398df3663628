import { printedMetric } from "../printed.ts";
import { type Folder, type Layout, program } from "./found.ts";
import { commandFor } from "./python.ts";

/** A scorer beside the candidate. */
export const scorer: Layout = async (folder, found) => {
  const name = folder.names.find((each) => /^(score|scorer|evaluate)\.(m?[jt]s|cjs|py)$/.test(each));
  if (name) found.score = { value: await commandFor(folder, name), from: name };
};

/** A file that is a benchmark, at the top or in a folder of them. */
export const benchmarks: Layout = async (folder, found) => {
  const path = await benchmarkFile(folder);
  if (path === undefined || found.run) return;
  const vitest = /from ["']vitest["']/.test(await folder.read(path));
  found.run = { value: vitest ? "npx vitest bench --run" : await commandFor(folder, path), from: path };
};

/** The benchmark itself, relative to the folder. */
export async function benchmarkFile(folder: Folder): Promise<string | undefined> {
  const isBenchmark = (name: string) =>
    /^bench(mark)?s?\.\w+$|\.bench\.\w+$|^bench_\w+\.py$/.test(name) && program.test(name);
  const top = folder.names.find(isBenchmark);
  if (top !== undefined) return top;
  for (const below of ["bench", "benchmark", "benchmarks", "src"]) {
    if (!folder.has(below)) continue;
    const files = (await folder.list(below)).filter((name) => program.test(name));
    const usual =
      below === "src" ? undefined : (files.find((name) => /^(index|main)\./.test(name)) ?? files[0]);
    const name = files.find(isBenchmark) ?? usual;
    if (name) return `${below}/${name}`;
  }
  return undefined;
}

/** One program at the top that is run and changed. */
export const trainingScript: Layout = async (folder, found) => {
  const name = folder.names.find((each) => /^(train|main|solve|solution)\.(m?[jt]s|cjs|py)$/.test(each));
  if (!name) return;
  found.change ??= { value: name, from: name };
  found.run ??= { value: await commandFor(folder, name), from: name };
};

/** Programs that set up, configure or test others. */
const noLab =
  /^(setup|conftest|noxfile|tasks)\.py$|\.d\.[cm]?ts$|(^|[._-])(test|tests|spec|config|conf|rc)[._-]/i;

/** A folder with one program, whatever it is called, that prints a metric: it is run and changed. */
export const onlyProgram: Layout = async (folder, found) => {
  if (found.run || found.change || found.score) return;
  const [name, ...others] = folder.names.filter((each) => program.test(each) && !noLab.test(each));
  if (name === undefined || others.length > 0 || !printedMetric(await folder.read(name))) return;
  const from = "the only program here";
  found.change = { value: name, from };
  found.run = { value: await commandFor(folder, name), from };
};
