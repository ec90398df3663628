import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Ledger, openLedger, skillRow, type Trial } from "../ledger/index.ts";
import type { TraceEvent } from "../trace.ts";
import {
  addSkill,
  addVersion,
  archiveSkill,
  assignUses,
  catalogueOf,
  diffVersions,
  discoverSkills,
  freeName,
  injectIntoFolder,
  injectIntoPrompt,
  layDownFiles,
  lineageOf,
  loadedSkills,
  loadSkill,
  matchSkills,
  parseSkill,
  paybackOf,
  pinSkill,
  recordLoaded,
  relateSkills,
  relationsOf,
  restoreSkill,
  rollbackSkill,
  type Skill,
  type SkillStatus,
  setStatus,
  settleVersion,
  skillOf,
  skillText,
  tokensOf,
  unpinSkill,
  unrelateSkills,
  withEvolution,
  writeSkill,
} from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "library-"));
let ledger: Ledger;
let count = 0;
let folder: string;

beforeEach(async () => {
  folder = join(root, String(++count));
  ledger = await openLedger(join(folder, "ledger.db"));
});
afterEach(() => ledger.close());
afterAll(() => rmSync(root, { recursive: true, force: true }));

function skill(name: string, description = "Does things", more: Partial<Skill> = {}): Skill {
  return {
    ...{ name, description, metadata: {}, allowedTools: [], instructions: "Step one.", files: new Map() },
    ...more,
  };
}
const add = async (name: string, status: SkillStatus = "gold", description?: string, more?: Partial<Skill>) =>
  addSkill(ledger, { skill: skill(name, description, more), origin: "forge", status });
const proof = { status: "validated" as const, decision: "better", score: 75 };

describe("the library", () => {
  it("keeps every version with its diff, parent, sources and claims", async () => {
    const first = await add("clean-csv");
    const claims = [{ claim: "quotes go wrong", events: ["turn 3, event 7"] }];
    const second = await addVersion(ledger, "clean-csv", {
      skill: skill("clean-csv", "Does things", { instructions: "Step two." }),
      by: "forge",
      sourceGoals: [],
      sourceFamilies: ["csv"],
      claims,
    });
    expect([first.version, second.version]).toEqual([1, 2]);
    const lineage = await lineageOf(ledger, "clean-csv");
    expect(lineage[1]).toMatchObject({
      version: 2,
      parent: 1,
      status: "draft",
      sourceFamilies: ["csv"],
      claims,
    });
    const { diff, from, to } = await diffVersions(ledger, "clean-csv", 1, 2);
    expect([from, to]).toEqual([1, 2]);
    expect(diff).toMatch(/^-Step one\.\n\+Step two\.$/m);
    expect((await skillOf(ledger, "clean-csv")).instructions).toBe("Step one.");
    expect((await skillOf(ledger, "clean-csv", 2)).instructions).toBe("Step two.");
  });

  it("records the same text once, lineage and scores aside", async () => {
    const { versionId } = await add("same");
    await settleVersion(ledger, versionId, proof);
    const exported = withEvolution(await skillOf(ledger, "same"), await lineageOf(ledger, "same"), 1);
    const read = parseSkill(skillText(exported), "same", exported.files).skill as Skill;
    expect(await addVersion(ledger, "same", { skill: read, by: "person" })).toMatchObject({
      version: 1,
      fresh: false,
    });
  });

  it("refuses what is no skill, a name that is taken, and a version of another name", async () => {
    await expect(add("Bad Name")).rejects.toThrow(/no valid skill/);
    await add("taken");
    await expect(add("taken")).rejects.toThrow(/was not touched/);
    await expect(addVersion(ledger, "taken", { skill: skill("other"), by: "forge" })).rejects.toThrow(
      /cannot be called/,
    );
    expect(await freeName(ledger, "taken")).toBe("taken-2");
  });

  it("takes a proven version into use, but not a draft, not over a pin, and not over a person's text", async () => {
    await addSkill(ledger, { skill: skill("mine"), origin: "person" });
    const next = (text: string) =>
      addVersion(ledger, "mine", { skill: skill("mine", "x", { instructions: text }), by: "forge" });
    const second = await next("two");
    expect(await settleVersion(ledger, second.versionId, proof)).toMatchObject({
      inUse: false,
      why: /person/,
    });
    expect((await skillRow(ledger, "mine"))?.currentVersion).toBe(1);
    expect(await settleVersion(ledger, second.versionId, { ...proof, agreed: true })).toMatchObject({
      inUse: true,
    });
    expect(await skillRow(ledger, "mine")).toMatchObject({ currentVersion: 2, status: "validated" });
    await pinSkill(ledger, "mine");
    const third = await next("three");
    expect(await settleVersion(ledger, third.versionId, { ...proof, agreed: true })).toMatchObject({
      inUse: false,
      why: "version 2 is pinned",
    });
    await expect(rollbackSkill(ledger, "mine")).rejects.toThrow(/pinned at version 2/);
    await unpinSkill(ledger, "mine");
    expect(await rollbackSkill(ledger, "mine")).toEqual({ from: 2, to: 1 });
    expect(await skillRow(ledger, "mine")).toMatchObject({ currentVersion: 1, status: "draft" });
    await expect(rollbackSkill(ledger, "mine")).rejects.toThrow(/none before it/);
  });

  it("takes an edited folder of the forge's skill for the person's text, which nothing replaces unasked", async () => {
    const forged = (text: string) => ({
      skill: skill("found", text),
      by: "forge",
      traceAnalysisSummary: "{}",
    });
    await addSkill(ledger, { ...forged("one"), origin: "forge" });
    const edited = { skill: skill("found", "x", { instructions: "My own careful text." }), by: "folder" };
    const own = await addVersion(ledger, "found", edited);
    // Looking at it changes nothing of what is in use.
    expect(await skillRow(ledger, "found")).toMatchObject({
      origin: "person",
      currentVersion: 1,
    });
    const proven = { status: "validated" as const, decision: "keep", score: 80 };
    // Their own text takes the place of the forge's.
    expect(await settleVersion(ledger, own.versionId, proven)).toMatchObject({ inUse: true });
    const next = await addVersion(ledger, "found", forged("two"));
    expect(await settleVersion(ledger, next.versionId, proven)).toMatchObject({
      inUse: false,
      why: /person/,
    });
    expect((await skillOf(ledger, "found")).instructions).toBe("My own careful text.");
    expect(await settleVersion(ledger, next.versionId, { ...proven, agreed: true })).toMatchObject({
      inUse: true,
    });
  });

  it("a person who edits the forge's skill owns it from then on", async () => {
    await add("shared");
    await addVersion(ledger, "shared", { skill: skill("shared", "edited"), by: "person" });
    expect(await skillRow(ledger, "shared")).toMatchObject({
      currentVersion: 2,
      status: "draft",
      origin: "person",
    });
    const { versionId } = await addVersion(ledger, "shared", {
      skill: skill("shared", "forged"),
      by: "forge",
    });
    expect(await settleVersion(ledger, versionId, proof)).toMatchObject({ inUse: false });
  });

  it("archives without deleting, and a later status does not bring it back", async () => {
    const { versionId } = await add("old");
    await archiveSkill(ledger, "old");
    await setStatus(ledger, versionId, "unverified");
    expect((await skillRow(ledger, "old"))?.status).toBe("archived");
    expect(await catalogueOf(ledger, ["gold", "unverified", "draft"])).toEqual([]);
    expect(await restoreSkill(ledger, "old")).toBe("unverified");
  });

  it("takes a proven version into use after a discard, and keeps away what a person archived", async () => {
    const first = await add("again", "draft");
    const discard = { status: "archived" as const, decision: "discard: it does nothing", score: 40 };
    const next = (instructions: string, by = "forge") =>
      addVersion(ledger, "again", { skill: skill("again", "x", { instructions }), by });
    expect(await settleVersion(ledger, first.versionId, discard)).toMatchObject({ inUse: false });
    // The same version, by another test.
    expect(await settleVersion(ledger, first.versionId, proof)).toMatchObject({ inUse: true });
    expect(await skillRow(ledger, "again")).toMatchObject({ status: "validated", currentVersion: 1 });
    await settleVersion(ledger, first.versionId, discard);
    const second = await next("two");
    expect(await settleVersion(ledger, second.versionId, proof)).toMatchObject({ inUse: true });
    expect(await skillRow(ledger, "again")).toMatchObject({ status: "validated", currentVersion: 2 });
    await settleVersion(ledger, second.versionId, discard);
    const third = await next("three", "person");
    expect(await settleVersion(ledger, third.versionId, proof)).toMatchObject({ inUse: true });

    await archiveSkill(ledger, "again");
    expect(await settleVersion(ledger, third.versionId, proof)).toMatchObject({
      inUse: false,
      why: expect.stringContaining("--restore"),
    });
    expect((await skillRow(ledger, "again"))?.status).toBe("archived");
  });

  it("refuses circles of dependence, however long, and lets others be", async () => {
    const names = ["a", "b", "c", "d", "e"];
    for (const each of names) await add(each);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 14 }),
        async (pairs) => {
          const edges = new Map(names.map((each) => [each, new Set<string>()]));
          const reaches = (from: string, to: string): boolean =>
            from === to || [...(edges.get(from) as Set<string>)].some((next) => reaches(next, to));
          for (const [from, to] of pairs) {
            const refused = await relateSkills(ledger, from, "depends on", to).then(
              () => false,
              () => true,
            );
            expect(refused).toBe(reaches(to, from));
            if (!refused) edges.get(from)?.add(to);
          }
          for (const [from, tos] of edges)
            for (const to of tos) expect(await unrelateSkills(ledger, from, "depends on", to)).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
    await relateSkills(ledger, "a", "composes with", "b");
    await relateSkills(ledger, "b", "composes with", "a");
    expect(await relationsOf(ledger, "a")).toHaveLength(2);
  });

  it("says what testing cost and when it has paid for itself", async () => {
    const { versionId } = await add("paid");
    expect(await paybackOf(ledger, "paid")).toMatchObject({ perUse: null, testing: { evaluations: 0 } });
    const { id } = await ledger.db
      .insertInto("skillEvaluations")
      .values({
        ...{
          skillVersionId: versionId,
          kind: "test",
          suite: "s",
          suiteHash: "h",
          setup: "{}",
          agent: "model",
        },
        ...{ model: null, judge: null, delta: 12, low: 5, high: 19, tokens: 1000, dollars: null },
        ...{ startedAt: 0, endedAt: 5000 },
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    const trial = (arm: string, position: number, tokens: number | null) => ({
      ...{
        evaluationId: id,
        position,
        arm,
        task: "t",
        family: "f",
        replicate: 0,
        seed: 1,
        goalId: null,
        startedAt: 0,
      },
      trial: JSON.stringify({ tokens, wallMs: 100 } satisfies Partial<Trial>),
    });
    await ledger.db
      .insertInto("trials")
      .values([
        trial("without", 0, 400),
        trial("with", 1, 100),
        trial("without", 2, 200),
        trial("with", 3, 100),
        trial("with", 4, null),
      ])
      .execute();
    const { offered } = await injectIntoPrompt(ledger, { text: "paid things" }, { strong: 2 });
    await loadSkill(ledger, offered, { name: "paid" });
    expect(await paybackOf(ledger, "paid")).toMatchObject({
      ...{ uses: 1, loaded: 1, testing: { evaluations: 1, tokens: 1000, dollars: null, ms: 5000 } },
      perUse: { points: 12, low: 5, high: 19, tokens: 200, ms: 0 },
      usesToPayBack: { tokens: 5, ms: null },
      balance: { points: 12, tokens: -800, ms: -5000 },
    });
  });

  it("tells its story in EVOLUTION.md", async () => {
    const { versionId } = await add("story", "draft");
    await settleVersion(ledger, versionId, { status: "gold", decision: "better | by far", score: 91.26 });
    const told = withEvolution(await skillOf(ledger, "story"), await lineageOf(ledger, "story"), 1);
    expect(told.metadata).toMatchObject({
      "whetstone-version": "1",
      "whetstone-status": "gold",
      "whetstone-score": "91.3",
    });
    const text = told.files.get("references/EVOLUTION.md")?.toString() ?? "";
    expect(text).toMatch(
      /\| \*\*1\*\* \(in use\) .* \| gold \| 91\.3 \| not tested \| better \\\| by far \|/,
    );
  });
});

describe("what is offered", () => {
  const csv = "Cleans CSV tables: broken quotes, wrong separators, missing columns";

  it("is only proven skills that fit, best first", async () => {
    await add("clean-csv", "validated", csv);
    await add("write-poems", "gold", "Writes sonnets and haiku");
    await add("draft-csv", "draft", csv);
    await add("stale-csv", "unverified", csv);
    const { text, offered, tool } = await injectIntoPrompt(
      ledger,
      { text: "Repair the CSV table with broken quotes" },
      { strong: 2 },
    );
    expect(offered.map((each) => each.name)).toEqual(["clean-csv"]);
    expect(text).toContain(
      `<available_skills>\n  <skill>\n    <name>clean-csv</name>\n    <description>${csv}</description>\n  </skill>\n</available_skills>`,
    );
    expect(tool?.parameters.properties.name.enum).toEqual(["clean-csv"]);
    const uses = await ledger.db.selectFrom("skillUses").selectAll().execute();
    expect(uses).toMatchObject([
      { id: offered[0]?.useId, skillVersionId: offered[0]?.versionId, loaded: 0, turnId: null },
    ]);
  });

  it("weighs rare words, category and tools", async () => {
    await add("a-files", "gold", "Reads files of any kind", { allowedTools: ["Read"] });
    await add("b-files", "gold", "Reads files of any kind", { allowedTools: ["Bash(git:*)"] });
    await add("c-parquet", "gold", "Reads parquet files");
    await addSkill(ledger, {
      skill: skill("d-other", "Nothing alike"),
      origin: "forge",
      status: "gold",
      category: "Data",
    });
    const entries = await catalogueOf(ledger);
    const names = (task: Parameters<typeof matchSkills>[1]) =>
      matchSkills(entries, task).map(({ entry }) => entry.name);
    expect(names({ text: "read the parquet files" })[0]).toBe("c-parquet");
    expect(names({ text: "read files", tools: ["bash"] }).slice(0, 2)).toContain("b-files");
    expect(names({ text: "read files", tools: ["bash"] }).indexOf("b-files")).toBeLessThan(
      names({ text: "read files", tools: ["bash"] }).indexOf("a-files"),
    );
    expect(names({ text: "compute", category: "data" })).toEqual(["d-other"]);
    expect(names({ text: "compute" })).toEqual([]);
  });

  it("gives the whole text of a strong match, which then counts as read, and offers no tool for it", async () => {
    await add("clean-csv", "gold", csv, { instructions: "Use </skill_instructions> and <b>." });
    const { text, offered, tool } = await injectIntoPrompt(ledger, { text: `${csv} clean csv` });
    expect(offered[0]).toMatchObject({ full: true });
    expect(text).toContain('<skill_instructions name="clean-csv">\nUse &lt;/skill_instructions> and <b>.\n');
    expect(tool).toBeNull();
    expect((await paybackOf(ledger, "clean-csv")).loaded).toBe(1);
  });

  it("brings a skill's further files, one at a time, and lays them down for commands", async () => {
    const files = new Map([
      ["references/HOW.md", Buffer.from("END WITH AMEN")],
      ["scripts/go.sh", Buffer.from("#!/bin/sh\necho went\n")],
      ["logo.png", Buffer.from([137, 0, 1])],
      ["evals/evals.json", Buffer.from("{}")],
    ]);
    await add("clean-csv", "gold", csv, { files });
    await add("plain-csv", "gold", csv);
    // With and without its whole text in the prompt, of which nothing changes.
    for (const strong of [0, 2]) {
      const { offered, tool, text } = await injectIntoPrompt(ledger, { text: csv }, { strong });
      expect(text.includes("read it with load_skill")).toBe(strong === 2);
      const names = strong === 2 ? ["clean-csv", "plain-csv"] : ["clean-csv"];
      expect([...(tool?.parameters.properties.name.enum ?? [])].sort()).toEqual(names);
      expect(tool?.parameters.properties.file).toMatchObject({ type: "string" });
      const load = async (file?: string) =>
        (await loadSkill(ledger, offered, { name: "clean-csv", file })).text;
      expect(await load("./references/HOW.md")).toBe("END WITH AMEN");
      expect(await load()).toContain(
        "Further files of this skill: logo.png, references/HOW.md, scripts/go.sh",
      );
      await expect(load("evals/evals.json")).rejects.toThrow(/has no file evals/);
      await expect(load("../x")).rejects.toThrow(/has no file/);
      await expect(load("logo.png")).rejects.toThrow(/is no text/);
      const copy = mkdtempSync(join(tmpdir(), "whet-laid-"));
      onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
      expect(await layDownFiles(ledger, copy, offered)).toEqual([".agents/skills/clean-csv"]);
      const laid = join(copy, ".agents/skills/clean-csv");
      expect(execFileSync(join(laid, "scripts/go.sh")).toString()).toBe("went\n");
      expect(readdirSync(laid).sort()).toEqual(["SKILL.md", "logo.png", "references", "scripts"]);
      // What is there already stays.
      expect(await layDownFiles(ledger, copy, offered)).toEqual([]);
    }
    const { tool } = await injectIntoPrompt(ledger, { text: csv }, { exclude: ["clean-csv"], strong: 2 });
    expect(Object.keys(tool?.parameters.properties ?? {})).toEqual(["name"]);
  });

  it("never takes more than its budget, whatever the library", async () => {
    for (let index = 0; index < 30; index++)
      await add(`csv-${index}`, "gold", `${csv} ${"very ".repeat(index)}`, { instructions: "x".repeat(400) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (budget, strong) => {
          const { text, tokens, offered } = await injectIntoPrompt(
            ledger,
            { text: csv },
            { budget, strong, most: 25 },
          );
          expect(tokens).toBe(tokensOf(text));
          expect(tokens).toBeLessThanOrEqual(budget);
          expect(offered.length).toBeLessThanOrEqual(25);
          expect(text.split("<skill_instructions ").length).toBeLessThanOrEqual(4);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("brings what a skill depends on, leaves out what is superseded, and respects the pinned version", async () => {
    await add("read-xml", "gold", "Parses trees");
    const old = await add("clean-csv-old", "gold", csv);
    await add("clean-csv", "gold", csv);
    await relateSkills(ledger, "clean-csv", "depends on", "read-xml");
    await relateSkills(ledger, "clean-csv", "supersedes", "clean-csv-old");
    const { versionId } = await addVersion(ledger, "clean-csv", {
      skill: skill("clean-csv", `${csv}, better`),
      by: "forge",
    });
    await pinSkill(ledger, "clean-csv");
    await settleVersion(ledger, versionId, proof);
    const { offered } = await injectIntoPrompt(ledger, { text: csv });
    expect(offered.map((each) => [each.name, each.version])).toEqual([
      ["clean-csv", 1],
      ["read-xml", 1],
    ]);
    expect(offered.some((each) => each.versionId === old.versionId)).toBe(false);
  });

  it("can be made to hold a draft, or to lack a skill: the two arms of a test", async () => {
    await add("clean-csv", "gold", csv);
    const { versionId } = await addVersion(ledger, "clean-csv", {
      skill: skill("clean-csv", "Another"),
      by: "forge",
    });
    const task = { text: csv };
    const treated = await injectIntoPrompt(ledger, task, { include: [versionId], budget: 0 });
    expect(treated.offered.map((each) => each.versionId)).toEqual([versionId]);
    expect((await injectIntoPrompt(ledger, task, { exclude: ["clean-csv"] })).text).toBe("");
    await expect(loadSkill(ledger, treated.offered, { name: "other" })).rejects.toThrow(
      /no skill "other" is on offer/,
    );
  });

  it("goes into both folders of a working copy without its tests and scores, and never over the project's own", async () => {
    const files = new Map([
      ["evals/evals.json", Buffer.from("{}")],
      ["scripts/run.sh", Buffer.from("#!/bin/sh\n")],
    ]);
    await add("clean-csv", "gold", csv, { files, metadata: { "whetstone-score": "99" } });
    await add("csv-own", "gold", csv);
    const copy = join(folder, "copy");
    await writeSkill(skill("csv-own", "The project's"), join(copy, ".claude/skills/csv-own"));
    const { written, kept, offered } = await injectIntoFolder(ledger, copy, { text: csv });
    expect(written.sort()).toEqual([".agents/skills/clean-csv", ".claude/skills/clean-csv"]);
    expect(kept).toEqual([".claude/skills/csv-own"]);
    expect(existsSync(join(copy, ".claude/skills/clean-csv/scripts/run.sh"))).toBe(true);
    expect(existsSync(join(copy, ".claude/skills/clean-csv/evals"))).toBe(false);
    expect(readFileSync(join(copy, ".agents/skills/clean-csv/SKILL.md"), "utf8")).not.toContain("99");
    expect(existsSync(join(copy, ".agents/skills/csv-own"))).toBe(false);

    const uses = () => ledger.db.selectFrom("skillUses").select(["loaded", "turnId"]).execute();
    expect(await uses()).toEqual([{ loaded: null, turnId: null }]);
    const turn = await ledger.db
      .insertInto("turns")
      .values({
        ...{
          sessionId: null,
          researcher: "claude",
          purpose: "task",
          prompt: Buffer.from(""),
          raw: Buffer.from(""),
        },
        ...{
          ending: "done",
          message: "",
          tokensIn: null,
          tokensOut: null,
          tokensCached: null,
          dollars: null,
        },
        ...{
          startedAt: 0,
          wallMs: 1,
          taskId: null,
          source: null,
          sourceKey: null,
          agentVersion: null,
          model: null,
        },
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    await assignUses(ledger, offered, turn.id);
    const trace: TraceEvent[] = [
      { at: 1, type: "call", id: "1", tool: "Skill", args: '{"skill":"clean-csv"}' },
      { at: 2, type: "call", id: "2", tool: "Read", args: '{"path":".agents/skills/other/SKILL.md"}' },
      {
        at: 3,
        type: "result",
        id: "2",
        ok: false,
        output: null,
        error: "none",
        exitCode: null,
        ms: null,
        msFrom: null,
      },
    ];
    expect([...loadedSkills(trace)]).toEqual(["clean-csv"]);
    const shown = (tool: string): TraceEvent[] => [
      { at: 1, type: "call", id: "1", tool, args: '{"path":"/x/.claude/skills/other/SKILL.md"}' },
    ];
    expect([...loadedSkills(shown("Read"))]).toEqual(["other"]);
    expect([...loadedSkills(shown("Write"))]).toEqual([]);
    const ran = (args: string, output: string): TraceEvent[] => [
      { at: 1, type: "call", id: "1", tool: "shell", args: JSON.stringify({ command: args }) },
      {
        ...{ at: 2, type: "result", id: "1", ok: true, output, error: null, exitCode: null },
        ...{ ms: null, msFrom: null },
      },
    ];
    const head = (name: string) => `---\nname: ${name}\ndescription: d\n---\ntext not found elsewhere\n`;
    // From within its folder, by a pattern, with numbered lines, and not at all.
    expect([...loadedSkills(ran("cd skills/a && cat SKILL.md", head("a")))]).toEqual(["a"]);
    const both = loadedSkills(ran("cat .agents/skills/*/SKILL.md", head("a") + head("b-2")));
    expect(both).toEqual(new Set(["a", "b-2"]));
    const numbered = head("a").replaceAll(/^/gm, "   12\t");
    expect([...loadedSkills(ran("cat -n SKILL.md", numbered))]).toEqual(["a"]);
    const given = "Skill **a** activated. Resources loaded from `/w/.agents/skills/a`";
    expect([...loadedSkills(ran("x", given))]).toEqual(["a"]);
    const none = "cat: .agents/skills/a/SKILL.md: No such file or directory";
    expect([...loadedSkills(ran("cat .agents/skills/a/SKILL.md; true", none))]).toEqual([]);
    for (const command of [
      "ls -l skills/a/SKILL.md",
      "test -f skills/a/SKILL.md && echo yes",
      "find skills/a/SKILL.md",
    ])
      expect([...loadedSkills(ran(command, "-rw-r--r-- 1 me me 400 skills/a/SKILL.md"))]).toEqual([]);
    expect([...loadedSkills(ran("ls skills/a/SKILL.md && cat skills/a/SKILL.md", "x"))]).toEqual(["a"]);
    await recordLoaded(ledger, offered, loadedSkills(trace));
    expect(await uses()).toEqual([{ loaded: 1, turnId: turn.id }]);
  });

  it("is not laid down through a link", async () => {
    await add("clean-csv", "gold", csv);
    const [copy, elsewhere] = [join(folder, "copy"), join(folder, "elsewhere")];
    mkdirSync(copy);
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(copy, ".claude"));
    await expect(injectIntoFolder(ledger, copy, { text: csv })).rejects.toThrow(/no real folder/);
    expect(existsSync(join(elsewhere, "skills"))).toBe(false);
  });
});

describe("skills on disk", () => {
  it("are found in project and home, the project's first, and bounded in depth and number", async () => {
    const [project, home] = [join(folder, "project"), join(folder, "home")];
    await writeSkill(skill("both", "project's"), join(project, ".agents/skills/both"));
    await writeSkill(skill("both", "project's"), join(project, ".claude/skills/both"));
    await writeSkill(skill("both", "mine"), join(home, ".claude/skills/both"));
    await writeSkill(skill("home-only"), join(home, ".agents/skills/home-only"));
    await writeSkill(skill("deep"), join(project, ".agents/skills/1/2/3/4/5/deep"));
    mkdirSync(join(project, ".agents/skills/broken"));
    writeFileSync(join(project, ".agents/skills/broken/SKILL.md"), "no front matter");
    const names = ({ skills }: { skills: { skill: Skill; scope: string }[] }) =>
      skills.map((each) => `${each.scope} ${each.skill.name} ${each.skill.description}`);
    const found = await discoverSkills(project, { home });
    expect(names(found)).toEqual(["project both project's", "user home-only Does things"]);
    expect(found.shadowed.map(({ path }) => path)).toEqual([join(home, ".claude/skills/both")]);
    expect(found.problems).toHaveLength(1);
    expect(names(await discoverSkills(project))).toEqual(["project both project's"]);
    expect(names(await discoverSkills(project, { depth: 9 }))).toContain("project deep Does things");
    const cut = await discoverSkills(project, { count: 1 });
    expect(cut.skills).toEqual([]);
    expect(cut.problems.map(({ problem }) => problem.what).join()).toMatch(/more than 1 folders/);
  });
});
