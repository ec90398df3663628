import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readSkillFolder } from "./folder.ts";
import { parseSkill, plainInstructions } from "./parse.ts";
import { fromRicher, isRicher, toRicher } from "./richer.ts";
import type { Skill } from "./skill.ts";
import { contentHash, packed, unpacked } from "./stored.ts";
import { skillText, writeSkill } from "./write.ts";

const root = mkdtempSync(join(tmpdir(), "skills-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const text = (most: number) =>
  fc
    .oneof(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: most }),
      fc.string({ unit: "binary", minLength: 1, maxLength: most }),
      fc.constantFrom(
        "yes",
        "1.5",
        "2020-01-01",
        "a: b",
        "a #b",
        "--- x",
        "- a",
        "[a]",
        "~",
        "'q'",
        "a\nb",
        "x:",
      ),
    )
    .map((each) => each.toWellFormed().trim())
    .filter((each) => each !== "" && Array.from(each).length <= most);
const name = fc.stringMatching(/^[a-z0-9]{1,12}(-[a-z0-9]{1,8}){0,3}$/);
const skills: fc.Arbitrary<Skill> = fc
  .record({
    name,
    description: text(200),
    license: fc.option(text(30), { nil: undefined }),
    compatibility: fc.option(text(60), { nil: undefined }),
    metadata: fc.dictionary(
      text(20),
      fc.string({ unit: "grapheme", maxLength: 40 }).map((each) => each.toWellFormed()),
      {
        noNullPrototype: true,
      },
    ),
    allowedTools: fc.array(fc.constantFrom("Read", "Bash(git:*)", "Bash(git log:*)", "mcp__a__b"), {
      maxLength: 4,
    }),
    instructions: fc
      .string({ unit: "binary", maxLength: 300 })
      .map((each) => plainInstructions(each.toWellFormed())),
  })
  .map(({ license, compatibility, ...skill }) => ({
    ...skill,
    ...(license === undefined ? {} : { license }),
    ...(compatibility === undefined ? {} : { compatibility }),
    files: new Map(),
  }));

describe("a skill that is written", () => {
  it("is read back as it was, without a fault, and written again byte for byte", () => {
    fc.assert(
      fc.property(skills, (skill) => {
        const written = skillText(skill);
        const { skill: read, extra, problems } = parseSkill(written, skill.name);
        expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
        expect(read).toEqual(skill);
        expect(extra).toEqual({});
        expect(skillText(read as Skill)).toBe(written);
      }),
      { numRuns: 400 },
    );
  });

  it("holds only texts for a reader that knows numbers, dates and booleans too", () => {
    fc.assert(
      fc.property(skills, (skill) => {
        const front = skillText(skill).split("---\n")[1] as string;
        const values = parse(front, { version: "1.1", stringKeys: true }) as Record<string, unknown>;
        expect(values.name).toBe(skill.name);
        expect(values.description).toBe(skill.description);
        for (const value of Object.values((values.metadata ?? {}) as object))
          expect(value).toBeTypeOf("string");
      }),
      { numRuns: 200 },
    );
  });

  it("is the same from the ledger, and has the same hash", () => {
    fc.assert(
      fc.property(skills, fc.uint8Array({ maxLength: 50 }), (skill, bytes) => {
        const whole = { ...skill, files: new Map([["assets/a.bin", Buffer.from(bytes)]]) };
        expect(unpacked(packed(whole))).toEqual(whole);
        expect(contentHash(unpacked(packed(whole)))).toBe(contentHash(whole));
      }),
      { numRuns: 100 },
    );
  });

  it("becomes a folder with its scripts executable, and a folder that is there stays", async () => {
    const skill: Skill = {
      ...{ name: "folder", description: "x", metadata: {}, allowedTools: [], instructions: "Do it." },
      files: new Map([
        ["scripts/run.sh", Buffer.from("#!/bin/sh\necho hi\n")],
        ["assets/a.bin", Buffer.from([0, 255, 128])],
      ]),
    };
    const path = join(root, "folder");
    await writeSkill(skill, path);
    expect(statSync(join(path, "scripts/run.sh")).mode & 0o111).not.toBe(0);
    expect((await readSkillFolder(path)).skill).toEqual(skill);
    const changed = { ...skill, instructions: "Do something else.", files: new Map() };
    await expect(writeSkill(changed, path)).rejects.toThrow(/is there already and was not touched/);
    expect(readFileSync(join(path, "SKILL.md"), "utf8")).toMatch(/Do it\./);
    await writeSkill(changed, path, true);
    expect((await readSkillFolder(path)).skill).toEqual(changed);
  });

  it("cannot lead out of its folder", async () => {
    const skill = { ...{ name: "out", description: "x", metadata: {}, allowedTools: [], instructions: "" } };
    const files = new Map([["../evil", Buffer.from("x")]]);
    await expect(writeSkill({ ...skill, files }, join(root, "out"))).rejects.toThrow(/not normalised/);
  });
});

describe("the richer front matter", () => {
  const article = `---
name: Web Research & Data Extraction
description: Finds and extracts data from the web
category: research
icon: "🔍"
generation: 3
effectiveness_score: 87.5
allowed_tools:
  - web_search
  - web_scrape
evolution_history:
  - generation: 1
    score: 71
    change: first
  - generation: 3
    score: 87.5
    change: "retry: after errors"
---

# Steps
`;

  it("becomes a valid skill that claims nothing, and comes back as it was", () => {
    const read = parseSkill(article, "web-research-data-extraction");
    expect(isRicher(read.skill as Skill, read.extra)).toBe(true);
    const skill = fromRicher(read.skill as Skill, read.extra);
    expect(skill.name).toBe("web-research-data-extraction");
    expect(skill.allowedTools).toEqual(["web_search", "web_scrape"]);
    expect(skill.metadata["claimed-effectiveness-score"]).toBe("87.5");
    const valid = parseSkill(skillText(skill), skill.name);
    expect(valid.problems).toEqual([]);
    expect(isRicher(skill, {})).toBe(false);
    const back = toRicher(valid.skill as Skill);
    const data = (source: string) => parse(source.split("---\n")[1] as string) as unknown;
    expect(data(back)).toEqual(data(article));
    expect(back.endsWith("# Steps\n")).toBe(true);
  });

  it("shows what was measured instead of what was claimed", () => {
    const { skill, extra } = parseSkill(article);
    const out = toRicher(fromRicher(skill as Skill, extra), { generation: 5, effectivenessScore: 61 });
    expect(out).toMatch(/^generation: 5$/m);
    expect(out).toMatch(/^effectiveness_score: 61$/m);
  });

  it("any further keys survive the way there and back", () => {
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        text(20),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).value;
    const key = name.map((each) => `z${each.replaceAll("-", "_")}`);
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true }), (extra) => {
        const plain: Skill = {
          ...{ name: "x", description: "y", metadata: {}, allowedTools: [], instructions: "" },
          files: new Map(),
        };
        const kept = fromRicher(plain, extra as Parameters<typeof fromRicher>[1]);
        const again = parseSkill(toRicher(parseSkill(skillText(kept), "x").skill as Skill), "x");
        expect(fromRicher(again.skill as Skill, again.extra)).toEqual(kept);
      }),
      { numRuns: 200 },
    );
  });
});
