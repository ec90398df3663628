import { chmodSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Standing, Tried } from "../src/index.ts";
import { git, program, repository, whet, write } from "./support/lab.ts";

/** A lab whose tree holds an image and a link under `change`, a build folder in .gitignore, and a script that runs. */
function lab(): string {
  const root = repository({
    "src/app.mjs": "export const LIMIT = 40;\n",
    "src/measure.sh": "#!/bin/sh\nif [ -e src/fast ]; then ./src/fast; else node measure.mjs; fi\n",
    "measure.mjs": "import { LIMIT } from './src/app.mjs'; console.log(`total: ${LIMIT}`);\n",
    ".gitignore": "dist/\n*.log\n",
    "program.md": program(
      "metric: total\ndirection: minimize\nchange: ['src/**']\nrun: ./src/measure.sh\nbudget: 10s",
    ),
  });
  writeFileSync(join(root, "src/logo.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1]));
  symlinkSync("app.mjs", join(root, "src/link.mjs"));
  chmodSync(join(root, "src/measure.sh"), 0o755);
  git(root, "add", "-A");
  git(root, "commit", "-q", "-m", "image");
  return root;
}

async function attempt(folder: string, what: string): Promise<Tried> {
  const ran = await whet(folder, "try", "-m", what, "--because", "less", "--json", "--no-probe");
  expect(ran.stderr).not.toContain("whet:");
  return JSON.parse(ran.stdout) as Tried;
}

describe("a repository as people have them", () => {
  it("takes an edit beside an image, a link, a build and a tool's folder, and says what can never change", async () => {
    const folder = lab();
    const check = await whet(folder, "check");
    expect(check.stdout + check.stderr).toContain("src/logo.png (it is not valid UTF-8)");
    const standing = JSON.parse((await whet(folder, "start", "--json", "--no-probe")).stdout) as Standing;
    const { workspace, session } = standing;
    write(workspace, {
      "src/app.mjs": "export const LIMIT = 30;\n",
      "dist/app.js": "built\n",
      "run.log": "x\n",
      ".claude/settings.local.json": "{}\n",
      "src/app.mjs~": "old\n",
    });
    chmodSync(join(workspace, "src/measure.sh"), 0o644);
    expect(await attempt(workspace, "limit 30")).toMatchObject({ outcome: { decision: "keep", value: 30 } });
    // What git ignores stays: an agent's build need not begin anew.
    expect(readFileSync(join(workspace, "dist/app.js"), "utf8")).toBe("built\n");
    write(workspace, { "src/fast": "#!/bin/sh\necho 'total: 1'\n" });
    chmodSync(join(workspace, "src/fast"), 0o755);
    expect(await attempt(workspace, "a faster one")).toMatchObject({
      outcome: { decision: "keep", value: 1 },
    });
    const tree = git(folder, "ls-tree", "-r", `whetstone/${session}`, "src");
    expect(tree).toMatch(/^100755 .*src\/fast$/m);
    expect(tree).toMatch(/^100755 .*src\/measure.sh$/m);
    write(workspace, { "src/logo.png": "text\n" });
    expect(await attempt(workspace, "another image")).toMatchObject({ outcome: { decision: "invalid" } });
  });
});
