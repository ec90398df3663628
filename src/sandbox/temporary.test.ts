import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { orphanedFolders, temporaryFolder } from "./temporary.ts";

it("a folder of a process that is gone is told from one whose process is at work", () => {
  const lab = mkdtempSync(join(tmpdir(), "whet-test-"));
  const tree = join(lab, "workspace");
  const module = JSON.stringify(new URL("./temporary.ts", import.meta.url).href);
  const script = `import { temporaryFolder } from ${module}; console.log(temporaryFolder(${JSON.stringify(tree)}));`;
  const left = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  const own = temporaryFolder(tree);
  expect(orphanedFolders(lab)).toEqual([left.trim()]);
  for (const folder of [left.trim(), own, lab]) rmSync(folder, { recursive: true });
});
