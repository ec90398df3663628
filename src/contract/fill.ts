import { laterParameters, parameterNames, rule } from "../decision/index.ts";
import { usualFigure } from "../metricSources/index.ts";
import type {
  Budget,
  Clock,
  Contract,
  Direction,
  ForeignEvaluator,
  Guard,
  Network,
  ResearcherChoice,
  Stage,
  Step,
} from "./contract.ts";
import { type Fault, form, type Path, shown } from "./explain.ts";
import { cachesOf, gpusOf, modelsOf, secretsOf, sourceOf, variablesOf } from "./grants.ts";
import { nearest } from "./near.ts";
import { present } from "./present.ts";
import { agentNames, fillResearcher, isPaid, parseResearcher, usualControl } from "./researchers.ts";
import type { FrontMatter, ResearcherForm } from "./schema.ts";
import { foreignDirection, foreignRun, foreignScore } from "./scorers.ts";
import { parseCpuList, parseDuration, parseSize, parseTolerance } from "./units.ts";

const defaults: Budget = {
  time: 300_000,
  memory: 4 * 2 ** 30,
  processes: 256,
  fileSize: 2 ** 30,
  disk: 4 * 2 ** 30,
  output: 16 * 2 ** 20,
  network: false,
};
const setupTime = 600_000;
/** What a timer of the platform can hold, rounded down. */
const longest = 24 * 86_400_000;
/** Nothing starts in less: a bare number meant as megabytes. */
const leastMemory = 2 ** 20;

/** Units read, defaults filled in; what cannot be read is told as faults. */
export function fill(matter: FrontMatter, instructions: string): { contract: Contract; faults: Fault[] } {
  const faults: Fault[] = [];
  const complain = (path: Path, what: string, fix: string) => faults.push({ path, what, fix });

  const duration = (value: unknown, path: Path, fallback: number): number => {
    if (value === undefined) return fallback;
    const ms = parseDuration(value);
    const example = "a duration such as 500ms, 30s, 5m or 1h30m";
    if (ms === null) complain(path, `\`${shown(path)}\` is not a length of time`, example);
    else if (ms <= 0) complain(path, `\`${shown(path)}\` is not above 0`, example);
    else if (ms > longest) complain(path, `\`${shown(path)}\` is longer than 24 days`, example);
    else return ms;
    return fallback;
  };
  const size = (value: unknown, path: Path, fallback: number): number => {
    if (value === undefined) return fallback;
    const bytes = parseSize(value);
    const example = "a size such as 512MB or 2GB";
    if (bytes === null) complain(path, `\`${shown(path)}\` is no size`, example);
    else if (bytes <= 0) complain(path, `\`${shown(path)}\` is not above 0`, example);
    else return bytes;
    return fallback;
  };
  const limits = (given: BudgetForm, path: Path): Partial<Budget> => {
    const memory = size(given.memory, [...path, "memory"], defaults.memory);
    if (memory < leastMemory)
      complain([...path, "memory"], `\`memory\` is ${memory} bytes, in which nothing can run`, "memory: 2GB");
    return present({
      time: given.time === undefined ? undefined : duration(given.time, [...path, "time"], defaults.time),
      memory: given.memory === undefined ? undefined : memory,
      cpus: typeof given.cpus === "string" ? { list: parseCpuList(given.cpus) ?? [] } : given.cpus,
      processes: given.processes,
      fileSize:
        given.fileSize === undefined
          ? undefined
          : size(given.fileSize, [...path, "fileSize"], defaults.fileSize),
      disk: given.disk === undefined ? undefined : size(given.disk, [...path, "disk"], defaults.disk),
      output:
        given.output === undefined ? undefined : size(given.output, [...path, "output"], defaults.output),
      network: given.network,
      gpus: given.gpus === undefined ? undefined : gpusOf(given.gpus, [...path, "gpus"], size),
    });
  };

  const budgetOf = (given: FrontMatter["budget"], path: Path): Partial<Budget> | undefined => {
    if (given === undefined) return undefined;
    return typeof given === "object" ? limits(given, path) : { time: duration(given, path, defaults.time) };
  };

  const given = typeof matter.metric === "string" ? { name: matter.metric } : matter.metric;
  const clock = clockOf(given.clock);
  const from = sourceOf(given.from);
  // What a known tool measures says which way it is better, as long as nobody chooses among its figures.
  const usual = from?.kind === "preset" && from.at === undefined ? from.preset : undefined;
  const direction: Direction | undefined =
    given.direction ??
    matter.direction ??
    (usual && usualFigure(usual, undefined).direction) ??
    (clock ? undefined : foreignDirection(matter.score));
  if (given.direction && matter.direction && given.direction !== matter.direction)
    complain(["direction"], "`direction` contradicts `metric.direction`", "it once only");
  if (!direction && !clock)
    complain(["metric"], "it is not said which way the metric is better", form(["direction"]));

  const budget: Budget = {
    ...defaults,
    ...budgetOf(matter.budget, ["budget"]),
  };
  const atLeastAMinute = Math.max(60_000, budget.time);
  const step = (value: NonNullable<FrontMatter["setup"]>, path: Path, time: number): Step =>
    typeof value === "string"
      ? { command: value, time, network: false }
      : {
          command: value.run,
          time: duration(value.time, [...path, "time"], time),
          network: value.network ?? false,
        };

  const foreign = foreignScore(matter.score, given.name, matter.run);
  const run = matter.run ?? (foreign && foreignRun(foreign.evaluator));
  const score: ScoreForm | undefined =
    typeof matter.score === "string"
      ? { command: matter.score }
      : matter.score && "command" in matter.score
        ? matter.score
        : foreign;
  const holdout = typeof matter.holdout === "string" ? { score: matter.holdout } : matter.holdout;
  const sealed = typeof holdout?.sealed === "string" ? { score: holdout.sealed } : holdout?.sealed;
  const share = matter.control === undefined ? undefined : parseTolerance(matter.control);
  const control = share ? share.relative || share.absolute : undefined;
  if (share === null || (control !== undefined && !(control >= 0 && control <= 0.9)))
    complain(["control"], "`control` is no share from 0 to 90%", "control: 20%");
  const checks = typeof matter.checks === "string" ? [matter.checks] : (matter.checks ?? []);

  const guards = (matter.guards ?? []).map((guard, index): Guard => {
    const path = ["guards", index];
    const tolerance =
      guard.tolerance === undefined ? { absolute: 0, relative: 0 } : parseTolerance(guard.tolerance);
    if (!tolerance)
      complain([...path, "tolerance"], "`tolerance` is neither a percentage nor an amount", "tolerance: 5%");
    const bound = (name: "min" | "max"): number | undefined => {
      const value = guard[name];
      const bytes = typeof value === "number" ? value : value === undefined ? undefined : parseSize(value);
      if (bytes === null)
        complain([...path, name], `\`${name}\` is no number`, `${name}: 100, or ${name}: 2GB`);
      return bytes ?? undefined;
    };
    const [min, max] = [bound("min"), bound("max")];
    if (min !== undefined && max !== undefined && min > max)
      complain([...path, "min"], "`min` is above `max`: no value would pass", "min: 0");
    const guardClock = clockOf(guard.clock);
    if (!guard.direction && !guardClock && guard.min === undefined && guard.max === undefined)
      complain(path, `it is not said which way the guard ${guard.name} is better`, form(["direction"]));
    return present({
      name: guard.name,
      direction: guard.direction ?? "minimize",
      min,
      max,
      from: sourceOf(guard.from),
      tolerance:
        guard.tolerance === undefined && (min !== undefined || max !== undefined)
          ? null
          : (tolerance ?? { absolute: 0, relative: 0 }),
      clock: guardClock,
    });
  });

  const researcher = (given: string | ResearcherForm, path: Path): ResearcherChoice => {
    const fallback = fillResearcher({ name: "search" });
    if (typeof given === "string") {
      const choice = parseResearcher(given);
      if (choice) return choice;
      const near = nearest(given, ["search", ...agentNames]);
      complain(
        path,
        `there is no researcher \`${shown(path)}\`${near ? ` (did you mean \`${near}\`?)` : ""}`,
        form(["researcher"]),
      );
      return fallback;
    }
    const kinds = (["agent", "command", "acp"] as const).filter((kind) => given[kind] !== undefined);
    const isModel = given.model !== undefined && given.agent === undefined;
    const isSearch = given.name === "search" && kinds.length === 0 && !isModel;
    if (kinds.length + (isModel ? 1 : 0) + (isSearch ? 1 : 0) !== 1) {
      complain(
        path,
        "a researcher is exactly one of agent, command, acp, model, or `name: search`",
        form(["researcher"]),
      );
      return fallback;
    }
    if (isModel && !/^[^/\s]+\/\S+$/.test(given.model as string))
      complain(
        [...path, "model"],
        `\`${shown([...path, "model"])}\` names no provider`,
        "model: anthropic/claude-x, openai/gpt-x, google/gemini-x",
      );
    if (given.time === undefined) return fillResearcher(given);
    return fillResearcher({ ...given, timeMs: duration(given.time, [...path, "time"], 60_000) });
  };
  if (matter.researcher !== undefined && matter.researchers !== undefined)
    complain(["researchers"], "`researcher` and `researchers` are given both", "one of them");
  const researchers = matter.researchers
    ? matter.researchers.map((given, index) => researcher(given, ["researchers", index]))
    : [researcher(matter.researcher ?? "search", ["researcher"])];
  for (const [index, { name }] of researchers.entries())
    if (researchers.findIndex((other) => other.name === name) !== index)
      complain(["researchers", index], `two researchers are called ${name}`, "a `name` of its own for each");
  const { preset = "balanced", ...parameters } =
    typeof matter.decision === "object" ? matter.decision : { preset: matter.decision };
  for (const [parameter, value] of Object.entries(parameters)) {
    const path = ["decision", parameter];
    if (!parameterNames.includes(parameter as (typeof parameterNames)[number])) {
      const near = nearest(parameter, parameterNames);
      complain(
        path,
        `unknown decision parameter \`${parameter}\`${near ? ` (did you mean \`${near}\`?)` : ""}`,
        `one of preset, ${parameterNames.join(", ")}`,
      );
    } else
      try {
        // A bound between two parameters is judged once all are known; see below.
        rule(preset, { minPairs: 1, [parameter]: value as number });
      } catch (error) {
        complain(path, (error as Error).message, form(["decision"]));
      }
  }
  if (faults.length === 0)
    try {
      rule(preset, parameters as Record<string, number>);
    } catch (error) {
      complain(["decision"], (error as Error).message, form(["decision"]));
    }

  const contract: Contract = present({
    goal: oneLine(matter.goal ?? /^#\s+(.+)$/m.exec(instructions)?.[1] ?? `improve ${given.name}`),
    metric: present({
      name: given.name,
      direction: direction ?? "minimize",
      unit: given.unit ?? (usual && (usualFigure(usual, direction).unit || undefined)),
      target: given.target,
      minEffect: given.minEffect ?? 0,
      plausible: given.plausible,
      clock,
      from,
    }),
    guards,
    change: list(matter.change),
    run: run ?? "",
    score: score && {
      ...present({ command: score.command, answer: score.answer, evaluator: score.evaluator }),
      network: score.network ?? false,
      pipe: score.pipe ?? false,
      copies: score.copies ?? 1,
      private: list(score.private),
      time: duration(score.time, ["score", "time"], atLeastAMinute),
    },
    budget,
    setup: matter.setup === undefined ? undefined : step(matter.setup, ["setup"], setupTime),
    checks: checks.map((check, index) => step(check, ["checks", index], atLeastAMinute)),
    inputs: list(matter.inputs),
    env: variablesOf(matter.env),
    envFile: matter.envFile,
    secrets: secretsOf(matter.secrets),
    models: modelsOf(matter.model, score === undefined ? "run" : "score", complain),
    caches: cachesOf(matter.cache, complain),
    tree: matter.tree ?? "read-only",
    image: matter.image,
    warmup: matter.warmup,
    write: list(matter.write),
    stages: (matter.stages ?? []).map(
      ({ name, run, budget: rung, decides = false }, index): Stage =>
        present({ name, run, decides, budget: budgetOf(rung, ["stages", index, "budget"]) }),
    ),
    holdout:
      holdout &&
      present({
        score: holdout.score,
        private: list(holdout.private),
        looks: holdout.looks,
        sealed: sealed && { score: sealed.score, private: list(sealed.private) },
      }),
    onDivergence: matter.onDivergence ?? "warn",
    // With a model the question is what it adds over plain search at equal cost.
    control: control ?? (researchers.some(isPaid) ? usualControl : undefined),
    session: present({
      experiments: matter.session?.experiments,
      time:
        matter.session?.time === undefined
          ? undefined
          : duration(matter.session.time, ["session", "time"], 1),
      money: matter.session?.money,
      tokens: matter.session?.tokens,
    }),
    researchers,
    briefing: { tokens: matter.briefing?.tokens ?? 24_000 },
    stuck: {
      refine: matter.stuck?.refine ?? 5,
      redirect: matter.stuck?.redirect ?? 10,
      rewind: matter.stuck?.rewind ?? 20,
    },
    decision: {
      preset,
      parameters: { ...laterParameters(preset), ...(parameters as Record<string, number>) },
    },
    isolation: matter.isolation ?? "best",
    parallel: matter.parallel ?? 1,
  });
  return { contract, faults };
}

/** The scorer as an object, whichever tool it was written for. */
interface ScoreForm {
  command: string;
  evaluator?: ForeignEvaluator | undefined;
  pipe?: boolean | undefined;
  answer?: string | undefined;
  copies?: number | undefined;
  private?: string | string[] | undefined;
  time?: string | number | undefined;
  network?: Network | undefined;
}

type BudgetForm = Exclude<FrontMatter["budget"], string | number | undefined>;

function clockOf(value: string | undefined): Clock | undefined {
  if (value === undefined) return undefined;
  if (value === "wall" || value === "cpu" || value === "memory" || value === "gpu-memory")
    return { kind: value };
  return { kind: "size", path: value.replace(/^size\s+/, "").trim() };
}

/** One or several as a list. */
export function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
