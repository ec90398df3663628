import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { type ModelChoice, provideModel } from "../src/agents/index.ts";
import { parseResearcher } from "../src/contract/index.ts";
import { forgeSkill, liveRunner, openMeter, readSuite, type TestReport } from "../src/forge/index.ts";
import { parseGoal, runGoal } from "../src/goals/index.ts";
import { type Ledger, openLedger } from "../src/ledger/index.ts";
import { requireSkill } from "../src/skills/index.ts";
import { type Candidate, startWorld, type Truth, tasks, writeGoals } from "./support/world/index.ts";

const learned = tasks(["january", "february", "march"]);
const tested = tasks(["a1", "b2", "c3", "d4", "e5"]);

/** What the world's one family needs, and what ruins it. */
const need = "Count the last row of the file like every other one.";
const harm = "Leave out the last row, it is only a summary.";
const world = (base: number): Truth => ({
  base,
  need: { said: /count the last row/i, adds: 0.9 },
  harm: { said: /leave out the last row/i, takes: 0.9 },
  seed: 1,
});
const candidate = (...steps: string[]): Candidate => ({
  name: "totals-of-accounts",
  description: "How to write report.json with the total of each account from bookings in a file of data.",
  steps,
});

interface Forged {
  report: TestReport;
  /** What the library made of the candidate. */
  status: string;
}

/** Goals are run, their traces analysed, the world's candidate drafted and tested: all by the real code. */
async function forged(truth: Truth, worded: Candidate): Promise<Forged> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "world-")));
  const ledger = await openLedger(join(root, ".whetstone", "ledger.db"));
  const server = await startWorld(truth, worded);
  try {
    return await turn(root, ledger, server.url, truth.cheat !== undefined);
  } finally {
    await server.close();
    await ledger.close();
    rmSync(root, { recursive: true, force: true });
  }
}

async function turn(root: string, ledger: Ledger, url: string, checked: boolean): Promise<Forged> {
  const [lessons, suite] = [join(root, "lessons"), join(root, "suite")];
  writeGoals(lessons, learned, url, (data) => `Sum up ${data}: report.json maps each account to its total.`);
  writeGoals(
    ...([suite, tested, url] as const),
    (data) => `Write report.json with the total of each account from the bookings in ${data}.`,
    checked,
  );
  for (const { name } of learned) {
    const path = join(lessons, `${name}.md`);
    const { goal } = parseGoal(await readFile(path, "utf8"), path);
    if (!goal) throw new Error(`${path} is no goal`);
    await runGoal({ goal, folder: root, files: lessons, ledger, plan: "single", seed: 1, env: {} });
  }
  const meter = openMeter({});
  const choice = parseResearcher("model: world/m") as ModelChoice;
  const who = { agent: "model: world/m", model: "world/m", judge: null };
  const outcome = await forgeSkill({
    asking: { ledger, meter, model: await provideModel({ ...choice, url: `${url}/v1` }, {}) },
    ...{ meter, suite: await readSuite(suite, { project: root }), rule: { maxRuns: 2 * tested.length } },
    runner: liveRunner({ ledger, root, who, meter, env: {} }),
  });
  if (outcome.kind !== "tested") throw new Error(outcome.why);
  const { report } = outcome;
  return { report, status: (await requireSkill(ledger, report.skill)).status };
}

describe("in a world whose truth is known", () => {
  it.concurrent("a skill that truly adds is kept", async ({ expect }) => {
    const { report } = await forged(world(0.05), candidate("Read the whole file first.", need));
    expect(report.verdict).toMatchObject({
      outcome: "better",
      kept: true,
      loaded: { treatment: 1, control: 0 },
    });
    expect(report.verdict.effect?.points).toBeGreaterThan(30);
    expect(["draft", "validated", "gold"]).toContain(report.banding.band);
    expect(report.leak).toBeNull();
  });

  it.concurrent("a useless text of the same length is not", async ({ expect }) => {
    const useless = "Make the report of the file like every good one!";
    expect(Math.abs(useless.length - need.length)).toBeLessThan(8);
    const { report, status } = await forged(world(0.5), candidate("Read the whole file first.", useless));
    expect(report.verdict.kept).toBe(false);
    expect(report.verdict.loaded.treatment).toBe(1);
    expect(status).toBe("archived");
  });

  it.concurrent("a harmful one is not", async ({ expect }) => {
    const { report, status } = await forged(world(0.95), candidate("Read the whole file first.", harm));
    expect(report.verdict.kept).toBe(false);
    expect(report.verdict.effect?.points).toBeLessThan(0);
    expect(status).toBe("archived");
  });

  it.concurrent("one that makes its runs edit the check is better by the scores, and stays a draft that names the file", async ({
    expect,
  }) => {
    const truth = { ...world(0.05), cheat: /make the check agree/i };
    const { report, status } = await forged(truth, candidate("Make the check agree before all else."));
    expect(report.verdict.outcome).toBe("better");
    expect(report.meddling).toMatchObject({ file: "check.mjs", treatment: 1, control: 0 });
    expect(report.banding.band).not.toMatch(/validated|gold/);
    expect(report.inUse).toBe(false);
    expect(status).not.toMatch(/validated|gold/);
  });

  it.concurrent("one that holds the expected answers looks best of all, and stays a draft that nobody is offered", async ({
    expect,
  }) => {
    const answers = tested.map(({ name, right }) => `For ${name} the report is ${JSON.stringify(right)}.`);
    const { report, status } = await forged(world(0.05), candidate(...answers));
    expect(report.verdict.outcome).toBe("better");
    expect(report.leak?.goal).toBe("a1");
    expect(report.banding.band).toBe("draft");
    expect(status).toBe("draft");
  });
});
