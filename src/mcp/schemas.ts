import * as z from "zod";

/** What tools take. The agent's words only: no number of a result and no verdict has a place here. */

const sentence = (longest: number, what: string) =>
  z
    .string()
    .trim()
    .min(1)
    .max(longest)
    .transform((text) => text.replace(/[\s\p{Cc}]+/gu, " ").toWellFormed())
    .describe(what);

const experimentNumber = z.int().min(1).describe("Number of an experiment, as in #12");

export const tryInput = z.object({
  what: sentence(200, "What you changed, in one line"),
  because: sentence(1000, "The mechanism: why it should help"),
  expect: sentence(1000, "What should be seen if that is true, said before it is measured").optional(),
  idea: z.int().min(1).optional().describe("Id of the idea that this takes up"),
});

export const startInput = z.object({
  from: experimentNumber
    .optional()
    .describe("Put the files of this earlier experiment into the workspace, to edit on"),
});

export const learnInput = z.object({
  id: experimentNumber,
  hypothesis: z
    .enum(["confirmed", "refuted"])
    .describe(
      "Whether the mechanism that you gave holds, seen the result; the result itself is not changed by it",
    ),
  lesson: sentence(1000, "What follows from it for the next experiments"),
});

export const contextInput = z.object({
  characters: z.int().min(400).max(4000).default(4000).describe("At most so long"),
});

export const failuresInput = z.object({
  newest: z.int().min(1).max(200).default(50).describe("Looks at so many of the newest failures"),
});

export const ideasAddInput = z.object({ text: sentence(1000, "Something to try one day, in a sentence") });

export const ideasListInput = z.object({
  all: z.boolean().default(false).describe("Those too that were tried or struck off"),
});

export const showInput = z.object({ id: experimentNumber });

/** What tools answer with. */

const decision = z.enum(["keep", "discard", "crash", "timeout", "invalid"]);
// No tuple: its schema (`prefixItems`) is read in the opposite sense by clients that check by an older draft.
const interval = z.array(z.number()).length(2).nullable().describe("95 % interval of the effect");

const outcome = z.object({
  number: z.int(),
  what: z.string(),
  decision,
  effect: z
    .number()
    .nullable()
    .describe("In the metric's unit, positive is better; null: nothing was measured"),
  interval,
  value: z.number().nullable(),
  reason: z.string(),
  doubt: z.string().nullable().describe("Why a keep waits for a person's review"),
  runs: z.int(),
  wallMs: z.number(),
  logTail: z.string().nullable().describe("End of what the failing run printed"),
  violations: z.array(z.object({ path: z.string(), detail: z.string() })),
  setAside: z.string().nullable().describe("Folder with your versions of files that may not change"),
});

const standing = z.object({
  session: z.string(),
  branch: z.string(),
  metric: z.object({
    name: z.string(),
    direction: z.enum(["minimize", "maximize"]),
    unit: z.string().optional(),
  }),
  sigma: z.number().nullable().describe("Noise of one run; null: not known"),
  baseline: z.number(),
  best: z.object({ value: z.number(), experiment: z.int().describe("0: the baseline") }),
  experiments: z.int(),
  keeps: z.int(),
  left: z
    .object({
      experiments: z.int().nullable(),
      ms: z.number().nullable(),
      holdoutLooks: z.int().nullable(),
    })
    .describe("What may still be spent; null: no limit"),
  limit: z.string().nullable().describe("The limit that is reached: nothing more is measured"),
  workspace: z.string().describe("Edit there"),
});

export const tryOutput = z.object({
  kind: z
    .enum(["decided", "known", "unchanged", "limit"])
    .describe(
      "known: these files were looked at before and are not measured again; unchanged: nothing to try",
    ),
  outcome: outcome.nullable().optional(),
  finished: outcome.nullable().describe("An interrupted experiment that was finished first"),
  tag: z.string().optional().describe("Session in which known files were looked at"),
  standing,
});

export const startOutput = z.object({
  standing,
  mayChange: z.array(z.string()).describe("Globs, relative to the workspace: the only files that count"),
  setAside: z.string().nullable().describe("Folder with edits that were never tried"),
});

export const statusOutput = z.object({
  measuring: z.string().nullable().describe("What is being measured just now"),
  session: z.string().nullable(),
  metric: standing.shape.metric.nullable(),
  baseline: z.number().nullable(),
  best: standing.shape.best.nullable(),
  experiments: z.int(),
  keeps: z.int(),
  waiting: z.array(z.int()).describe("Keeps that wait for a person's review"),
  left: standing.shape.left.nullable().describe("null: not known before `start` or `try`"),
  limit: z.string().nullable(),
  workspace: z.string().nullable().describe("null: `start` prepares it"),
});

export const learnOutput = z.object({
  id: z.int(),
  hypothesis: z.enum(["confirmed", "refuted"]),
  lesson: z.string(),
});

export const contextOutput = z.object({ context: z.string() });

export const failuresOutput = z.object({
  failures: z.array(
    z.object({
      id: z.int(),
      decision,
      what: z.string(),
      reason: z.string(),
      failureKind: z.string().nullable(),
    }),
  ),
});

const idea = z.object({
  id: z.int(),
  text: z.string(),
  by: z.string(),
  tried: z.object({ tag: z.string(), number: z.int() }).nullable(),
  dropped: z.boolean(),
});

export const ideasAddOutput = z.object({ id: z.int(), text: z.string() });
export const ideasListOutput = z.object({ ideas: z.array(idea) });

export const diffOutput = z.object({ id: z.int(), diff: z.string(), cut: z.boolean() });

export const showOutput = z.object({
  id: z.int(),
  decision: z.enum([...decision.options, "running", "open"]),
  what: z.string(),
  mechanism: z.string().nullable(),
  prediction: z.string().nullable(),
  researcher: z.string(),
  value: z.number().nullable(),
  effect: z.number().nullable(),
  interval,
  reason: z.string(),
  runs: z.int(),
  wallMs: z.number(),
  doubt: z.string().nullable(),
  lesson: z.string().nullable(),
  logTail: z.string().nullable(),
});
