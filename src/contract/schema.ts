import { z } from "zod";
import { parseCpuList } from "./units.ts";

/** The forms that a person may write; `fill.ts` turns them into a contract. */

/** A NUL would end a command or a path early. */
const text = z
  .string()
  .trim()
  .min(1)
  .refine((value) => !value.includes("\0"), { error: "holds a NUL character" });
/** Names that every channel can carry: those of `name: value` lines. */
const metricName = text
  .regex(/^[A-Za-z_][\w./-]{0,63}$/, {
    error:
      "is no name for a metric: it begins with a letter, has letters, digits and _ . / - only, at most 64",
  })
  .describe("The name under which the metric is reported");
const duration = z
  .union([z.string(), z.number()])
  .describe("A duration: 30s, 5m, 1h30m, 500ms; a plain number is seconds");
const size = z
  .union([z.string(), z.number()])
  .describe("A size: 512MB, 2GB (powers of 1024); a plain number is bytes");
const direction = z.enum(["minimize", "maximize"]).describe("Which way is better");
const clock = z
  .string()
  .regex(/^(wall|cpu|memory|gpu-memory|size\s+\S.*)$/, {
    error: "is none of wall, cpu, memory, gpu-memory, `size PATH`",
  })
  .describe(
    "Whetstone measures it itself: wall or cpu (seconds), memory or gpu-memory (peak, bytes), `size PATH` (bytes)",
  );
const texts = z.union([text, z.array(text).min(1)]);
const wholeNumber = z.int().min(1);

const cpuList = z.string().refine((value) => parseCpuList(value) !== null, {
  error: "is no list of processors: numbers and ranges in ascending order, each once",
});

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "is no name of an environment variable" });
const variables = z.record(variableName, z.union([z.string(), z.number(), z.boolean()]));
const hostAndPort = z
  .string()
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/, {
    error:
      "is no host: write `name:port`, such as example.org:443 (without a port: 80 and 443; for every host: `network: true`)",
  })
  .refine((value) => !/^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])(:|$)/i.test(value), {
    error:
      "is this machine's loopback, and a run has a loopback of its own, where every client looks first: for a model server write `model: {model: local/NAME, url: ...}`, for anything else `network: true`",
  });
const network = z
  .union([z.boolean(), z.array(hostAndPort).min(1)])
  .describe("false, true, or the only hosts that may be reached: [host:port, ...]");

export const presetsOfMetrics = [
  "hyperfine",
  "pytest-benchmark",
  "criterion",
  "vitest-bench",
  "benchmark.js",
  "go-bench",
  "google-benchmark",
  "k6",
  "wrk",
  "istanbul",
  "coverage.py",
  "lighthouse",
  "size-limit",
] as const;
const preset = z.enum(presetsOfMetrics);
const source = z
  .union([
    preset,
    z.strictObject({ preset, path: text.optional(), at: text.optional() }),
    z.strictObject({
      json: text.describe("The file: a path of the lab, of a `write` folder or of $OUT; `-`: the output"),
      at: text.describe("Where in it: results[0].mean"),
    }),
    z.strictObject({
      csv: text,
      column: text,
      row: z
        .union([text, z.int().min(0)])
        .optional()
        .describe("first, last (default), a number, COLUMN=VALUE"),
    }),
    z.strictObject({ tsv: text, column: text, row: z.union([text, z.int().min(0)]).optional() }),
    z.strictObject({
      regex: text.describe("A regular expression; its first group is the value, the last match counts"),
      path: text.optional().describe("The file; default: the output"),
    }),
    z.strictObject({ junit: text, at: z.enum(["time", "tests", "failures", "passed"]).optional() }),
  ])
  .describe("Where a tool leaves the value");

const metric = z.union([
  metricName,
  z.strictObject({
    name: metricName,
    direction: direction.optional(),
    unit: text.optional().describe("For display: s, bits/byte, %"),
    target: z.number().optional().describe("The session ends once this value is reached"),
    minEffect: z
      .number()
      .min(0)
      .optional()
      .describe("Smaller improvements (in the metric's unit) are not worth keeping"),
    plausible: z
      .number()
      .optional()
      .describe("No honest value is better than this: what passes it is measured twice over and reviewed"),
    clock: clock.optional(),
    from: source.optional(),
  }),
]);

const bound = z
  .union([z.number(), z.string()])
  .describe("A bound in the metric's unit; sizes may be written 2GB");
const guard = z.strictObject({
  name: metricName,
  direction: direction.optional(),
  min: bound.optional(),
  max: bound.optional(),
  tolerance: z
    .union([z.number(), z.string()])
    .optional()
    .describe("How much worse than the incumbent is accepted: 5% or an amount"),
  clock: clock.optional(),
  from: source.optional(),
});

const gpus = z.union([
  wholeNumber,
  z.strictObject({
    count: wholeNumber.optional(),
    memory: size.optional().describe("Device memory that each must have"),
    kind: z.enum(["nvidia", "amd", "wsl", "metal"]).optional(),
  }),
]);

const limits = z.strictObject({
  time: duration.optional(),
  memory: size.optional().describe("Memory of the whole process tree; default 4GB"),
  cpus: z
    .union([wholeNumber, cpuList])
    .optional()
    .describe('Processors that the run may use: how many, or which ones ("2,3" or "2-3"); default: all'),
  processes: wholeNumber.optional().describe("Default 256"),
  fileSize: size.optional().describe("The largest file that it may write; default 1GB"),
  disk: size.optional().describe("All that it may write together; default 4GB"),
  output: size.optional().describe("Standard output and error together; default 16MB"),
  network: network.optional(),
  gpus: gpus.optional().describe("GPUs of the run: how many, or {count, memory, kind}; default: none"),
});

const step = z.union([
  text,
  z.strictObject({ run: text, time: duration.optional(), network: network.optional() }),
]);

const asker = z.enum(["score", "run"]);
const modelLimits = {
  calls: wholeNumber.optional(),
  tokens: wholeNumber.optional(),
  money: z.number().positive().optional().describe("US dollars"),
};
const model = z.union([
  text.describe("provider/model"),
  z.strictObject({
    model: text.describe("provider/model"),
    to: asker.optional().describe("Who may ask it; default: the scorer where there is one, else the run"),
    url: text.optional().describe("Base address of an OpenAI-compatible server"),
    key: variableName.optional().describe("Name of the environment variable that holds the key"),
    temperature: z.number().min(0).max(2).optional(),
    ...modelLimits,
    session: z.strictObject(modelLimits).optional().describe("Limits of the whole session"),
    cache: z.boolean().optional().describe("The same request gets the same answer, for both arms of a pair"),
  }),
]);
const secret = z.union([variableName, z.strictObject({ name: variableName, to: asker.optional() })]);
export const knownCaches = [
  "torchinductor",
  "triton",
  "numba",
  "xla",
  "jax",
  "cuda",
  "cargo",
  "ccache",
] as const;
const cache = z.union([
  z.enum(knownCaches),
  z.strictObject({
    tool: z.enum(knownCaches).optional(),
    env: variableName.optional().describe("The variable that tells the tool where its cache is"),
    shared: z.boolean().optional().describe("One cache for all states; results are labelled"),
  }),
]);
const commonScore = {
  private: texts.optional().describe("Paths that only the scorer sees"),
  time: duration.optional(),
  network: network.optional(),
};
const foreign = {
  ...commonScore,
  program: text.optional().describe("The candidate's file that the evaluator is given"),
  inProcess: z
    .boolean()
    .optional()
    .describe("The evaluator imports the candidate into its own process: self-reported, grade C at best"),
};
const presets = z.enum(["balanced", "strict", "explore", "quiet", "expensive"]);

const researcher = z.union([
  text.describe(
    "search, claude, codex, gemini, opencode, pi, `command: ...`, `acp: ...`, `model: provider/name`",
  ),
  z.strictObject({
    name: text.optional().describe("For ledger and report"),
    agent: z.enum(["claude", "codex", "gemini", "opencode", "pi"]).optional().describe("A coding agent"),
    command: text
      .optional()
      .describe("Any command line that edits files; the briefing comes on its standard input"),
    acp: text.optional().describe("Any agent that speaks the Agent Client Protocol: gemini --acp"),
    model: text.optional().describe("provider/model; beside `agent`: the model that it uses"),
    url: text.optional().describe("Base address of an OpenAI-compatible server"),
    key: text.optional().describe("Name of the environment variable that holds the key"),
    maxOutput: wholeNumber.optional().describe("Tokens of one answer of a model"),
    args: z.array(text).optional().describe("Further arguments for the agent"),
    env: texts.optional().describe("Names of environment variables handed to the agent"),
    hosts: texts.optional().describe("Hosts that the agent may reach besides its model's; `*`: all"),
    time: duration.optional().describe("For one turn"),
    share: z.number().positive().optional().describe("Its part of the proposals at the beginning, relative"),
    role: text.optional().describe("Prose at the head of its briefing: architect, optimizer, debugger ..."),
    knobs: z.array(text).optional().describe("For search: globs of the constants to try, `!` leaves out"),
  }),
]);

/** Where a tool leaves the value of a metric. */
export type SourceForm = z.infer<typeof source>;

/** A researcher as an object. */
export type ResearcherForm = Exclude<z.infer<typeof researcher>, string>;

export const frontMatter = z.strictObject({
  goal: text.optional().describe("One line: what the lab is for; default: the first heading below"),
  metric: metric.describe("The number that decides: a name, or an object"),
  direction: direction.optional(),
  change: texts.describe("Globs, relative to the lab: the only files that a candidate may touch"),
  run: text
    .optional()
    .describe(
      "The candidate's command, run in the sandbox; only an evaluator of another tool does without one",
    ),
  score: z
    .union([
      text,
      z.strictObject({
        command: text.describe("The scorer's command"),
        pipe: z.boolean().optional().describe("The scorer talks to `run` itself over a pipe"),
        answer: text.optional().describe("After `run`: the command that answers the scorer over a pipe"),
        copies: z.int().min(1).max(16).optional().describe("How many answering processes are started"),
        ...commonScore,
      }),
      z.strictObject({ openevolve: text.describe("An evaluator of OpenEvolve: evaluator.py"), ...foreign }),
      z.strictObject({ shinka: text.describe("An evaluator of ShinkaEvolve: evaluate.py"), ...foreign }),
      z.strictObject({ gepa: text.describe("An evaluator of GEPA: module:function"), ...foreign }),
      z.strictObject({ python: text.describe("A Python function: evaluator.py:evaluate"), ...foreign }),
    ])
    .optional()
    .describe("The trusted scorer, outside the candidate's reach"),
  budget: z
    .union([z.string(), z.number(), limits])
    .optional()
    .describe("Time for one run (default 5m), or an object of limits"),
  setup: step.optional().describe("Runs once before the baseline; what it leaves becomes a read-only input"),
  checks: z
    .union([text, z.array(step)])
    .optional()
    .describe("Commands that must pass after each of a candidate's runs"),
  guards: z.array(guard).optional().describe("Metrics that must not get worse"),
  inputs: texts
    .optional()
    .describe(
      "Paths that belong to the base and are not committed, such as data or ~/.cache/x; globs, `!` excludes",
    ),
  env: z
    .union([variableName, variables, z.array(z.union([variableName, variables])).min(1)])
    .optional()
    .describe("Variables of the run: names taken from your environment, or NAME: value"),
  envFile: text.optional().describe("A file of NAME=value lines, such as .env"),
  secrets: z
    .union([secret, z.array(secret).min(1)])
    .optional()
    .describe(
      "Variables whose values only the scorer gets and nothing records; `to: run` hands them to the run",
    ),
  model: z
    .union([model, z.array(model).min(1)])
    .optional()
    .describe("A language model that the scorer or the run may ask; Whetstone holds the key"),
  cache: z
    .union([cache, z.array(cache).min(1)])
    .optional()
    .describe("Tool caches that outlive a run: triton, cargo, {env: CARGO_TARGET_DIR}"),
  tree: z
    .enum(["read-only", "overlay"])
    .optional()
    .describe("overlay: a run may write anywhere in its tree; what it wrote is thrown away"),
  image: text.optional().describe("A container image: the candidate runs in podman or docker (level L3)"),
  warmup: z.int().min(0).max(10).optional().describe("Unmeasured runs before the baseline"),
  write: texts.optional().describe("Paths in the lab that a run may write; emptied before each run"),
  stages: z
    .array(
      z.strictObject({
        name: metricName,
        run: text,
        budget: z.union([z.string(), z.number(), limits]).optional().describe("As `budget`, for this rung"),
        decides: z
          .boolean()
          .optional()
          .describe("Candidates are kept, provisionally, on this rung; only the audit is run in full"),
      }),
    )
    .max(8)
    .optional()
    .describe("Cheaper rungs that a candidate climbs first, cheapest first; the last one is `run` itself"),
  holdout: z
    .union([
      text,
      z.strictObject({
        score: text,
        private: texts.optional(),
        looks: wholeNumber.optional(),
        sealed: z
          .union([text, z.strictObject({ score: text, private: texts.optional() })])
          .optional()
          .describe("The scorer's command on a third split, opened once, by the final audit"),
      }),
    ])
    .optional()
    .describe("The scorer's command on data that only would-be keeps are scored on"),
  onDivergence: z
    .enum(["warn", "stop"])
    .optional()
    .describe("What happens when kept gains and the holdout or the guards drift apart; default: warn"),
  control: z
    .union([z.number(), z.string()])
    .optional()
    .describe("Share of the evaluation time that the built-in search gets for comparison: 20%"),
  session: z
    .strictObject({
      experiments: wholeNumber.optional(),
      time: duration.optional(),
      money: z.number().positive().optional().describe("US dollars"),
      tokens: wholeNumber.optional(),
    })
    .optional()
    .describe("Limits of a session"),
  researcher: researcher.optional().describe("Who proposes; default: search"),
  researchers: z
    .array(researcher)
    .min(2)
    .optional()
    .describe("Several that work on one lab: the budget goes where gain per cost is best"),
  briefing: z
    .strictObject({ tokens: z.int().min(1000).optional().describe("Default 24000") })
    .optional()
    .describe("What a model or an agent is told before it proposes"),
  stuck: z
    .strictObject({
      refine: wholeNumber
        .optional()
        .describe("Experiments without a keep until near misses are to be refined"),
      redirect: wholeNumber.optional().describe("... until the direction is to be changed"),
      rewind: wholeNumber
        .optional()
        .describe("... until an earlier keep is gone back to, or kept ideas combined"),
    })
    .optional(),
  decision: z
    .union([presets, z.object({ preset: presets.optional() }).catchall(z.number())])
    .optional()
    .describe("A preset, or an object with a preset and single parameters"),
  isolation: z
    .enum(["best", "required"])
    .optional()
    .describe("required: refuse to start without real isolation"),
  parallel: wholeNumber.optional().describe("How many evaluations run at once"),
});

export type FrontMatter = z.infer<typeof frontMatter>;

/** JSON Schema (draft 7) of the front matter, so that editors complete and check it. */
export function jsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(frontMatter, { target: "draft-7", io: "input" }),
    title: "Front matter of a Whetstone program.md",
  };
}
