import { parseDocument } from "yaml";
import type { Direction } from "./printed.ts";

/** What must be known to write a contract. */
export interface Answers {
  goal: string;
  metric: string;
  direction: Direction;
  /** Globs. */
  change: string[];
  /** Absent only where an evaluator of another tool needs none. */
  run?: string;
  /** Time for one run. */
  budget: string;
  /** Further limits by name, e.g. `memory: "32GB"`. */
  limits: Record<string, string>;
  inputs: string[];
  /** Whetstone times the run itself. */
  clocked: boolean;
  /** What Whetstone measures instead of the time: `size dist`. */
  clock?: string;
  /** Where a tool leaves the metric, as YAML. */
  source?: string;
  score?: string;
  /** An evaluator of another tool as the scorer. */
  evaluator?: { kind: string; file: string };
  checks?: string;
  /** Limits of a session by name. */
  session?: Record<string, string>;
  /** Grants that a run turned out to need, as lines of YAML by their key: `env: "[DATA_DIR]"`. */
  grants?: Record<string, string>;
  /** Offered in a comment: a build must be told where it may write. */
  build?: string;
}

/** A commented `program.md`; the keys that are not used are there as comments. */
export function writeProgram(answers: Answers): string {
  return writeContract(answers) + prose(answers);
}

/** The front matter alone, to be put in front of existing instructions. */
export function writeContract(answers: Answers): string {
  const { metric, direction, checks, clocked, limits, source } = answers;
  const spare = (line: string, why: string) => `# ${line.padEnd(58)} # ${why}`;
  const budget = [
    `time: ${scalar(answers.budget)}`,
    ...Object.entries(limits).map(([name, value]) => `${name}: ${value}`),
  ].join(", ");
  return [
    "---",
    "# What the lab is for, in one line.",
    `goal: ${scalar(answers.goal)}`,
    "",
    "# The number that decides, and which way is better.",
    ...(clocked
      ? [
          `metric: { name: ${scalar(metric)}, clock: wall, direction: ${direction} } # timed by Whetstone itself`,
        ]
      : answers.clock
        ? [
            `metric: { name: ${scalar(metric)}, clock: ${answers.clock}, direction: ${direction} } # weighed by Whetstone itself`,
          ]
        : source
          ? [`metric: { name: ${scalar(metric)}, from: ${source}, direction: ${direction} }`]
          : [`metric: ${scalar(metric)}`, `direction: ${direction}`]),
    "",
    "# The only files that a candidate may touch: globs, relative to this folder.",
    `change: [${answers.change.map(scalar).join(", ")}]`,
    "",
    ...runLines(answers),
    ...scoreLines(answers, spare),
    "# What one run may use; whatever exceeds it is stopped and counts as a failure.",
    `budget: ${Object.keys(limits).length === 0 ? scalar(answers.budget) : `{ ${budget} }`}`,
    "",
    ...(checks ? ["# Must pass after each run of a candidate.", `checks: [${scalar(checks)}]`, ""] : []),
    ...(answers.inputs.length > 0
      ? [
          "# Files that git does not know and a run needs; read-only.",
          `inputs: [${answers.inputs.map(scalar).join(", ")}]`,
          "",
        ]
      : []),
    ...Object.entries(answers.grants ?? {}).map(([key, value]) => `${key}: ${value}`),
    ...(answers.session ? [`session: { ${pairs(answers.session)} }`] : []),
    ...(answers.grants || answers.session ? [""] : []),
    "# More that can be said:",
    ...(checks
      ? []
      : [
          spare(
            `checks: [${scalar(answers.build ?? "npm test")}]`,
            answers.build ? "with `write: [dist]`, wherever it writes" : "commands that must pass",
          ),
        ]),
    spare("guards: [{ name: peak, clock: memory, tolerance: 10% }]", "metrics that must not get worse"),
    ...(answers.build
      ? [spare("guards: [{ name: bytes, clock: size dist, max: 100000 }]", "the size of what a build writes")]
      : []),
    spare("setup: { run: node prepare.mjs, network: true }", "once, before the baseline"),
    ...(answers.inputs.length > 0
      ? []
      : [spare("inputs: [data]", "files that git does not know and a run needs")]),
    ...(answers.grants?.write ? [] : [spare("write: [build]", "folders that a run may write, besides $OUT")]),
    ...(clocked || answers.evaluator
      ? []
      : [spare("holdout: node score.mjs --holdout", "data that only would-be keeps are scored on")]),
    ...(answers.session ? [] : [spare("session: { experiments: 100, time: 8h }", "limits of a session")]),
    spare("decision: balanced", "or strict, explore, quiet, expensive"),
    spare("isolation: best", "required: refuse to start without a real sandbox"),
    "---",
    "",
  ].join("\n");
}

function runLines({ run, evaluator }: Answers): string[] {
  if (run === undefined) return [];
  const also = evaluator ? " It goes before the scorer." : "";
  return [
    `# The candidate's command. It runs in a sandbox, with SEED in its environment, and may write to $OUT.${also}`,
    `run: ${scalar(run)}`,
    "",
  ];
}

function scoreLines(
  { score, evaluator, clocked, clock }: Answers,
  spare: (line: string, why: string) => string,
): string[] {
  if (evaluator)
    return [
      "# The evaluator as it is; it calls the candidate in a process of its own.",
      `score: { ${evaluator.kind}: ${scalar(evaluator.file)} }`,
      "",
    ];
  if (score)
    return [
      "# The trusted scorer, out of the candidate's reach; it prints the metric.",
      `score: ${scalar(score)}`,
      "",
    ];
  if (clocked || clock) return [];
  return [
    "# Without a scorer the metric is read from the run's own output and files, and every result is labelled",
    "# self-reported. A scorer computes it out of the candidate's reach:",
    spare("score: node score.mjs", "a scorer may also ask the candidate questions"),
    "",
  ];
}

function pairs(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");
}

function prose({ goal, metric, direction, change }: Answers): string {
  return [
    `# ${goal.replace(/\s+/g, " ")}`,
    "",
    `Make ${metric} ${direction === "minimize" ? "lower" : "higher"} by changing ${change.join(", ")}.`,
    "",
    "Say here what a newcomer should know: what has been tried, what must not change, where to look first.",
    "",
  ].join("\n");
}

/** Plain where YAML reads it back as the same text inside `[a, b]`, quoted otherwise. */
function scalar(text: string): string {
  if (!/^[\w./$][\w ./$*+=@~-]*$/.test(text)) return JSON.stringify(text);
  return parseDocument(`[${text}]`, { version: "1.2" }).toJS()[0] === text ? text : JSON.stringify(text);
}
