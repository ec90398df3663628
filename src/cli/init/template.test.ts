import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLab } from "../../lab/lab.ts";
import { checkLab } from "../../loop/index.ts";
import { init } from "./init.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whet-template-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const hasPython = (() => {
  try {
    execFileSync("python3", ["-c", ""]);
    return true;
  } catch {
    return false;
  }
})();

function git(...args: string[]): void {
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...args], { cwd: folder });
}

async function check() {
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  return checkLab(await readLab(folder));
}

test.each([
  ["scored", "scored", true],
  ["pipe-ts", "scored", false],
  ["pipe-python", "scored", false],
  ["clocked", "clocked", false],
  ["self-reported", "self-reported", false],
])("the template %s really runs: its baseline is measured", async (name, channel, deterministic) => {
  if (name === "pipe-python" && !hasPython) return;
  const { written } = await init({ folder, template: name, interactive: false });
  expect(written).toContain(join(folder, "program.md"));
  const found = await check();
  expect(found.channel).toBe(channel);
  expect(found.deterministic).toBe(deterministic);
  // A run that stands out, as on a busy machine, is no part of the baseline.
  expect(found.baseline.values.length).toBeGreaterThanOrEqual(4);
  expect(found.baseline.mean).toBeGreaterThan(0);
});

test.each([
  ["ts", "node", ".ts"],
  ["python", "python3", ".py"],
])("the scorer that docs/protocol.md shows in %s is one", async (language, interpreter, ending) => {
  if (language === "python" && !hasPython) return;
  const page = await readFile(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
  const code = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] as string;
  await writeFile(join(folder, `score${ending}`), code);
  await writeFile(
    join(folder, "square.mjs"),
    `import { createInterface } from "node:readline";
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ask } = JSON.parse(line);
  console.log(JSON.stringify({ id, answer: ask === 2 ? 4 : 0 }));
}
`,
  );
  await writeFile(
    join(folder, "program.md"),
    `---\nmetric: wrong\ndirection: minimize\nchange: [square.mjs]\nrun: node square.mjs\nscore: { command: ${interpreter} score${ending}, pipe: true }\nbudget: 20s\n---\n`,
  );
  expect((await check()).baseline.mean).toBe(1);
});

test("an unknown template is refused with the names of all, and files in the way stay", async () => {
  await expect(init({ folder, template: "none", interactive: false })).rejects.toMatchObject({
    message: 'there is no template "none"',
    fix: "one of: clocked, pipe-python, pipe-ts, scored, self-reported",
  });
  await writeFile(join(folder, "fit.mjs"), "mine");
  await expect(init({ folder, template: "scored", interactive: false })).rejects.toThrow(
    "already holds fit.mjs",
  );
  expect(await readdir(folder)).toEqual(["fit.mjs"]);
  expect(await readFile(join(folder, "fit.mjs"), "utf8")).toBe("mine");
  await init({ folder, template: "scored", interactive: false, force: true });
  expect(await readFile(join(folder, "fit.mjs"), "utf8")).toContain("RIDGE");
});
