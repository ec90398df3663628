import { spawn } from "node:child_process";
import { mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive, thisProcess } from "../../lab/index.ts";
import { forgeSpending, isTrial, type Ledger } from "../../ledger/index.ts";
import { countTraces } from "../analyze/index.ts";
import { type ForgeLimits, openMeter } from "../test/limits.ts";
import { expireSkills } from "../test/matrix.ts";
import { recurrenceGate } from "./evolve.ts";
import { type ForgeSettings, readSettings } from "./settings.ts";

/** What came of the hook. */
export type AfterGoal =
  | { started: false; why: string }
  /** Process id of the forge at work. */
  | { started: true; pid: number };

/** Where the forge stood when it was last set to work on its own. */
interface Mark {
  runs: number;
  at: number;
  /** The process that was started. */
  pid: number;
}

/** The forge of a project, for whoever runs goals there. */
export interface Forge {
  /** See {@link afterGoal}. */
  afterGoal(goalId: number | null): Promise<AfterGoal>;
}

/**
 * The forge of a project: `const forge = openForge(ledger, folder)`, and at the end of each goal, or as an option of
 * `runGoal`, `forge.afterGoal(goalId)`.
 */
export function openForge(ledger: Ledger, root: string): Forge {
  return { afterGoal: (goalId) => afterGoal(ledger, root, goalId) };
}

/** What the forge may take on its own it may take within so many milliseconds. */
export const day = 86_400_000;

/**
 * The one line for the end of a goal: `await forge.afterGoal(goalId)`. Sets the forge to work in a process of its own,
 * when the settings (`.whetstone/forge.json`) allow it, enough has happened since the last time and something recurs; the
 * goal's own process waits for nothing but the counting, which asks no model. Off unless it is switched on. Of several
 * goals that end together one sets it to work, and its limits are those of a day: what tests and the forge took in the last
 * 24 hours is summed from the ledger.
 *
 * Whatever goes wrong here is told in the answer and harms no goal.
 *
 * @param goalId null: something else ended, a session or an import.
 */
export async function afterGoal(
  ledger: Ledger,
  root: string,
  goalId: number | null,
  start: (root: string, settings: ForgeSettings) => Promise<number> = startForge,
): Promise<AfterGoal> {
  if (process.env.WHETSTONE_FORGE === "off")
    return { started: false, why: "switched off by WHETSTONE_FORGE" };
  const settings = await readSettings(root);
  // Costs nothing, and a skill that is no longer proven should not wait for the forge.
  await expireSkills(ledger);
  if (!settings.auto)
    return { started: false, why: "the forge works on its own only when it is switched on" };
  if (settings.suite === undefined || settings.model === undefined)
    return { started: false, why: "the settings name no suite or model" };
  if (goalId !== null && (await isTrial(ledger, goalId)))
    return { started: false, why: "it was a run of a test" };
  const beyond = openMeter(limitsOf(settings), await forgeSpending(ledger, Date.now() - day)).beyond();
  if (beyond !== null) return { started: false, why: `${beyond} within 24 hours` };
  const folder = join(root, ".whetstone");
  await mkdir(folder, { recursive: true });
  const claim = join(folder, "forge.claim");
  if (!(await claimed(claim)))
    return { started: false, why: "another goal that ended is about to set it to work" };
  try {
    return await begin(ledger, root, settings, join(folder, "forge.mark.json"), start);
  } finally {
    await rm(claim, { force: true });
  }
}

function limitsOf({ limits }: ForgeSettings): ForgeLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
}

/** Makes a file that only one can make; that of a process which is gone is in nobody's way. */
async function claimed(path: string): Promise<boolean> {
  for (const last of [false, true]) {
    try {
      await writeFile(path, thisProcess(), { flag: "wx" });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readFile(path, "utf8").catch(() => "");
    // Just made, and not written yet; or killed between the two.
    const fresh = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? 0) < 60_000;
    if (last || (holder === "" ? fresh : isAlive(holder))) return false;
    await rm(path, { force: true });
  }
  return false;
}

async function begin(
  ledger: Ledger,
  root: string,
  settings: ForgeSettings,
  path: string,
  start: (root: string, settings: ForgeSettings) => Promise<number>,
): Promise<AfterGoal> {
  const mark = await readFile(path, "utf8").then(
    (text) => JSON.parse(text) as Mark,
    (): Mark => ({ runs: 0, at: 0, pid: 0 }),
  );
  if (isAtWork(mark)) return { started: false, why: `the forge is at work already (process ${mark.pid})` };
  const counts = await countTraces(ledger, { recurrence: settings.recurrence });
  if (counts.runs - mark.runs < settings.every)
    return {
      started: false,
      why: `${counts.runs - mark.runs} runs since the last time, ${settings.every} are waited for`,
    };
  const gate = recurrenceGate(counts, settings.recurrence);
  if (gate !== null) return { started: false, why: gate };
  const pid = await start(root, settings);
  await writeFile(path, JSON.stringify({ runs: counts.runs, at: Date.now(), pid } satisfies Mark));
  return { started: true, pid };
}

/** A day later its number may be another process's. */
function isAtWork({ pid, at }: Mark): boolean {
  if (!(pid > 0) || Date.now() - at > day) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** `whet forge run` as a process of its own, which outlives this one. */
async function startForge(root: string): Promise<number> {
  const built = import.meta.url.includes("/dist/");
  const cli = fileURLToPath(new URL(built ? "./cli.cjs" : "../../cli/main.ts", import.meta.url));
  const path = join(root, ".whetstone", "forge.log");
  // What it says while nobody looks; begun anew before it grows without end.
  const grown = (await stat(path).catch(() => null))?.size ?? 0;
  const log = await open(path, grown > 2 ** 20 ? "w" : "a");
  try {
    const child = spawn(process.execPath, [cli, "forge", "run", root, "--auto"], {
      ...{ cwd: root, detached: true, stdio: ["ignore", log.fd, log.fd] },
    });
    child.unref();
    return child.pid ?? 0;
  } finally {
    await log.close();
  }
}
