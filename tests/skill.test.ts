import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { git, repository, whet, write } from "./support/lab.ts";

const source = (text: string, more = "") =>
  `---\nname: clean-csv\ndescription: Cleans CSV tables with broken quotes\n${more}---\n\n${text}\n`;

const json = async <T>(folder: string, ...args: string[]): Promise<T> => {
  const done = await whet(folder, "skill", ...args, "--json");
  expect(done.stderr).toBe("");
  return JSON.parse(done.stdout) as T;
};

it("a skill's life: found, checked, taken in, changed, compared, rolled back, pinned, related, archived, given out", async () => {
  const lab = repository({ ".agents/skills/clean-csv/SKILL.md": source("Step one.") });
  const looked = await whet(lab, "skill", "list");
  expect(looked.stdout).toMatch(/library is empty[\s\S]*clean-csv/);
  expect(existsSync(join(lab, ".whetstone"))).toBe(false);
  expect((await whet(lab, "skill", "show", "clean-csv")).stderr).toMatch(/no library of skills yet/);

  const folder = ".agents/skills/clean-csv";
  expect((await whet(lab, "skill", "validate", folder)).code).toBe(0);
  expect((await whet(lab, "skill", "import", folder)).stdout).toMatch(/version 1, a draft/);
  expect((await whet(lab, "skill", "import", folder)).stdout).toMatch(/this text already, as version 1/);
  expect(git(lab, "status", "--porcelain")).toBe("");
  write(lab, { [`${folder}/SKILL.md`]: source("Step two.") });
  expect(await json(lab, "import", folder)).toMatchObject({ name: "clean-csv", version: 2, fresh: true });
  expect((await whet(lab, "skill", "diff", "clean-csv")).stdout).toMatch(/^-Step one\.\n\+Step two\.$/m);
  expect(await json(lab, "rollback", "clean-csv")).toEqual({ name: "clean-csv", from: 2, to: 1 });
  expect(await json(lab, "pin", "clean-csv", "2")).toEqual({ name: "clean-csv", pinned: 2 });
  const refused = await whet(lab, "skill", "rollback", "clean-csv");
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/pinned at version 2[\s\S]*unpin/),
  ]);
  expect((await whet(lab, "skill", "unpin", "clean-csv")).code).toBe(0);

  write(lab, { "b/SKILL.md": "---\nname: b\ndescription: Reads tables\n---\n" });
  await whet(lab, "skill", "import", "b", "--from", "elsewhere");
  expect((await whet(lab, "skill", "relate", "clean-csv", "depends-on", "b")).code).toBe(0);
  const circle = await whet(lab, "skill", "relate", "b", "depends-on", "clean-csv");
  expect([circle.code, circle.stderr]).toEqual([
    2,
    expect.stringMatching(/a circle: clean-csv depends on b already/),
  ]);
  expect((await whet(lab, "skill", "relate", "b", "likes", "clean-csv")).stderr).toMatch(/composes-with/);

  const shown = await json<Record<string, unknown>>(lab, "show", "clean-csv");
  expect(shown).toMatchObject({
    ...{ status: "draft", currentVersion: 2, pinned: false, origin: "person" },
    relations: [{ from: "clean-csv", kind: "depends on", to: "b" }],
    payback: { uses: 0, perUse: null },
  });
  expect((await whet(lab, "skill", "show", "clean-csv")).stdout).toMatch(
    /never tested: what it is worth is not known/,
  );

  expect((await whet(lab, "skill", "archive", "b")).stdout).toMatch(/everything kept/);
  const { library } = await json<{ library: { name: string }[] }>(lab, "list");
  expect(library.map(({ name }) => name)).toEqual(["clean-csv"]);
  expect(await json(lab, "archive", "b", "--restore")).toEqual({ name: "b", status: "draft" });

  expect((await whet(lab, "skill", "export", "clean-csv", "--to", "out")).code).toBe(0);
  expect((await whet(lab, "skill", "validate", "out/clean-csv")).code).toBe(0);
  expect(readFileSync(join(lab, "out/clean-csv/references/EVOLUTION.md"), "utf8")).toMatch(
    /\*\*2\*\* \(in use\) \| 1 /,
  );
  expect((await whet(lab, "skill", "export", "clean-csv", "--to", "out")).stderr).toMatch(/was not touched/);
  expect((await whet(lab, "skill", "import", "out/clean-csv")).stdout).toMatch(
    /this text already, as version 2/,
  );
});

it("richer front matter is refused by validate, taken in by import, and given out again", async () => {
  const lab = repository({
    "web/SKILL.md":
      "---\nname: Web Research\ndescription: Finds data\ncategory: research\ngeneration: 3\nallowed_tools:\n  - web_search\n---\n\nLook.\n",
  });
  const checked = await whet(lab, "skill", "validate", "web");
  expect(checked.code).toBe(1);
  expect(checked.stdout).toMatch(/SKILL\.md:4:1: error: the specification knows no key `category`/);
  expect((await whet(lab, "skill", "import", "web")).stdout).toMatch(
    /web-research: version 1[\s\S]*in its metadata now/,
  );
  await whet(lab, "skill", "export", "web-research", "--to", "out", "--richer");
  const text = readFileSync(join(lab, "out/web-research/SKILL.md"), "utf8");
  expect(text).toMatch(/^name: Web Research$/m);
  expect(text).toMatch(/^category: research$/m);
  expect(text).toMatch(/^generation: 1$/m);
  expect((await whet(lab, "skill", "import", "out/web-research")).stdout).toMatch(
    /this text already, as version 1/,
  );
});
