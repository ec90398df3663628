import { cp, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../errors.ts";
import { type Detected, detect } from "./detect.ts";
import { type Answers, writeProgram } from "./write.ts";

export interface InitOptions extends Partial<Omit<Answers, "direction" | "clocked">> {
  folder: string;
  direction?: string;
  clocked?: boolean;
  template?: string;
  /** Take what was detected and the defaults without asking. */
  yes?: boolean;
  force?: boolean;
  /** Whether questions can be asked. */
  interactive: boolean;
}

export interface InitResult {
  written: string[];
  /** What was found, and where. */
  found: string[];
  next: string[];
}

/**
 * Writes a `program.md` for a folder, or copies a template into it.
 *
 * @throws UserError when something cannot be known and nobody can be asked, or a contract is there already.
 */
export async function init(options: InitOptions): Promise<InitResult> {
  const folder = resolve(options.folder);
  if (options.template !== undefined) return copyTemplate(options.template, folder, options.force ?? false);
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) throw new UserError(`${folder} is no folder`, "make it first, or name another");
  const detected = await detect(folder);
  const target = join(folder, "program.md");
  if (detected.isLab && !options.force)
    throw new UserError(`${target} already has a contract`, "look at it with `whet check`, or write it anew with --force (the old one is kept as program.md.old)");
  const answers = await complete(options, detected);
  const prose = detected.isLab ? body(await readFile(target, "utf8")) : detected.prose;
  const text = writeProgram(answers, prose);
  const { formatProblem, parseProgram } = await import("../../contract/index.ts");
  const problems = parseProgram(text).problems.filter((problem) => problem.severity === "error");
  if (problems.length > 0)
    throw new UserError(`these answers make no valid contract:\n${problems.map((problem) => formatProblem("program.md", problem)).join("\n")}`);
  if (detected.isLab) await rename(target, `${target}.old`);
  await writeFile(target, text);
  const found = Object.entries(detected).flatMap(([name, fact]) =>
    typeof fact === "object" && fact !== null && "from" in fact ? [`${name}: ${fact.value} (${fact.from})`] : [],
  );
  if (prose !== null) found.push("your instructions below the contract are kept as they were");
  return { written: [target], found, next: ["commit it: git add program.md && git commit -m \"Add the lab's contract\"", "whet check", "whet run"] };
}

async function complete(options: InitOptions, detected: Detected): Promise<Answers> {
  const clocked = options.clocked ?? false;
  const direction = options.direction ?? detected.direction?.value ?? (clocked ? "minimize" : undefined);
  if (direction !== undefined && direction !== "minimize" && direction !== "maximize")
    throw new UserError(`--direction is minimize or maximize, not ${direction}`);
  const known = {
    goal: options.goal,
    metric: options.metric ?? detected.metric?.value ?? (clocked ? "seconds" : undefined),
    direction: direction as Answers["direction"] | undefined,
    change: options.change ?? detected.change?.value,
    run: options.run ?? detected.run?.value,
    budget: options.budget ?? detected.budget?.value ?? "60s",
    score: options.score ?? detected.score?.value,
    checks: options.checks ?? detected.checks?.value,
  };
  const asked = options.interactive && !options.yes ? await ask(known) : known;
  const missing = (["metric", "direction", "change", "run"] as const).filter((name) => !asked[name]);
  if (missing.length > 0)
    throw new UserError(
      `not to be found out from the files in ${options.folder}: ${missing.join(", ")}`,
      `give ${missing.map((name) => `--${name} ...`).join(" ")} (or begin from an example: whet init --template NAME)`,
    );
  const { metric, change, run } = asked as { metric: string; change: string; run: string };
  const way = asked.direction as Answers["direction"];
  return {
    goal: asked.goal ?? `${way === "minimize" ? "lowest" : "highest"} ${metric}`,
    metric,
    direction: way,
    change,
    run,
    budget: asked.budget,
    clocked,
    ...(asked.score ? { score: asked.score } : {}),
    ...(asked.checks ? { checks: asked.checks } : {}),
  };
}

type Known = { [Name in keyof Answers]?: Answers[Name] | undefined } & { budget: string };

/** Asks only for what is not known yet. */
async function ask(known: Known): Promise<Known> {
  const prompts = await import("@clack/prompts");
  const stop = <Value>(value: Value): Exclude<Value, symbol> => {
    if (prompts.isCancel(value)) throw new UserError("nothing was written");
    return value as Exclude<Value, symbol>;
  };
  const text = async (message: string, placeholder: string) =>
    stop(await prompts.text({ message, placeholder, validate: (value) => (value?.trim() ? undefined : "something is needed here") }));
  prompts.intro("A lab is one file, program.md. What could be found out is filled in.");
  const result: Known = { ...known };
  result.run ??= await text("Which command runs a candidate?", "node train.ts");
  result.change ??= await text("Which files may a candidate change?", "train.ts");
  result.metric ??= await text("Which metric does it print (name: value)?", "val_loss");
  result.direction ??= stop(
    await prompts.select({
      message: `Which way is ${result.metric} better?`,
      options: [{ value: "minimize" as const, label: "lower" }, { value: "maximize" as const, label: "higher" }],
    }),
  );
  prompts.outro("program.md is written; every line of it is explained there.");
  return result;
}

function body(program: string): string {
  const normal = program.replace(/^\uFEFF/, "");
  const close = /\r?\n---[ \t]*\r?\n/.exec(normal.slice(3));
  return close ? normal.slice(3 + close.index + close[0].length) : normal;
}

const templates = fileURLToPath(new URL(import.meta.url.includes("/dist/") ? "../templates" : "../../../templates", import.meta.url));

async function copyTemplate(name: string, folder: string, force: boolean): Promise<InitResult> {
  const known = await readdir(templates).catch(() => [] as string[]);
  if (!known.includes(name)) throw new UserError(`there is no template "${name}"`, `one of: ${known.join(", ")}`);
  const files = await readdir(join(templates, name));
  await mkdir(folder, { recursive: true });
  const present = await readdir(folder);
  const taken = files.filter((file) => present.includes(file));
  if (taken.length > 0 && !force)
    throw new UserError(`${folder} already holds ${taken.join(", ")}`, "choose an empty folder, or overwrite with --force");
  for (const file of files) await cp(join(templates, name, file), join(folder, file), { recursive: true });
  return {
    written: files.map((file) => join(folder, file)),
    found: [],
    next: ["git init (if it is no repository yet), git add -A && git commit -m start", "whet check", "whet run"],
  };
}
