import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Direction, directionOf, printedMetric } from "./printed.ts";

/** What a folder tells about its lab-to-be; every fact with where it was found. */
export interface Detected {
  /** An existing program.md without front matter: its prose stays. */
  hasProse: boolean;
  /** True when program.md already has front matter. */
  isLab: boolean;
  metric?: Fact;
  direction?: Fact<Direction>;
  change?: Fact;
  run?: Fact;
  score?: Fact;
  checks?: Fact;
  budget?: Fact;
  /** Further limits, where the defaults are known to be too small. */
  limits?: Fact<Record<string, string>>;
  inputs?: Fact<string[]>;
  /** A command that may serve as a check, once it is said what it writes. */
  build?: Fact;
  /** What a person should know and do. */
  notes: string[];
}

export interface Fact<Value = string> {
  value: Value;
  from: string;
}

/** How a folder is looked at: names at its top, texts of files ("" where there is none). */
interface Folder {
  names: string[];
  has(name: string): boolean;
  read(name: string): Promise<string>;
  list(name: string): Promise<string[]>;
}

const program = /\.(m?[jt]s|c[jt]s|py)$/;

/** Looks at file names, package scripts and the texts of a few files; runs nothing, writes nothing. */
export async function detect(path: string): Promise<Detected> {
  const names = (await readdir(path).catch(() => [] as string[])).sort();
  const folder: Folder = {
    names,
    has: (name) => names.includes(name),
    read: (name) => readFile(join(path, name), "utf8").catch(() => ""),
    list: async (name) => (await readdir(join(path, name)).catch(() => [] as string[])).sort(),
  };
  const isLab = hasFrontMatter(await folder.read("program.md"));
  const found: Detected = { hasProse: folder.has("program.md") && !isLab, isLab, notes: [] };
  if (folder.has("train.py") && folder.has("prepare.py")) await autoresearch(folder, found);
  else {
    await packageScripts(folder, found);
    await scorer(folder, found);
    await benchmarks(folder, found);
    await trainingScript(folder, found);
    await recipes(folder, found);
  }
  await tests(folder, found);
  await inputs(folder, found);
  if (!found.metric) await metric(folder, found);
  return found;
}

/** Whether a text begins with front matter, closed or not. */
function hasFrontMatter(text: string): boolean {
  return /^\uFEFF?---[ \t]*\r?\n/.test(text);
}

/** Autoresearch's layout: prose in program.md, a fixed prepare.py, and the one editable train.py. */
async function autoresearch(folder: Folder, found: Detected): Promise<void> {
  const from = "train.py and prepare.py, as autoresearch lays them out";
  const [train, prepare, prose] = await Promise.all(
    ["train.py", "prepare.py", "program.md"].map((name) => folder.read(name)),
  );
  found.change = { value: "train.py", from };
  found.run = { value: (await usesUv(folder)) ? "uv run train.py" : "python3 train.py", from };
  if (/\bval_bpb\b/.test(`${train}${prose}`)) {
    found.metric = { value: "val_bpb", from: "val_bpb in train.py" };
    found.direction = { value: "minimize", from: "bits per byte: fewer are better" };
  } else {
    const name = printedMetric(train as string);
    if (name) found.metric = { value: name, from: "what train.py prints" };
    const way = (name && directionOf(name)) || wayOfProse(prose as string);
    if (way) found.direction = { value: way, from: "its name and program.md" };
  }
  // The budget of training does not hold start-up, compilation and the final evaluation.
  const seconds = Number(/^TIME_BUDGET\s*=\s*(\d+)/m.exec(`${prepare}\n${train}`)?.[1] ?? 300);
  found.budget = { value: duration(2 * seconds), from: `twice the ${seconds} seconds of training` };
  found.limits = {
    value: { memory: "32GB", processes: "4096" },
    from: "torch and its compiler need more than the defaults",
  };
  const cache = /"\.cache",\s*"([\w.-]+)"|~\/\.cache\/([\w.-]+)/.exec(prepare as string);
  if (cache)
    found.notes.push(
      `prepare.py keeps its data in ~/.cache/${cache[1] ?? cache[2]}, and a run's home is empty: let it write into a folder of the lab and name that in \`inputs\``,
    );
}

/** "The lowest val_bpb" or "higher is better", where only one way is spoken of. */
function wayOfProse(prose: string): Direction | null {
  const down = /lower is better|\blowest\b/i.test(prose);
  const up = /higher is better|\bhighest\b/i.test(prose);
  return down === up ? null : down ? "minimize" : "maximize";
}

async function packageScripts(folder: Folder, found: Detected): Promise<void> {
  const scripts = await scriptsOf(folder);
  const manager = managerOf(folder);
  for (const name of ["bench", "benchmark", "perf", "train", "eval"])
    if (scripts[name] && !found.run)
      found.run = { value: `${manager} run --silent ${name}`, from: `package.json, script "${name}"` };
  if (scripts.test && !/no test specified/.test(scripts.test))
    found.checks = { value: `${manager} run --silent test`, from: 'package.json, script "test"' };
  if (scripts.build) found.build = { value: `${manager} run build`, from: 'package.json, script "build"' };
}

async function scriptsOf(folder: Folder): Promise<Record<string, string>> {
  try {
    const parsed: unknown = JSON.parse(await folder.read("package.json"));
    const scripts = (parsed as { scripts?: unknown } | null)?.scripts;
    if (typeof scripts !== "object" || scripts === null) return {};
    return Object.fromEntries(
      Object.entries(scripts).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  } catch {
    return {};
  }
}

function managerOf(folder: Folder): string {
  if (folder.has("pnpm-lock.yaml")) return "pnpm";
  if (folder.has("bun.lock") || folder.has("bun.lockb")) return "bun";
  return "npm";
}

async function scorer(folder: Folder, found: Detected): Promise<void> {
  const name = folder.names.find((each) => /^(score|scorer|evaluate)\.(m?[jt]s|cjs|py)$/.test(each));
  if (name) found.score = { value: await commandFor(folder, name), from: name };
}

async function benchmarks(folder: Folder, found: Detected): Promise<void> {
  const isBenchmark = (name: string) =>
    /^bench(mark)?s?\.\w+$|\.bench\.\w+$|^bench_\w+\.py$/.test(name) && program.test(name);
  let path = folder.names.find(isBenchmark);
  for (const below of ["bench", "benchmark", "benchmarks"]) {
    if (path || !folder.has(below)) continue;
    const files = (await folder.list(below)).filter((name) => program.test(name));
    const name = files.find((each) => isBenchmark(each) || /^(index|main)\./.test(each)) ?? files[0];
    if (name) path = `${below}/${name}`;
  }
  if (path === undefined || found.run) return;
  const vitest = /from ["']vitest["']/.test(await folder.read(path));
  found.run = { value: vitest ? "npx vitest bench --run" : await commandFor(folder, path), from: path };
}

async function trainingScript(folder: Folder, found: Detected): Promise<void> {
  const name = folder.names.find((each) => /^(train|main|solve|solution)\.(m?[jt]s|cjs|py)$/.test(each));
  if (!name) return;
  found.change ??= { value: name, from: name };
  found.run ??= { value: await commandFor(folder, name), from: name };
}

async function recipes(folder: Folder, found: Detected): Promise<void> {
  const target = (text: string) => /^(bench(?:mark)?)\b(?!\s*:?=)[^:\n]*:(?!=)/m.exec(text)?.[1];
  for (const [file, command] of [
    ["Makefile", "make --silent"],
    ["justfile", "just"],
  ] as const) {
    const name = target(await folder.read(file));
    if (name) found.run ??= { value: `${command} ${name}`, from: `${file}, target ${name}` };
  }
  if (folder.has("Cargo.toml") && folder.has("benches"))
    found.run ??= { value: "cargo bench --offline", from: "Cargo.toml and benches/" };
  if (folder.has("go.mod"))
    for (const name of folder.names)
      if (name.endsWith("_test.go") && /^func Benchmark/m.test(await folder.read(name)))
        found.run ??= { value: "go test -run=NONE -bench=.", from: name };
}

async function tests(folder: Folder, found: Detected): Promise<void> {
  if (found.checks) return;
  const pytest =
    folder.has("pytest.ini") ||
    (await folder.read("pyproject.toml")).includes("[tool.pytest") ||
    (await folder.list("tests")).some((name) => /^test_.*\.py$/.test(name));
  if (pytest)
    found.checks = {
      value: `${await python(folder)} -m pytest -q -p no:cacheprovider`,
      from: "pytest's files",
    };
  else if (folder.has("Cargo.toml")) found.checks = { value: "cargo test --offline", from: "Cargo.toml" };
  else if (folder.has("go.mod") && folder.names.some((name) => name.endsWith("_test.go")))
    found.checks = { value: "go test ./...", from: "go.mod" };
}

/** Folders that git ignores and a run needs; node_modules are found without being named. */
async function inputs(folder: Folder, found: Detected): Promise<void> {
  const ignored = new Set(
    (await folder.read(".gitignore")).split("\n").map((line) => line.trim().replace(/^\/|\/$/g, "")),
  );
  const needed = [".venv", "venv", "data", "datasets"].filter(
    (name) => folder.has(name) && (ignored.has(name) || name.endsWith("venv")),
  );
  if (needed.length > 0) found.inputs = { value: needed, from: ".gitignore" };
}

/** What the files print that the run's command names. */
async function metric(folder: Folder, found: Detected): Promise<void> {
  const scripts = await scriptsOf(folder);
  const script = /^(?:npm|pnpm|bun) run --silent (\S+)$/.exec(found.run?.value ?? "")?.[1];
  const commands = [found.score?.value, script === undefined ? undefined : scripts[script], found.run?.value];
  for (const command of commands)
    for (const word of command?.split(/[\s"';&|]+/) ?? []) {
      if (!program.test(word)) continue;
      const name = printedMetric(await folder.read(word));
      if (!name) continue;
      found.metric = { value: name, from: `what ${word} prints` };
      const way = directionOf(name);
      if (way) found.direction = { value: way, from: `the name ${name}` };
      return;
    }
}

async function commandFor(folder: Folder, file: string): Promise<string> {
  if (file.endsWith(".py")) return (await usesUv(folder)) ? `uv run ${file}` : `python3 ${file}`;
  return `node ${file}`;
}

async function python(folder: Folder): Promise<string> {
  return (await usesUv(folder)) ? "uv run python" : "python3";
}

async function usesUv(folder: Folder): Promise<boolean> {
  return folder.has("uv.lock") || /^\[tool\.uv\b/m.test(await folder.read("pyproject.toml"));
}

function duration(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
