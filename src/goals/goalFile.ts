import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import * as z from "zod";
import { type Problem, parseDuration, parseResearcher } from "../contract/index.ts";
import { explainIssues, readFrontMatter } from "./frontMatter.ts";
import type { Criterion, Goal } from "./goal.ts";

export interface ParsedGoal {
  /** Null when a problem is an error. */
  goal: Goal | null;
  problems: Problem[];
}

const defaults = { iterations: 50, taskTime: 20 * 60_000, parallel: 4, threshold: 80, command: 5 * 60_000 };

const duration = z.union([z.string(), z.number()]).transform((value, context) => {
  const ms = parseDuration(value);
  if (ms !== null && ms > 0 && ms <= 24 * 86_400_000) return ms;
  context.addIssue({ code: "custom", message: "is not a length of time above 0" });
  return z.NEVER;
});
const pattern = z.string().superRefine((value, context) => {
  try {
    new RegExp(value, "mu");
  } catch (error) {
    context.addIssue({ code: "custom", message: `is no regular expression (${(error as Error).message})` });
  }
});
const inside = z
  .string()
  .min(1)
  .refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), "leads out of the folder")
  .transform((path) => path.replace(/^(\.\/)+/, "").replace(/\/+$/, ""));
/** A path that is not the whole folder. */
const apart = inside.refine((path) => !/^\.?$/.test(path), "is everything: nothing would be left to work on");
const list = z.union([
  z.string().transform((one) => one.split(/[\s,]+/).filter(Boolean)),
  z.array(z.string()),
]);
const names = z.union([z.string().transform((one) => [one]), z.array(z.string().min(1))]);
const modelName = z.string().regex(/^[^/\s]+\/\S+$/, "is no `provider/model`");
const shared = {
  name: z.string().min(1).optional(),
  weight: z.number().positive().optional(),
  hidden: z.boolean().optional(),
};
const criterion = z.union([
  z.string().min(1),
  z.strictObject({ ...shared, command: z.string().min(1), time: duration.optional() }),
  z.strictObject({
    ...shared,
    file: inside,
    contains: z.string().optional(),
    matches: pattern.optional(),
    json: z.unknown().optional(),
  }),
  z.strictObject({
    ...shared,
    output: z.union([
      z.string().min(1),
      z.strictObject({ contains: z.string().optional(), matches: pattern.optional() }),
    ]),
  }),
  z.strictObject({ ...shared, rubric: z.string().min(1) }),
]);
const matter = z.strictObject({
  title: z.string().min(1).optional(),
  family: z.string().min(1).optional(),
  criteria: z.array(criterion).optional(),
  files: z.array(inside).optional(),
  protect: names.optional(),
  hidden: z.union([apart.transform((one) => [one]), z.array(apart)]).optional(),
  inputs: z.array(inside).optional(),
  tools: list.optional(),
  agents: names.optional(),
  judge: modelName.optional(),
  model: modelName.optional(),
  planner: modelName.optional(),
  servers: z.record(z.string(), z.strictObject({ url: z.url(), key: z.string().optional() })).optional(),
  mcp: z
    .record(
      z.string().regex(/^\w+$/, "is no plain name"),
      z.union([
        z.strictObject({ url: z.url() }),
        z.strictObject({ command: z.string().min(1), network: z.boolean().optional() }),
      ]),
    )
    .optional(),
  threshold: z.number().min(0).max(100).optional(),
  limits: z
    .strictObject({
      iterations: z.number().int().min(1).optional(),
      time: duration.optional(),
      tokens: z.number().int().positive().optional(),
      dollars: z.number().positive().optional(),
      taskTime: duration.optional(),
      parallel: z.number().int().min(1).max(64).optional(),
    })
    .optional(),
});

const fixes: Record<string, string> = {
  title: "title: one line",
  family: "family: csv-cleaning",
  criteria:
    'criteria: a list of `- command: npm test`, `- file: out.csv`, `- output: "done"`, `- rubric: "It is polite."`',
  files: "files: [input.csv], relative to the goal file",
  inputs: "inputs: [node_modules]",
  protect: 'protect: ["tests/**"]',
  hidden: "hidden: [check.mjs], paths as the checks have them",
  tools: "tools: read, edit, run",
  agents: "agents: [claude] or the names of files in agents/",
  judge: "judge: provider/model",
  model: "model: provider/model",
  planner: "planner: provider/model",
  servers: "servers: { local: { url: http://127.0.0.1:11434/v1 } }",
  mcp: "mcp: { docs: { url: http://127.0.0.1:3000/mcp } }",
  threshold: "threshold: 80, from 0 to 100",
  limits: "limits: { iterations: 10, time: 1h, tokens: 500000, dollars: 2, taskTime: 20m, parallel: 4 }",
};

/**
 * Reads a goal file: YAML front matter, and below it the goal in prose. Nothing in it is executed. Never throws: what is
 * wrong comes back as problems with a place.
 *
 * @param path where it lies: its folder is the default family, its name the default title.
 */
export function parseGoal(source: string, path = "goal.md"): ParsedGoal {
  const split = readFrontMatter(source);
  if (split.problems.length > 0) return { goal: null, problems: split.problems };
  const checked = matter.safeParse(split.value ?? {});
  if (!checked.success) return { goal: null, problems: explainIssues(split, checked.error.issues, fixes) };
  const given = checked.data;
  const problems: Problem[] = [];
  const complain = (
    at: readonly PropertyKey[],
    what: string,
    fix: string,
    severity: Problem["severity"] = "error",
  ) => problems.push({ severity, ...split.at(at), what, fix });
  const criteria = (given.criteria ?? []).map(filled);
  const seen = new Set<string>();
  criteria.forEach((each, index) => {
    if (seen.has(each.name))
      complain(["criteria", index], `two criteria are called "${each.name}"`, "name: another one");
    seen.add(each.name);
    if (each.kind === "output" && each.contains === undefined && each.matches === undefined)
      complain(
        ["criteria", index],
        "an output criterion says nothing",
        'output: "a text that must be there"',
      );
  });
  given.agents?.forEach((agent, index) => {
    if (/[:/]/.test(agent) && parseResearcher(agent) === null)
      complain(["agents", index], `\`${agent}\` is no agent`, fixes.agents as string);
  });
  const heading = /^#\s+(.+)$/m.exec(split.body)?.[1];
  const text = split.body;
  if (text.trim() === "")
    complain([], "the goal is not said", "what is wanted, in prose below the front matter");
  if (criteria.length === 0)
    complain([], "there is no criterion: nobody could say whether the goal is met", fixes.criteria as string);
  if (criteria.some(({ kind }) => kind === "rubric") && given.judge === undefined)
    complain(["criteria"], "rubric items need a judge", "judge: provider/model, or --judge", "warning");
  const goal: Goal = {
    title: given.title ?? heading ?? (text.split("\n")[0]?.slice(0, 80) || basename(path)),
    text,
    family: given.family ?? (basename(dirname(path)) || "goals"),
    criteria,
    files: given.files ?? [],
    protect: given.protect ?? [],
    hidden: given.hidden ?? [],
    inputs: given.inputs ?? [],
    tools: given.tools ?? [],
    agents: given.agents ?? [],
    servers: (given.servers ?? {}) as Goal["servers"],
    mcp: (given.mcp ?? {}) as Goal["mcp"],
    ...present({ judge: given.judge, model: given.model, planner: given.planner }),
    limits: {
      iterations: given.limits?.iterations ?? defaults.iterations,
      taskTime: given.limits?.taskTime ?? defaults.taskTime,
      parallel: given.limits?.parallel ?? defaults.parallel,
      ...present({
        time: given.limits?.time,
        tokens: given.limits?.tokens,
        dollars: given.limits?.dollars,
      }),
    },
    threshold: given.threshold ?? defaults.threshold,
  };
  return { goal: problems.some(({ severity }) => severity === "error") ? null : goal, problems };
}

/** Keys that only goals have; the first one also as it is misspelt. */
const ownKeys = /^(?:criteri\w*|family|threshold|protect|judge|planner|limits)[ \t]*:/m;

/**
 * Whether a Markdown file is meant as a goal, be it a broken one: it begins with front matter that has keys which only goals
 * have. Notes, documents and data that lie beside goals have none.
 */
export function isMeantAsGoal(source: string): boolean {
  const [, matter] = /^\uFEFF?---[^\n]*\n([\s\S]*?)(?:^---[ \t]*\r?$|(?![\s\S]))/m.exec(source) ?? [];
  return source.replace(/^\uFEFF/, "").startsWith("---") && matter !== undefined && ownKeys.test(matter);
}

/** A goal from a sentence; whoever runs it adds criteria. */
export function goalFromText(text: string, criteria: Criterion[] = []): Goal {
  return {
    ...{
      title: (text.trim().split("\n")[0] as string).slice(0, 80),
      text: text.trim(),
      family: "goals",
      criteria,
    },
    ...{
      files: [],
      inputs: [],
      protect: [],
      hidden: [],
      tools: [],
      agents: [],
      servers: {},
      mcp: {},
      threshold: defaults.threshold,
    },
    limits: { iterations: defaults.iterations, taskTime: defaults.taskTime, parallel: defaults.parallel },
  };
}

/** A criterion as front matter has it: a plain string is for the judge. */
type GivenCriterion = z.output<typeof criterion>;

function filled(given: GivenCriterion): Criterion {
  if (typeof given === "string") return { name: short(given), weight: 1, kind: "rubric", text: given };
  const common = { weight: given.weight ?? 1, ...(given.hidden ? { hidden: true } : {}) };
  if ("command" in given)
    return {
      ...{ name: given.name ?? short(given.command), ...common, kind: "command" },
      ...{ command: given.command, time: given.time ?? defaults.command },
    };
  if ("file" in given)
    return {
      ...{ name: given.name ?? given.file, ...common, kind: "file", path: given.file },
      ...present({ contains: given.contains, matches: given.matches }),
      ...("json" in given && given.json !== undefined ? { json: given.json } : {}),
    };
  if ("output" in given) {
    const wanted = typeof given.output === "string" ? { contains: given.output } : given.output;
    const name = given.name ?? short(`output ${wanted.contains ?? wanted.matches ?? ""}`);
    return { name, ...common, kind: "output", ...present(wanted) };
  }
  return { name: given.name ?? short(given.rubric), ...common, kind: "rubric", text: given.rubric };
}

/** A command or a sentence as a criterion: `whet goal run` takes them as options. */
export function commandCriterion(command: string): Criterion {
  return filled({ command });
}

export function rubricCriterion(text: string): Criterion {
  return filled(text);
}

/** Same goal, same hash, whoever runs it. */
export function goalHash({ title, text, family, criteria, files, hidden, protect }: Goal): string {
  return createHash("sha256")
    .update(JSON.stringify([title, text, family, criteria, files, hidden, protect]))
    .digest("hex");
}

function short(text: string): string {
  const line = text.trim().split("\n")[0] as string;
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

function present<T extends object>(values: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
