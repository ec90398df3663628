import { z } from "zod";

/** The forms that a person may write; `program.ts` fills in the defaults. */

const text = z.string().trim().min(1);
const duration = z
  .union([z.string(), z.number()])
  .describe("A duration: 30s, 5m, 1h30m, 500ms; a plain number is seconds");
const size = z.union([z.string(), z.number()]).describe("A size: 512MB, 2GB; a plain number is bytes");
const direction = z.enum(["minimize", "maximize"]).describe("Which way is better");
const clock = z
  .union([z.enum(["wall", "cpu", "memory"]), z.string().regex(/^size\s+\S+$/, "expected wall, cpu, memory or `size PATH`")])
  .describe("Whetstone measures it itself: wall or cpu (seconds), memory (peak, bytes), `size PATH` (bytes)");
const texts = z.union([text, z.array(text).min(1)]);
const wholeNumber = z.int().min(1);

const metric = z.union([
  text,
  z.strictObject({
    name: text,
    direction: direction.optional(),
    unit: z.string().optional(),
    target: z.number().optional().describe("The session ends once this value is reached"),
    minEffect: z.number().min(0).optional().describe("Smaller improvements are not worth keeping"),
    clock: clock.optional(),
  }),
]);

const guard = z.strictObject({
  name: text,
  direction: direction.optional(),
  min: z.number().optional(),
  max: z.union([z.number(), z.string()]).optional().describe("A bound, in the metric's unit (sizes may be written 2GB)"),
  tolerance: z.union([z.number(), z.string()]).optional().describe("How much worse is accepted: 5% or an amount"),
  clock: clock.optional(),
});

const budgetKeys = {
  time: duration.optional(),
  memory: size.optional(),
  cpus: wholeNumber.optional(),
  processes: wholeNumber.optional(),
  fileSize: size.optional(),
  disk: size.optional(),
  output: size.optional(),
  network: z.boolean().optional(),
};

const step = z.union([
  text,
  z.strictObject({ run: text, time: duration.optional(), network: z.boolean().optional() }),
]);

export const frontMatter = z.strictObject({
  goal: text.optional().describe("One line: what the lab is for"),
  metric: metric.describe("The number that decides: a name, or an object"),
  direction: direction.optional(),
  change: texts.describe("Globs, relative to the lab: the only files that a candidate may touch"),
  run: text.describe("The candidate's command, run in the sandbox"),
  score: z
    .union([
      text,
      z.strictObject({
        command: text,
        pipe: z.boolean().optional().describe("The scorer talks to `run` itself over a pipe"),
        answer: text.optional().describe("After `run`: the command that answers the scorer over a pipe"),
        copies: z.int().min(1).max(16).optional().describe("How many answering processes are started"),
        private: texts.optional().describe("Paths that only the scorer sees"),
        time: duration.optional(),
      }),
    ])
    .optional()
    .describe("The trusted scorer, outside the candidate's reach"),
  budget: z.union([z.string(), z.number(), z.strictObject(budgetKeys)]).describe("Time for one run, or an object of limits"),
  setup: step.optional().describe("Runs once before the baseline; what it leaves becomes a read-only input"),
  checks: z.union([text, z.array(step)]).optional().describe("Commands that must pass after each of a candidate's runs"),
  guards: z.array(guard).optional().describe("Metrics that must not get worse"),
  inputs: texts.optional().describe("Untracked paths that belong to the base, such as data"),
  write: texts.optional().describe("Paths in the lab that a run may write; emptied before each run"),
  stages: z.array(z.strictObject({ name: text, run: text, budget: z.strictObject(budgetKeys).optional() })).optional(),
  holdout: z
    .union([
      text,
      z.strictObject({ score: text, private: texts.optional(), looks: wholeNumber.optional() }),
    ])
    .optional()
    .describe("Data that only the scorer of would-be keeps sees"),
  session: z
    .strictObject({
      experiments: wholeNumber.optional(),
      time: duration.optional(),
      money: z.number().positive().optional().describe("US dollars"),
      tokens: wholeNumber.optional(),
    })
    .optional()
    .describe("Limits of a session"),
  researcher: z.union([text, z.looseObject({ name: text })]).optional().describe("Who proposes; default: search"),
  decision: z
    .union([
      z.enum(["balanced", "strict", "explore", "quiet", "expensive"]),
      z
        .object({ preset: z.enum(["balanced", "strict", "explore", "quiet", "expensive"]).optional() })
        .catchall(z.number()),
    ])
    .optional()
    .describe("A preset, or an object with single parameters"),
  isolation: z.enum(["best", "required"]).optional().describe("required: refuse to start without real isolation"),
  parallel: wholeNumber.optional(),
});

export type FrontMatter = z.infer<typeof frontMatter>;

/** JSON Schema of the front matter, for editors. */
export function jsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(frontMatter, { target: "draft-7" }),
    title: "Front matter of a Whetstone program.md",
  };
}
