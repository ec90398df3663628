import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a folder tells about its lab-to-be; every fact with where it was found. */
export interface Detected {
  /** The prose of an existing program.md without front matter, byte for byte. */
  prose: string | null;
  /** True when program.md already has front matter. */
  isLab: boolean;
  metric?: Fact;
  direction?: Fact<"minimize" | "maximize">;
  change?: Fact;
  run?: Fact;
  score?: Fact;
  checks?: Fact;
  budget?: Fact;
}

export interface Fact<Value = string> {
  value: Value;
  from: string;
}

/** Looks at file names, package scripts and the texts of a few files; runs nothing. */
export async function detect(folder: string): Promise<Detected> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const read = (name: string) => readFile(join(folder, name), "utf8").catch(() => "");
  const has = (name: string) => names.includes(name);
  const program = has("program.md") ? await read("program.md") : null;
  const isLab = program !== null && /^\uFEFF?---[ \t]*\r?\n/.test(program);
  const found: Detected = { prose: program !== null && !isLab ? program : null, isLab };

  if (has("train.py")) {
    const autoresearch = has("prepare.py");
    const from = autoresearch ? "train.py and prepare.py (autoresearch)" : "train.py";
    found.change = { value: "train.py", from };
    const uv = has("uv.lock") || (await read("pyproject.toml")).includes("[tool.uv") || (autoresearch && has("pyproject.toml"));
    found.run = { value: uv ? "uv run train.py" : "python3 train.py", from };
    if (autoresearch) {
      found.metric = { value: "val_bpb", from };
      found.direction = { value: "minimize", from };
      // Five minutes of training, with start-up, compilation and evaluation beside it.
      found.budget = { value: "10m", from };
    }
    return { ...found, ...(await printedMetric(await read("train.py"), "train.py", found)) };
  }

  const scripts = await packageScripts(read);
  for (const name of ["bench", "benchmark", "perf", "train", "eval"])
    if (scripts[name] && !found.run) found.run = { value: `npm run --silent ${name}`, from: `package.json, script "${name}"` };
  if (scripts.test && !/no test specified/.test(scripts.test)) found.checks = { value: "npm test --silent", from: 'package.json, script "test"' };

  const bench = names.find((name) => /^(bench(mark)?|.+\.bench)\.(m?[jt]s|cjs|py)$/.test(name));
  if (bench && !found.run) found.run = { value: `${bench.endsWith(".py") ? "python3" : "node"} ${bench}`, from: bench };
  const score = names.find((name) => /^score\.(m?[jt]s|cjs|py)$/.test(name));
  if (score) found.score = { value: `${score.endsWith(".py") ? "python3" : "node"} ${score}`, from: score };
  const train = names.find((name) => /^(train|main|solve|solution)\.(m?[jt]s|cjs|py)$/.test(name));
  if (train) {
    found.change ??= { value: train, from: train };
    found.run ??= { value: `${train.endsWith(".py") ? "python3" : "node"} ${train}`, from: train };
  }
  for (const maker of ["Makefile", "justfile"])
    if (!found.run && /^bench(mark)?\s*:/m.test(await read(maker))) {
      found.run = { value: maker === "Makefile" ? "make -s bench" : "just bench", from: `${maker}, target bench` };
    }
  if (has("Cargo.toml") && names.includes("benches")) found.run ??= { value: "cargo bench --offline", from: "benches/" };
  if (!found.checks && (has("pytest.ini") || (await read("pyproject.toml")).includes("[tool.pytest")))
    found.checks = { value: "python3 -m pytest -q", from: "pytest configuration" };
  const source = bench ?? train;
  return source ? { ...found, ...(await printedMetric(await read(source), source, found)) } : found;
}

async function packageScripts(read: (name: string) => Promise<string>): Promise<Record<string, string>> {
  try {
    const { scripts } = JSON.parse(await read("package.json")) as { scripts?: Record<string, string> };
    return scripts ?? {};
  } catch {
    return {};
  }
}

/** `print(f"val_loss: {x}")`, `console.log("METRIC ms=" + t)` and the like. */
async function printedMetric(source: string, from: string, known: Detected): Promise<Partial<Detected>> {
  if (known.metric) return {};
  const match = /(?:print|console\.log|println!?|echo)\s*\(?\s*f?["'`](?:METRIC\s+)?([A-Za-z_][\w./-]{1,40})\s*[:=]/.exec(source);
  const name = match?.[1];
  if (!name) return {};
  const down = /loss|error|bpb|perplexity|seconds|time|(^|_)ms$|latency|size|bytes|memory|cost|excess/i.test(name);
  const up = /acc|score|reward|throughput|per_s|f1|auc|precision|recall|speed/i.test(name);
  return {
    metric: { value: name, from },
    ...(down !== up ? { direction: { value: down ? ("minimize" as const) : ("maximize" as const), from: `the name ${name}` } } : {}),
  };
}
