import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { TraceEvent } from "../../trace.ts";
import { showsText, skillElsewhere } from "./elsewhere.ts";

const instructions = `Count the last row of the file like every other one, and never take it for a summary of the rest.
Write amounts in the smallest unit of the money. If \`Error: cannot open the file of bookings for reading\` is said, make it readable first.
Sort the accounts by their names, and end the report with a line that says how many rows there were.`;
const skill = { name: "totals", instructions };

function copyOf(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "elsewhere-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const gave = (output: string): TraceEvent[] => [
  { at: 1, type: "call", id: "1", tool: "run", args: "{}" },
  { at: 2, type: "result", id: "1", ok: true, output, error: null, exitCode: 0, ms: 1, msFrom: "arrival" },
];

it("finds a skill by its name and by its text, in whatever folder, and nothing else", async () => {
  const root = copyOf({
    "skills/totals/SKILL.md": "---\nname: totals\ndescription: Totals.\n---\nQuite another text.\n",
    "skills/totals/references/more.md": "more",
    "old/sums/SKILL.md": `---\nname: sums\ndescription: Sums.\n---\n${instructions.replace("every other", "any other")}\n`,
    "notes/copy.txt": `# Notes\n\n${instructions.toUpperCase()}\n`,
    "skills/other/SKILL.md": "---\nname: other\ndescription: Other.\n---\nDo other things.\n",
    "README.md": "Totals of accounts. Write amounts in the smallest unit of the money.\n",
  });
  const { copies } = await skillElsewhere(root, skill, []);
  expect(copies.sort()).toEqual(["notes/copy.txt", "old/sums", "skills/totals"]);
});

it("takes a skill at the top of a project for a file, not for all of the project", async () => {
  const root = copyOf({ "SKILL.md": instructions, "a.txt": "a" });
  expect((await skillElsewhere(root, skill, [])).copies).toEqual(["SKILL.md"]);
});

it("knows the text where an agent was shown it, whatever it was called; not a passage that others say too", async () => {
  const handbook = `${"Much else stands here about many other things. ".repeat(60)}\n${instructions}`;
  const root = copyOf({ "handbook.md": handbook });
  const { copies, rare } = await skillElsewhere(root, skill, []);
  expect(copies).toEqual([]);
  expect(showsText(rare, "", gave(handbook))).toBe(true);
  expect(showsText(rare, instructions, [])).toBe(true);
  expect(showsText(rare, "", gave("totals\nother\n"))).toBe(false);
  const error = "Error: cannot open the file of bookings for reading";
  expect(showsText(rare, "", gave(error))).toBe(false);
  const told = await skillElsewhere(root, skill, [instructions]);
  expect(showsText(told.rare, instructions, [])).toBe(false);
  const short = await skillElsewhere(copyOf({}), { name: "short", instructions: "Be brief." }, []);
  expect(showsText(short.rare, "", gave("be brief"))).toBe(false);
});
