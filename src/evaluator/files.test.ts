import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { firstOddity, removeTree } from "./files.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "whet-place-"));
  onTestFinished(() => removeTree(path));
  return path;
}

/** Folders nested beyond the longest path that can be opened, with a file in the last. */
function nest(path: string): void {
  const script =
    'const fs = require("node:fs"); process.chdir(process.argv[1]);' +
    'for (let i = 0; i < 25; i++) { fs.mkdirSync("d".repeat(250)); process.chdir("d".repeat(250)); }' +
    'fs.writeFileSync("last", "");';
  execFileSync(process.execPath, ["-e", script, path]);
}

describe("what a run left", () => {
  it("is removed: paths too long to be opened, names that are no text, locked folders", async () => {
    const path = folder();
    nest(path);
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]), "");
    mkdirSync(join(path, "locked", "inner"), { recursive: true });
    writeFileSync(join(path, "locked", "inner", "file"), "");
    chmodSync(join(path, "locked", "inner"), 0);
    chmodSync(join(path, "locked"), 0);
    await removeTree(path);
    expect(existsSync(path)).toBe(false);
  });

  it("is odd where it is no plain file of one name, or cannot be looked at", async () => {
    const path = folder();
    const file = join(path, "dir", "file");
    mkdirSync(join(path, "dir"));
    writeFileSync(file, "");
    expect(await firstOddity(path)).toBe(null);
    linkSync(file, join(path, "name"));
    expect(await firstOddity(path)).toBe("dir/file");
    rmSync(join(path, "name"));
    chmodSync(file, 0o4755);
    expect(await firstOddity(path)).toBe("dir/file");
    rmSync(file);
    nest(path);
    expect(await firstOddity(path)).toMatch(/^d{250}/);
    await removeTree(join(path, "d".repeat(250)));
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff])]), "");
    expect(await firstOddity(path)).not.toBe(null);
  });
});
