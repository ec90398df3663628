import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSuite } from "./suite.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "suite-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const goal = (more = "") => `---\n${more}criteria:\n  - file: out.txt\n---\nWrite out.txt.\n`;

describe("a folder of goals", () => {
  it("holds documents and data of the project too: they are skipped, and named", async () => {
    write("a.md", goal("files: [notes/input.md]\n"));
    write("deep/sealed/b.md", `\uFEFF${goal().replaceAll("\n", "\r\n")}`);
    write("README.md", "# The suite\n\ncriteria: none\n");
    write("notes/input.md", goal());
    write("notes/page.md", "---\ntitle: A page\nlayout: post\n---\nFamily: none.\n\n---\n\nlimits: none\n");
    write("notes/rule.md", "Text.\n\n---\ncriteria: []\n---\n");
    const suite = await readSuite(root, { project: root });
    expect(suite.goals.map(({ name }) => name)).toEqual(["a"]);
    expect(suite.sealed.map(({ name }) => name)).toEqual([join("deep", "sealed", "b")]);
    expect(suite.skipped).toEqual(["README.md", "notes/input.md", "notes/page.md", "notes/rule.md"]);
  });

  it("is an error where a goal in it is broken: none is left out silently", async () => {
    for (const broken of [
      "---\ncriteria: [\n---\nDo it.\n",
      "---\ncriterion:\n  - file: a\n---\nDo it.\n",
      "---\nfamily: letters\n---\nDo it.\n",
      "---\ncriteria:\n  - file: a\nDo it, without an end of the front matter.\n",
      "---js\ncriteria: []\n---\nDo it.\n",
    ]) {
      write("a.md", goal());
      write("b.md", broken);
      await expect(readSuite(root, { project: root }), broken).rejects.toThrow("b.md");
    }
  });

  it("without any goal says what it holds; a file that is named itself must be one", async () => {
    write("notes.md", "Only notes.\n");
    await expect(readSuite(root, { project: root })).rejects.toThrow(
      "no front matter with criteria is in notes.md",
    );
    await expect(readSuite(join(root, "notes.md"), { project: root })).rejects.toThrow("no criterion");
  });
});
