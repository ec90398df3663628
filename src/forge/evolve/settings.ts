import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../../errors.ts";

const settings = z.strictObject({
  /** Whether goals (and sessions and imports) that end set the forge to work. */
  auto: z.boolean().default(false),
  /** Folder of goals to test with, relative to the project. */
  suite: z.string().optional(),
  /** Who runs the goals (absent: the built-in agent with the model), and the models that word and judge. */
  agent: z.string().optional(),
  model: z.string().optional(),
  judge: z.string().optional(),
  url: z.string().optional(),
  recurrence: z.number().int().min(1).default(3),
  /** Runs that end before it begins again. */
  every: z.number().int().min(1).default(3),
  /** What it may take within 24 hours. */
  limits: z
    .strictObject({
      runs: z.number().int().positive().optional(),
      tokens: z.number().positive().optional(),
      dollars: z.number().positive().optional(),
      /** Milliseconds. */
      time: z.number().positive().optional(),
    })
    .default({}),
});

/** What the forge may do on its own. */
export type ForgeSettings = z.output<typeof settings>;

/** Beside the ledger: what was said once holds for every goal of the project. */
export const settingsPath = (folder: string) => join(folder, ".whetstone", "forge.json");

/** @throws UserError when the file cannot be understood: nothing is spent by mistake. */
export async function readSettings(root: string): Promise<ForgeSettings> {
  const path = settingsPath(root);
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return settings.parse({});
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is no JSON: ${(error as Error).message}`);
  }
  const read = settings.safeParse(document);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UserError(`${path}: ${issue?.path.join(".") || "the document"}: ${issue?.message}`);
}

export async function writeSettings(root: string, given: ForgeSettings): Promise<void> {
  await writeFile(settingsPath(root), `${JSON.stringify(given, null, 2)}\n`);
}
