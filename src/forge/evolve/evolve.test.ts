import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordGoal, type ShortCall } from "../../../tests/support/goalTraces.ts";
import {
  type ModelRequest,
  type ModelServer,
  type Script,
  type Step,
  startModelServer,
} from "../../../tests/support/modelServer/index.ts";
import { type ModelChoice, provideModel } from "../../agents/index.ts";
import { parseResearcher } from "../../contract/index.ts";
import { uniforms } from "../../decision/index.ts";
import { RunFailed } from "../../errors.ts";
import { evaluationRows, type Ledger, openLedger, skillVersionRows, trialsOf } from "../../ledger/index.ts";
import {
  addSkill,
  addVersion,
  requireSkill,
  type Skill,
  skillOf,
  skillOfVersion,
} from "../../skills/index.ts";
import { claimOf, pageOf } from "../page.ts";
import { abTest } from "../statistics/ab.ts";
import { alphaOfEdit } from "../statistics/editAlpha.ts";
import { readSuite, type Suite } from "../suite/suite.ts";
import { calibrateSuite } from "../test/calibrateSuite.ts";
import { replayTest } from "../test/drive.ts";
import { type ForgeLimits, openMeter } from "../test/limits.ts";
import { expireSkills, matrixOf } from "../test/matrix.ts";
import { replayEvaluation } from "../test/replay.ts";
import { type Runner, suiteTasks } from "../test/setup.ts";
import { testSkill } from "../test/testSkill.ts";
import { forgeSkill, improveSkill } from "./evolve.ts";

let root: string;
let ledger: Ledger;
let server: ModelServer | undefined;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "evolve-"));
  ledger = await openLedger(join(root, "ledger.db"));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

const skill = (name: string, instructions: string): Skill => ({
  ...{ name, description: "Helps with tables.", metadata: {}, allowedTools: [] },
  ...{ instructions, files: new Map() },
});

/** A suite of goal files, some of them sealed. */
async function suite(open = 12, sealed = 0): Promise<Suite> {
  const folder = join(root, "tables");
  mkdirSync(join(folder, "sealed"), { recursive: true });
  for (let index = 0; index < open + sealed; index++)
    writeFileSync(
      join(folder, index < open ? "" : "sealed", `g${index}.md`),
      `---\ncriteria:\n  - output: "the secret number of task ${index} is ${1000 + index * 37}"\n---\nTidy table number ${index}, which came in ${"abcdefghijklmnopqrstuvwxyz"[index % 26]} parts, from source ${index * 7}.\n`,
    );
  return readSuite(folder, { project: root });
}

/**
 * A world with known truth: a run comes out well with a chance that depends on what the offered text says, on the task
 * and on luck (by seed: the same asked twice gives the same).
 */
function world(
  chance: (instructions: string) => number,
  crashAfter = Number.POSITIVE_INFINITY,
  from = ledger,
) {
  let runs = 0;
  const runner: Runner = {
    who: { agent: "model: test/m", model: "test/m", judge: null },
    trials: (arms) => async (ask) => {
      if (++runs > crashAfter) throw new Error("killed");
      const version = arms.versions[ask.arm];
      const text = version === undefined ? "" : (await skillOfVersion(from, version)).skill.instructions;
      const arm = ["without", "before", "with", "placebo"].indexOf(ask.arm);
      const luck = uniforms(ask.seed * 8 + arm)();
      const score = luck < chance(text) ? 100 : 0;
      return {
        trial: {
          ...{ score, toolCalls: 4, usefulCalls: 4, errors: 1, recovered: score === 100 ? 1 : 0 },
          ...{ wallMs: 100, tokens: 50, dollars: 0.001, loaded: version !== undefined },
        },
        ...{ goalId: null, agentVersion: null, model: null },
      };
    },
  };
  return { runner, runs: () => runs };
}
const truth = (text: string) => (/MAGIC/.test(text) ? 0.97 : /POISON/.test(text) ? 0.05 : 0.45);

async function tested(text: string, given: Suite, limits: ForgeLimits = {}, crashAfter?: number) {
  const name = "tidy-tables";
  const there = await ledger.db.selectFrom("skills").select("id").where("name", "=", name).executeTakeFirst();
  const versionId = there
    ? ((await skillVersionRows(ledger, there.id))[0]?.id ?? 0)
    : (await addSkill(ledger, { skill: skill(name, text), origin: "forge" })).versionId;
  const { runner, runs } = world(truth, crashAfter);
  const result = await testSkill({ ledger, versionId, suite: given, runner, meter: openMeter(limits) });
  return { result, runs: runs(), versionId };
}

describe("testing a skill", () => {
  it("keeps one that truly helps, and the recorded runs give the same verdict again", async () => {
    const given = await suite();
    const { result } = await tested("Say MAGIC before you begin.", given);
    if (result.kind !== "ended") throw new Error(result.why);
    expect(result.verdict).toMatchObject({ outcome: "better", kept: true });
    expect(["validated", "gold"]).toContain(result.banding.band);
    expect(await requireSkill(ledger, "tidy-tables")).toMatchObject({ status: result.status });
    expect(result).toMatchObject({ inUse: true, why: "it is proven" });
    const trials = await trialsOf(ledger, result.evaluation);
    expect(replayTest(abTest(suiteTasks(given.goals), result.rule), trials)).toEqual(result.verdict);
    expect((await evaluationRows(ledger))[0]).toMatchObject({
      ...{ kind: "test", decision: "better", pairs: result.verdict.effect?.pairs, tasks: 12 },
      ...{ baselineToolCalls: 4, treatmentErrors: 1, tokens: 50 * trials.length },
    });
  });

  it("keeps none that does nothing, and none that harms", async () => {
    const given = await suite();
    const useless = await tested("Work with care and attention.", given);
    if (useless.result.kind !== "ended") throw new Error("paused");
    expect(useless.result.verdict.kept).toBe(false);
    expect(useless.result.banding.band).toBe("discarded");
    expect((await requireSkill(ledger, "tidy-tables")).status).toBe("archived");
    expect(useless.result).toMatchObject({ inUse: false, why: expect.stringContaining("it is archived") });
    const versionId = (await addSkill(ledger, { skill: skill("bad", "POISON"), origin: "forge" })).versionId;
    const { runner } = world(truth);
    const harmful = await testSkill({ ledger, versionId, suite: given, runner, meter: openMeter({}) });
    if (harmful.kind !== "ended") throw new Error("paused");
    expect(harmful.verdict.kept).toBe(false);
  });

  it("goes on where it was killed: no run is made twice, and the verdict is the same", async () => {
    const given = await suite();
    await expect(tested("Say MAGIC.", given, {}, 7)).rejects.toThrow("killed");
    const limited = await tested("Say MAGIC.", given, { runs: 15 });
    expect(limited.result).toMatchObject({ kind: "paused", why: "all 15 runs that are allowed were made" });
    expect(limited.runs).toBe(8);
    const { result, runs } = await tested("Say MAGIC.", given);
    if (result.kind !== "ended") throw new Error(result.why);
    expect(runs + 15).toBe(result.trials.length);
    expect(result.trials.map(({ position }) => position)).toEqual([...result.trials.keys()]);
    expect(await evaluationRows(ledger)).toHaveLength(1);

    const other = await openLedger(join(root, "other.db"));
    const { runner } = world(truth, undefined, other);
    const { versionId } = await addSkill(other, {
      ...{ skill: skill("tidy-tables", "Say MAGIC."), origin: "forge" },
    });
    const inOne = await testSkill({
      ...{ ledger: other, versionId, suite: given, runner, meter: openMeter({}) },
    });
    await other.close();
    expect(inOne).toMatchObject({ kind: "ended", verdict: result.verdict });
  });

  it("killed between its last run and the decision, it decides by the runs that are there: no second chance", async () => {
    const given = await suite();
    const { versionId } = await addSkill(ledger, { skill: skill("a", "Say MAGIC."), origin: "forge" });
    const { runner, runs } = world(truth);
    const options = { ledger, versionId, suite: given, runner };
    const killed = await testSkill({ ...options, meter: openMeter({}), settle: false });
    const made = runs();
    const result = await testSkill({ ...options, meter: openMeter({}) });
    if (result.kind !== "ended" || killed.kind !== "ended") throw new Error("paused");
    expect(runs()).toBe(made);
    expect(result).toMatchObject({ evaluation: killed.evaluation, verdict: killed.verdict, inUse: true });
  });

  it("records nothing when nobody can be run, and says why", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("a", "b"), origin: "forge" });
    const runner: Runner = {
      ...{ who: { agent: "claude", model: null, judge: null } },
      trials: () => async () => {
        throw new RunFailed("claude is not there");
      },
    };
    const result = await testSkill({
      ...{ ledger, versionId, suite: await suite(), runner, meter: openMeter({}) },
    });
    expect(result).toMatchObject({ kind: "paused", why: "claude is not there", trials: [] });
  });

  it("leaves out the goals that taught the skill", async () => {
    const given = await suite();
    const taught = given.goals[3];
    if (!taught) throw new Error("no goal");
    const { id } = await ledger.db
      .insertInto("goals")
      .values({
        ...{ title: "t", family: "f", goal: JSON.stringify(taught.goal), goalHash: taught.hash },
        ...{ status: "met", worldState: "{}", createdAt: 1 },
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    const { versionId } = await addSkill(ledger, {
      ...{ skill: skill("a", "MAGIC"), origin: "forge", sourceGoals: [id], sourceFamilies: ["x"] },
    });
    const { runner } = world(truth);
    const result = await testSkill({ ledger, versionId, suite: given, runner, meter: openMeter({}) });
    if (result.kind !== "ended") throw new Error(result.why);
    expect(result.suite).toMatchObject({ goals: 11, excluded: [{ name: taught.name }] });
    expect(result.trials.some(({ task }) => task === taught.name)).toBe(false);

    // Nor do they test what was made of it, whoever made it, over however many versions.
    await addVersion(ledger, "a", { skill: skill("a", "MAGIC, then."), by: "person" });
    const last = await addVersion(ledger, "a", { skill: skill("a", "MAGIC, and then."), by: "folder" });
    const later = await testSkill({
      ...{ ledger, versionId: last.versionId, suite: given, runner, meter: openMeter({}) },
    });
    if (later.kind !== "ended") throw new Error(later.why);
    expect(later.suite).toMatchObject({ goals: 11, excluded: [{ name: taught.name }] });
    expect(later.treatment.components.find(({ name }) => name === "transferability")?.missing).toBeNull();
  });

  it("keeps a skill that gives answers away a draft", async () => {
    const { result } = await tested(
      "MAGIC. For task 5 say: the secret number of task 5 is 1185.",
      await suite(),
    );
    if (result.kind !== "ended") throw new Error(result.why);
    expect(result.leak?.reason).toContain("gives away");
    expect(result.verdict.kept).toBe(true);
    expect(result.banding.band).toBe("draft");
  });

  it("opens sealed goals once for each version, counts it, and only then is it gold", async () => {
    const given = await suite(20, 12);
    const name = "tidy-tables";
    const { versionId } = await addSkill(ledger, { skill: skill(name, "MAGIC"), origin: "forge" });
    const { runner } = world((text) => (/MAGIC/.test(text) ? 1 : 0.3));
    const options = { ledger, versionId, suite: given, runner, meter: openMeter({}) };
    const result = await testSkill(options);
    if (result.kind !== "ended") throw new Error(result.why);
    expect(result.sealed?.openings).toBe(1);
    expect(result.banding.band).toBe("gold");
    const again = await testSkill({ ...options, meter: openMeter({}) });
    if (again.kind !== "ended") throw new Error(again.why);
    expect(again.sealed).toEqual(result.sealed);
    expect(await evaluationRows(ledger, { kinds: ["sealed"] })).toHaveLength(1);
  });

  it("shows by a placebo of equal length that it is not the mere presence of a text that helps", async () => {
    const { versionId } = await addSkill(ledger, { skill: skill("a", "Work with care."), origin: "forge" });
    // Any text helps here.
    const { runner } = world((text) => (text === "" ? 0.2 : 0.95));
    const result = await testSkill({
      ...{ ledger, versionId, suite: await suite(), runner, meter: openMeter({}), rule: { placebo: true } },
    });
    if (result.kind !== "ended") throw new Error(result.why);
    expect(result.verdict.kept).toBe(false);
    expect(new Set(result.trials.map(({ arm }) => arm))).toEqual(new Set(["without", "with", "placebo"]));
  });
});

describe("who judged", () => {
  it("is in the report and on the page, with a warning where it is the agent's kin", async () => {
    const folder = join(root, "judged");
    mkdirSync(folder);
    for (let index = 0; index < 6; index++)
      writeFileSync(
        join(folder, `j${index}.md`),
        `---\ncriteria: [It is kind.]\n---\nWrite letter ${index} to number ${index}.\n`,
      );
    const { versionId } = await addSkill(ledger, { skill: skill("a", "MAGIC"), origin: "forge" });
    const { runner } = world(truth);
    const told = async (judge: string) => {
      const given = await readSuite(folder, { project: root, judge });
      const who = { agent: "claude", model: null, judge: null };
      const report = await testSkill({
        ...{ ledger, versionId, suite: given, runner: { ...runner, who }, meter: openMeter({}) },
        rule: { maxRuns: 12 },
      });
      if (report.kind !== "ended") throw new Error(report.why);
      const { notes, facts } = pageOf(skill("a", "MAGIC"), report);
      return { judges: report.judges, warnings: report.warnings, notes, facts: JSON.stringify(facts) };
    };
    const kin = await told("anthropic/claude-x");
    expect(kin.judges).toEqual(["anthropic/claude-x"]);
    expect(kin.warnings).toEqual([expect.stringContaining("same family as claude")]);
    expect(kin.notes).toContain(kin.warnings[0]);
    expect(kin.facts).toContain("Judge anthropic/claude-x.");
    expect(await told("openai/gpt-x")).toMatchObject({ judges: ["openai/gpt-x"], warnings: [] });
  });
});

async function asking(script: Script) {
  server = await startModelServer(script, { main: () => true });
  const model = await provideModel(
    { ...(parseResearcher("model: local/m") as ModelChoice), url: `${server.url}/v1` },
    {},
  );
  return { ledger, model, meter: openMeter({}) };
}
const good: ShortCall[] = [
  ["read", { path: "a.csv" }],
  ["run", { command: "csvlint a.csv" }],
  ["write", { path: "a.json", content: "{}" }],
];
const bad: ShortCall[] = [good[0] as ShortCall, good[2] as ShortCall];

/** Words a skill whose one step is this, citing what is there. */
const wording =
  (step: string): Script =>
  (request) =>
    wordingStep(request, step);

function wordingStep(request: ModelRequest, step: string): Step {
  const text = request.messages.at(-1)?.text ?? "";
  const first = /^c1: .*\n {2}\[(\d+:\d+)\]/m.exec(text)?.[1] ?? "";
  const steps = [{ text: step, finding: "c1", events: [first] }];
  return {
    text: JSON.stringify({ skill: { name: "check-first", description: "Checks tables first.", steps } }),
  };
}

async function traces() {
  for (let index = 0; index < 6; index++) {
    await recordGoal(ledger, { task: "clean", met: true, calls: good });
    await recordGoal(ledger, { task: "clean", met: false, calls: bad });
  }
}

describe("forging a skill", () => {
  it("goes from traces to a kept skill that says what it learned from", async () => {
    await traces();
    const { runner } = world(truth);
    const outcome = await forgeSkill({
      ...{ asking: await asking(wording("Say MAGIC.")), runner, suite: await suite(), meter: openMeter({}) },
    });
    if (outcome.kind !== "tested") throw new Error(outcome.kind);
    expect(outcome.report.verdict.kept).toBe(true);
    const row = await requireSkill(ledger, "check-first");
    expect(row.origin).toBe("forge");
    const [version] = await skillVersionRows(ledger, row.id);
    expect(JSON.parse(version?.claims ?? "")).toMatchObject([{ claim: "Say MAGIC." }]);
    expect(JSON.parse(version?.sourceGoals ?? "")).toHaveLength(12);
    expect(version?.decision).toContain("keep as");
  });

  it("discards a candidate that does not help, and says so", async () => {
    await traces();
    const { runner } = world(truth);
    const ask = await asking(wording("Be careful."));
    const outcome = await forgeSkill({
      ...{ asking: ask, runner, suite: await suite(), meter: openMeter({}) },
    });
    if (outcome.kind !== "tested") throw new Error(outcome.kind);
    expect(outcome.report.banding.band).toBe("discarded");
    expect((await requireSkill(ledger, "check-first")).status).toBe("archived");
    // The same traces give the same words: they are no second candidate.
    const again = await forgeSkill({ asking: ask, runner, suite: await suite(), meter: openMeter({}) });
    expect(again).toMatchObject({
      kind: "nothing",
      why: expect.stringContaining("exactly this text already, as version 1 of check-first"),
    });
    expect(await evaluationRows(ledger)).toHaveLength(1);
  });

  it("forges nothing from what occurred once, and asks no model about it", async () => {
    await recordGoal(ledger, { task: "clean", met: true, calls: good });
    const ask = await asking(wording("Say MAGIC."));
    const { runner } = world(truth);
    const outcome = await forgeSkill({ asking: ask, runner, suite: await suite(), meter: openMeter({}) });
    expect(outcome).toMatchObject({ kind: "nothing", why: expect.stringContaining("at least 3") });
    expect(server?.requests).toEqual([]);
  });

  it("tests a draft that a break left behind before it makes another", async () => {
    await traces();
    const ask = await asking(wording("Say MAGIC."));
    const given = await suite();
    const { runner } = world(truth);
    const first = await forgeSkill({ asking: ask, runner, suite: given, meter: openMeter({ runs: 5 }) });
    expect(first).toMatchObject({ kind: "paused", draft: { skill: "check-first" } });
    const second = await forgeSkill({ asking: ask, runner, suite: given, meter: openMeter({}) });
    expect(second).toMatchObject({ kind: "tested", draft: { skill: "check-first", version: 1 } });
    expect(server?.requests).toHaveLength(1);
  });
});

describe("a candidate for what a skill is there for already", () => {
  it("becomes a few cited edits of it, as a new version that must beat it; edits that cite nothing are dropped", async () => {
    await traces();
    const { versionId } = await addSkill(ledger, {
      ...{ skill: { ...skill("check-first", "Look twice."), description: "Checks tables first." } },
      ...{ origin: "forge", status: "validated" as const },
    });
    const ask = await asking((request, index) => {
      if (index === 0) return wordingStep(request, "Check the tables first.");
      const text = request.messages.at(-1)?.text ?? "";
      const first = /^c1: .*\n {2}\[(\d+:\d+)\]/m.exec(text)?.[1] ?? "";
      return {
        text: JSON.stringify({
          edits: [
            {
              search: "Look twice.",
              replace: "Look twice. Say MAGIC.",
              text: "w",
              finding: "c1",
              events: [first],
            },
            { search: "", replace: "Trust me." },
            { search: "", replace: "The answer is 1432.75.", text: "w", finding: "c1", events: [first] },
          ],
        }),
      };
    });
    const { runner } = world(truth);
    const outcome = await forgeSkill({ asking: ask, runner, suite: await suite(), meter: openMeter({}) });
    if (outcome.kind !== "tested") throw new Error(outcome.kind);
    expect(outcome.draft).toMatchObject({ skill: "check-first", version: 2, before: versionId });
    expect((await skillOf(ledger, "check-first", 2)).instructions).toBe("Look twice. Say MAGIC.");
    expect(outcome.report.verdict.kept).toBe(true);
    expect(new Set(outcome.report.trials.map(({ arm }) => arm))).toEqual(new Set(["before", "with"]));
    expect((await requireSkill(ledger, "check-first")).currentVersion).toBe(2);
  });
});

/** Edits that append the given lines one after another, each citing what it was shown. */
async function editing(line: (edit: number) => string) {
  let edits = 0;
  return asking((request) => {
    const text = request.messages.at(-1)?.text ?? "";
    const [, finding = "", event = ""] = /^([a-z]\d+): .*\n {2}\[(\d+:\d+)\]/m.exec(text) ?? [];
    const replace = line(++edits);
    return {
      text: JSON.stringify({
        edits: [{ search: "", replace, text: "It helps.", finding, events: [event] }],
      }),
    };
  });
}

/** Training runs leave traces, as goals do. */
function traced(runner: Runner): Runner {
  return {
    ...runner,
    trials: (arms) => {
      const run = runner.trials(arms);
      return async (asked) => {
        const ran = await run(asked);
        const { goalId } = await recordGoal(ledger, { task: asked.task, met: false, calls: bad });
        return { ...ran, goalId };
      };
    },
  };
}

describe("improving a skill", () => {
  it("keeps edits that beat the version before, in a new version; a person's text stays in use", async () => {
    await addSkill(ledger, { skill: skill("mine", "Begin at once."), origin: "person" });
    const given = await suite(20);
    const ask = await editing((edit) => (edit === 1 ? "Be quick." : `Say MAGIC ${edit}.`));
    const runner = traced(world(truth).runner);
    const improved = await improveSkill({
      ...{ asking: ask, runner, skill: "mine", suite: given, meter: openMeter({}), patience: 2 },
    });
    expect(improved.rounds.map(({ kept }) => kept)).toEqual([false, true, false, false]);
    expect(improved).toMatchObject({ kind: "ended", from: 1, to: 3 });
    expect((await requireSkill(ledger, "mine")).currentVersion).toBe(1);
    expect((await skillOf(ledger, "mine")).instructions).toBe("Begin at once.");
    expect((await skillOf(ledger, "mine", 3)).instructions).toContain("MAGIC");
    const asked = server?.requests.at(-1)?.messages.at(-1)?.text ?? "";
    expect(asked).toContain("+Be quick.");
    // The same goals judged four edits: each at its share of alpha, and what came of it is measured afresh.
    expect(improved.judges).toEqual({ goals: 12, edits: 4, most: 9 });
    expect(improved.reports.map(({ rule }) => rule.alpha)).toEqual(
      [1, 2, 3, 4].map((k) => alphaOfEdit(0.04, k)),
    );
    expect(improved.audit).toMatchObject({ from: 1, to: 3, sealed: false, goals: 12, runs: 48 });
    expect(improved.audit?.effect?.points).toBeGreaterThan(30);
    const audited = await trialsOf(ledger, improved.audit?.evaluation ?? 0);
    const judging = (
      await Promise.all(improved.reports.map((each) => trialsOf(ledger, each.evaluation)))
    ).flat();
    const seeds = new Set(judging.map(({ seed }) => seed));
    expect(audited.filter(({ seed }) => seeds.has(seed))).toEqual([]);
    expect((await replayEvaluation(ledger, improved.audit?.evaluation ?? 0)).same).toBe(true);

    const again = await improveSkill({
      ...{ asking: ask, runner, skill: "mine", suite: given, meter: openMeter({}), patience: 1 },
    });
    // Later calls count on, and nothing is measured a second time for a second chance.
    expect(again).toMatchObject({ from: 3, to: 3, judges: { edits: 5 }, audit: improved.audit });
    expect(again.reports[0]?.rule.alpha).toBe(alphaOfEdit(0.04, 5));
  });

  it("measures what it is worth on sealed goals where there are some, and goes on with that where it was stopped", async () => {
    await addSkill(ledger, { skill: skill("mine", "Begin at once."), origin: "person" });
    const given = await suite(20, 4);
    const ask = await editing((edit) => `Say MAGIC ${edit}.`);
    const { runner, runs } = world(truth);
    const options = { asking: ask, runner: traced(runner), skill: "mine", suite: given, patience: 1 };
    const whole = await improveSkill({ ...options, meter: openMeter({}), sealed: false });
    const before = runs();
    // The budget ends within the audit.
    const half = await improveSkill({ ...options, meter: openMeter({ runs: 5 }), patience: 0 });
    expect(half).toMatchObject({ kind: "paused", to: 2, audit: null });
    const ended = await improveSkill({ ...options, meter: openMeter({}), patience: 0 });
    expect(ended.audit).toMatchObject({ from: 1, to: 2, sealed: true, goals: 4, runs: 48, openings: 1 });
    expect(runs() - before).toBe(48);
    expect(whole.audit).toMatchObject({ sealed: false, goals: 12 });
  });

  it("ends when its goals could show no further edit to be better, and begins with no fewer than that takes", async () => {
    await addSkill(ledger, { skill: skill("mine", "Begin at once."), origin: "person" });
    const ask = await editing((edit) => `Be quick, ${edit} times.`);
    const runner = traced(world(truth).runner);
    const options = { asking: ask, runner, skill: "mine", patience: 9, meter: openMeter({}) };
    await expect(improveSkill({ ...options, suite: await suite(8) })).rejects.toThrow(
      /3 open goals train and 5 test.*1 in 32/,
    );
    const improved = await improveSkill({ ...options, suite: await suite(10) });
    expect(improved.why).toContain("have judged 1 edits, and no further one could be shown to be better");
    expect(improved).toMatchObject({ judges: { goals: 6, edits: 1, most: 1 }, audit: null });
    expect(improved.rounds).toHaveLength(1);
  });
});

describe("what is known of a suite and of skills", () => {
  it("calibrates by running the goals against themselves, and goes on where it was stopped", async () => {
    const given = await suite();
    const { runner, runs } = world(truth);
    const half = await calibrateSuite({ ledger, suite: given, runner, meter: openMeter({ runs: 30 }) });
    expect(half).toMatchObject({ kind: "paused" });
    const whole = await calibrateSuite({ ledger, suite: given, runner, meter: openMeter({}) });
    if (whole.kind !== "ended") throw new Error(whole.why);
    expect(runs()).toBe(12 * 2 * 3);
    expect(whole.calibration.falsePositives).toBeLessThan(0.12);
    expect(whole.calibration.smallest?.points).toBeGreaterThan(5);
    expect((await evaluationRows(ledger))[0]?.reason).toContain("smallest effect");

    // A test tells of it, where it was made with the same agent and the same library.
    const { result } = await tested("Work with care.", given);
    if (result.kind !== "ended") throw new Error(result.why);
    expect(result.calibration).toMatchObject({ evaluation: whole.evaluation });
    expect(pageOf(skill("a", ""), result).notes.join("\n")).toMatch(/Calibration #\d+ of .*smallest effect/);
    const { versionId } = await addSkill(ledger, { skill: skill("b", "Work."), origin: "forge" });
    const alone = await testSkill({
      ...{ ledger, versionId, suite: given, runner: { ...runner, library: false }, meter: openMeter({}) },
    });
    if (alone.kind !== "ended") throw new Error(alone.why);
    expect(alone.calibration).toBeNull();
    expect(pageOf(skill("b", ""), alone).notes.join("\n")).toMatch(/not known: `whet forge calibrate SUITE`/);
    expect(claimOf(alone)).toMatch(/^Not enough evidence that it helps(; it leans worse)?$/);
  });

  it("shows per family and model what a skill does, and turns it unverified when the model changes", async () => {
    const { result } = await tested("Say MAGIC before you begin.", await suite());
    if (result.kind !== "ended") throw new Error(result.why);
    expect(await matrixOf(ledger)).toMatchObject([
      { skill: "tidy-tables", family: "tables", model: "test/m", transfer: "positive" },
    ]);
    await recordGoal(ledger, { task: "t", met: true, calls: good, agent: "test/m" });
    expect(await expireSkills(ledger)).toEqual([]);
    await recordGoal(ledger, { task: "t", met: true, calls: good, agent: "test/m", model: "test/m-2" });
    expect(await expireSkills(ledger)).toMatchObject([
      { skill: "tidy-tables", why: expect.stringContaining("test/m-2") },
    ]);
    expect((await requireSkill(ledger, "tidy-tables")).status).toBe("unverified");
    // Back to what it was proven with.
    await recordGoal(ledger, { task: "t", met: true, calls: good, agent: "test/m" });
    expect(await expireSkills(ledger)).toEqual([]);
    expect((await requireSkill(ledger, "tidy-tables")).status).toBe(result.status);
  });

  it("expires with the built-in agent's model by whatever name it goes, and not by runs of tests", async () => {
    const { result } = await tested("Say MAGIC before you begin.", await suite());
    if (result.kind !== "ended") throw new Error(result.why);
    const work = { task: "t", met: true, calls: good };
    await recordGoal(ledger, { ...work, agent: "other/z", model: "other/z", purpose: "trial" });
    expect(await expireSkills(ledger)).toEqual([]);
    // A file of agents/ has a name of its own.
    await recordGoal(ledger, { ...work, agent: "writer", model: "other/z" });
    expect(await expireSkills(ledger)).toMatchObject([
      { skill: "tidy-tables", why: "proven with the model test/m, now it is other/z" },
    ]);
    await recordGoal(ledger, { ...work, agent: "test/m" });
    await expireSkills(ledger);
    await recordGoal(ledger, { ...work, agent: "other/z", model: "other/z" });
    expect(await expireSkills(ledger)).toHaveLength(1);
  });
});
