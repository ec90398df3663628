/** What must be known to write a contract. */
export interface Answers {
  goal: string;
  metric: string;
  direction: "minimize" | "maximize";
  change: string;
  run: string;
  budget: string;
  score?: string;
  checks?: string;
  /** Whetstone times the run itself. */
  clocked?: boolean;
}

/** A commented `program.md`; `prose` replaces the default instructions and is kept byte for byte. */
export function writeProgram(answers: Answers, prose: string | null): string {
  const lines = [
    "---",
    `goal: ${scalar(answers.goal)}`,
    "# The number that decides, and which way is better.",
    ...(answers.clocked
      ? [`metric: { name: ${scalar(answers.metric)}, clock: wall, direction: ${answers.direction} } # timed from outside`]
      : [`metric: ${scalar(answers.metric)}`, `direction: ${answers.direction}`]),
    "# The only files that a candidate may touch (globs, relative to this folder).",
    `change: [${answers.change.split(",").map((glob) => scalar(glob.trim())).join(", ")}]`,
    "# The candidate's command; it runs in a sandbox with SEED set, and may write to $OUT.",
    `run: ${scalar(answers.run)}`,
    ...(answers.score
      ? ["# The trusted scorer, outside the candidate's reach; it prints the metric.", `score: ${scalar(answers.score)}`]
      : answers.clocked
        ? []
        : [
            "# Without a scorer the metric is read from the run's own output (`name: value`) and labelled self-reported.",
            "# score: node score.ts",
          ]),
    "# Time for one run; {time, memory, cpus, network} says more.",
    `budget: ${scalar(answers.budget)}`,
    ...(answers.checks
      ? ["# Must pass after each run of a candidate.", `checks: [${scalar(answers.checks)}]`]
      : ["# checks: [npm test]                        # commands that must pass"]),
    "# guards: [{ name: memory, clock: memory, tolerance: 10% }]  # metrics that must not get worse",
    "# setup: node prepare.ts                     # once, before the baseline",
    "# inputs: [data]                             # untracked files that belong to the base",
    "# holdout: node score.ts --holdout           # data that only would-be keeps are scored on",
    "# session: { experiments: 100, time: 8h }    # limits of a session",
    "# decision: balanced                         # or strict, explore, quiet, expensive",
    "---",
    "",
  ];
  return lines.join("\n") + (prose ?? defaultProse(answers));
}

function defaultProse(answers: Answers): string {
  return [
    `# ${answers.goal}`,
    "",
    `Make ${answers.metric} ${answers.direction === "minimize" ? "lower" : "higher"} by changing ${answers.change}.`,
    "",
    "Say here what a newcomer should know: what has been tried, what must not change, where to look first.",
    "",
  ].join("\n");
}

/** Plain where YAML reads it back as the same text, quoted otherwise. */
function scalar(text: string): string {
  return /^[A-Za-z_./][\w ./$*+=-]*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text) && !text.endsWith(" ")
    ? text
    : JSON.stringify(text);
}
