import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { removeTree, sizeOf } from "./files.ts";
import { makePlain } from "./plain.ts";

function folder(): string {
  const path = join(mkdtempSync(join(tmpdir(), "whet-plain-")), "out");
  mkdirSync(path);
  onTestFinished(() => removeTree(join(path, "..")));
  return path;
}

describe("a folder that is made plain", () => {
  it("keeps names, bytes and executable bits, whatever they are", async () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9 .äß-]{1,12}$/).filter((text) => !/^\.\.?$/.test(text));
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, fc.tuple(fc.uint8Array({ maxLength: 3000 }), fc.boolean())),
        async (files) => {
          const path = folder();
          for (const [file, [bytes, runs]] of Object.entries(files))
            writeFileSync(join(path, file), bytes, { mode: runs ? 0o755 : 0o600 });
          const before = await sizeOf(path);
          expect(await makePlain([path], 2 ** 20)).toBeNull();
          expect(await sizeOf(path)).toBe(before);
          expect(readdirSync(path).toSorted()).toEqual(Object.keys(files).toSorted());
          for (const [file, [bytes, runs]] of Object.entries(files)) {
            expect(new Uint8Array(readFileSync(join(path, file)))).toEqual(bytes);
            expect(statSync(join(path, file)).mode & 0o777).toBe(runs ? 0o755 : 0o644);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it("loses times, rights, attributes and holes, its own and those of all below it", async (context) => {
    const path = folder();
    mkdirSync(join(path, "inner"));
    for (const at of ["a", "inner/b"]) writeFileSync(join(path, at), "x");
    truncateSync(join(path, "a"), 2 ** 20);
    chmodSync(join(path, "inner/b"), 0o642);
    let attributes = true;
    try {
      execFileSync("python3", [
        ...["-c", "import os,sys\nfor p in sys.argv[1:]: os.setxattr(p, 'user.x', b'hidden')"],
        ...[path, join(path, "a"), join(path, "inner")],
      ]);
    } catch {
      attributes = false;
    }
    for (const at of ["", "a", "inner", "inner/b"]) utimesSync(join(path, at), 123_456, 7_890_123.456);
    expect(await makePlain([path], 2 ** 21)).toBeNull();
    for (const at of ["", "a", "inner", "inner/b"]) {
      const { mtimeMs, atimeMs } = statSync(join(path, at));
      expect([mtimeMs, atimeMs < Date.now()]).toEqual([0, true]);
    }
    expect(statSync(join(path, "inner/b")).mode & 0o777).toBe(0o644);
    expect(statSync(join(path, "a")).blocks * 512).toBeGreaterThanOrEqual(2 ** 20);
    if (!attributes) return context.skip("files carry no attributes here");
    const listed = execFileSync("python3", [
      ...["-c", "import os,sys\nprint([os.listxattr(p) for p in sys.argv[1:]])"],
      ...[path, join(path, "a"), join(path, "inner")],
    ]);
    expect(listed.toString().trim()).toBe("[[], [], []]");
  });

  it("is refused where it is longer than the disk that is granted, and leaves links unfollowed", async () => {
    const path = folder();
    writeFileSync(join(path, "hole"), "");
    truncateSync(join(path, "hole"), 2 ** 40);
    expect(await makePlain([path], 2 ** 20)).toMatchObject({ kind: "disk" });
    truncateSync(join(path, "hole"), 1);
    symlinkSync("/etc/passwd", join(path, "link"));
    expect(await makePlain([path], 2 ** 20)).toBeNull();
    expect(await sizeOf(path)).toBeNull();
  });
});
