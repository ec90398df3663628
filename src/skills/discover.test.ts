import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { carriedSkills } from "./discover.ts";

it("whatever a working copy offers agents as skills is found, wherever agents look, links included, and nothing else", async () => {
  const copy = mkdtempSync(join(tmpdir(), "carried-"));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  const skills = [
    ...[".agents/skills/a/SKILL.md", ".claude/skills/a/SKILL.md", ".codex/skills/group/b/SKILL.md"],
    ...[
      "web/app/.opencode/skill/c/SKILL.md",
      ".gemini/extensions/x/skills/d/SKILL.md",
      ".pi/skills/loose.md",
    ],
  ];
  const others = [
    "skills/mine/SKILL.md",
    ".claude/settings.json",
    ".git/skills/e/SKILL.md",
    "docs/skills.md",
  ];
  for (const path of [...skills, ...others]) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), "");
  }
  symlinkSync("../../skills/mine", join(copy, ".agents/skills/linked"));
  mkdirSync(join(copy, ".cursor"));
  symlinkSync("../skills", join(copy, ".cursor/skills"));
  const found = await carriedSkills(copy);
  const outermost = found.filter((path) => !found.some((other) => path.startsWith(`${other}/`)));
  expect(outermost.sort()).toEqual([
    ...[".agents/skills/a", ".agents/skills/linked", ".claude/skills/a", ".codex/skills/group"],
    ...[
      ".cursor/skills",
      ".gemini/extensions/x/skills/d",
      ".pi/skills/loose.md",
      "web/app/.opencode/skill/c",
    ],
  ]);
});
