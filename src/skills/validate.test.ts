import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readSkillFolder } from "./folder.ts";
import { parseSkill } from "./parse.ts";
import { validateSkillFolder } from "./validate.ts";

const root = mkdtempSync(join(tmpdir(), "skills-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** [what, folder, SKILL.md, valid by the reference's rules, said of it] */
const cases: [string, string, string, boolean, RegExp?][] = [
  [
    "the smallest skill",
    "clean-csv",
    "---\nname: clean-csv\ndescription: Cleans CSV files.\n---\n# How\n",
    true,
  ],
  [
    "every field",
    "full",
    '---\nname: full\ndescription: >\n  Long\n  text\nlicense: MIT\ncompatibility: Requires git\nallowed-tools: Bash(git:*) Read\nmetadata:\n  author: me\n  version: "1.0"\n---\nBody\n',
    true,
  ],
  ["a number as a name is a text", "123", "---\nname: 123\ndescription: true\n---\n", true],
  ["a name in another script", "данные", "---\nname: данные\ndescription: x\n---\n", true, /letters a to z/],
  ["64 characters", "a".repeat(64), `---\nname: ${"a".repeat(64)}\ndescription: x\n---\n`, true],
  ["65 characters", "a".repeat(65), `---\nname: ${"a".repeat(65)}\ndescription: x\n---\n`, false, /65 char/],
  ["a description of 1024", "d", `---\nname: d\ndescription: ${"x".repeat(1024)}\n---\n`, true],
  ["a description of 1025", "d2", `---\nname: d2\ndescription: ${"x".repeat(1025)}\n---\n`, false, /1025/],
  ["1024 signs of two code units", "d3", `---\nname: d3\ndescription: ${"😀".repeat(1024)}\n---\n`, true],
  [
    "compatibility of 501",
    "c",
    `---\nname: c\ndescription: x\ncompatibility: ${"x".repeat(501)}\n---\n`,
    false,
    /501/,
  ],
  ["an empty compatibility", "ce", "---\nname: ce\ndescription: x\ncompatibility:\n---\n", true, /empty/],
  ["no front matter", "n", "# Title\n", false, /no front matter/],
  ["no end", "n2", "---\nname: n2\ndescription: x\n", false, /no end/],
  ["no name", "n3", "---\ndescription: x\n---\n", false, /no name/],
  ["an empty name", "n4", "---\nname:\ndescription: x\n---\n", false, /not a text/],
  ["no description", "n5", "---\nname: n5\n---\n", false, /no description/],
  ["an empty description", "n6", '---\nname: n6\ndescription: " "\n---\n', false, /not a text/],
  ["a capital letter", "Big", "---\nname: Big\ndescription: x\n---\n", false, /capital/],
  ["a space", "a b", "---\nname: a b\ndescription: x\n---\n", false, /other signs/],
  ["an underscore", "a_b", "---\nname: a_b\ndescription: x\n---\n", false, /other signs/],
  ["a hyphen at the end", "a-", "---\nname: a-\ndescription: x\n---\n", false, /ends with a hyphen/],
  ["two hyphens", "a--b", "---\nname: a--b\ndescription: x\n---\n", false, /two hyphens/],
  ["another folder's name", "other", "---\nname: this\ndescription: x\n---\n", false, /folder is called/],
  ["an unknown key", "u", "---\nname: u\ndescription: x\ncategory: web\n---\n", false, /no key `category`/],
  ["allowed_tools", "u2", "---\nname: u2\ndescription: x\nallowed_tools: Read\n---\n", false, /hyphen/],
  ["a key twice", "t", "---\nname: t\nname: t\ndescription: x\n---\n", false, /twice/],
  [
    "a list on one line",
    "f",
    "---\nname: f\ndescription: x\nallowed-tools: [Read]\n---\n",
    false,
    /one line/,
  ],
  [
    "a list of tools",
    "f2",
    "---\nname: f2\ndescription: x\nallowed-tools:\n  - Read\n---\n",
    true,
    /one text/,
  ],
  ["a map on one line", "f3", "---\nname: f3\ndescription: x\nmetadata: {a: b}\n---\n", false, /one line/],
  ["an anchor", "f4", "---\nname: &a f4\ndescription: *a\n---\n", false, /anchor/],
  ["a tag", "f5", "---\nname: f5\ndescription: !!js/function 'x'\n---\n", false, /tag/],
  ["a colon in a value", "y", "---\nname: y\ndescription: Use when: always\n---\n", false, /quotes/],
  [
    "metadata with a list",
    "m",
    "---\nname: m\ndescription: x\nmetadata:\n  a:\n    - b\n---\n",
    true,
    /texts only/,
  ],
  ["a list as front matter", "l", "---\n- a\n---\n", false, /key: value/],
  ["empty front matter", "e", "---\n---\n", false, /key: value/],
  ["another language", "js", "---js\nname: 1\n---\n", false, /nothing is executed/],
  ["lines of Windows", "w", "---\r\nname: w\r\ndescription: x\r\n---\r\n", true],
  ["three hyphens in a value", "h", "---\ndescription: a --- b\nname: h\n---\n", false, /three hyphens/],
];

describe("a skill is valid where the reference validator says so", () => {
  it.each(cases)("%s", (_what, folder, source, valid, said) => {
    const { problems } = parseSkill(source, folder);
    expect(
      problems.filter(({ severity }) => severity === "error").length === 0,
      JSON.stringify(problems),
    ).toBe(valid);
    if (said) expect(problems.map(({ what, fix }) => `${what}. ${fix}`).join("\n")).toMatch(said);
    else expect(problems).toEqual([]);
  });

  it("a problem has the place of the key that it is about", () => {
    const { problems } = parseSkill(
      "---\nname: ok\ndescription: x\nmetadata:\n  list:\n    - a\nicon: y\n---\n",
      "ok",
    );
    expect(problems.map(({ line, column, severity }) => [line, column, severity])).toEqual([
      [5, 3, "warning"],
      [7, 1, "error"],
    ]);
  });
});

describe("a folder", () => {
  const folder = (name: string, files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, name, path, ".."), { recursive: true });
      writeFileSync(join(root, name, path), text);
    }
    return join(root, name);
  };

  it("with skill.md in small letters is one too, and without any it is not", async () => {
    const small = folder("small", { "skill.md": "---\nname: small\ndescription: x\n---\n" });
    expect(await validateSkillFolder(small)).toEqual([]);
    expect((await validateSkillFolder(folder("none", { "README.md": "" })))[0]?.what).toMatch(/no SKILL.md/);
    expect((await validateSkillFolder(join(root, "missing")))[0]?.what).toMatch(/does not exist/);
    expect((await validateSkillFolder(join(small, "skill.md")))[0]?.what).toMatch(/not a folder/);
  });

  it("loses links and what is too large, and says so", async () => {
    const path = folder("risky", {
      "SKILL.md": "---\nname: risky\ndescription: x\n---\n",
      "assets/large.bin": "x".repeat(3 * 2 ** 20),
    });
    symlinkSync("/etc/passwd", join(path, "assets", "secret"));
    const said = (await validateSkillFolder(path)).map(({ severity, what }) => `${severity} ${what}`);
    expect(said).toHaveLength(2);
    expect(said.join("\n")).toMatch(/warning assets\/large.bin is left out: it has 3145728 bytes/);
    expect(said.join("\n")).toMatch(/warning assets\/secret is left out: links/);
    expect([...((await readSkillFolder(path)).skill?.files.keys() ?? ["none"])]).toEqual([]);
  });
});
