import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { declaredInputs } from "./declared.ts";

/** Files below a new folder, gone after the test. Its path has characters that mean something in patterns. */
function laid(...paths: string[]): string {
  const root = mkdtempSync(join(tmpdir(), "whet-[in]-(put)-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
  return root;
}

/** A repository with its lab, and a home folder beside it. */
function world(...paths: string[]) {
  const folder = laid("repo/lab/program.md", "home/.keep", ...paths);
  return { folder, whose: { root: join(folder, "repo"), lab: "lab", home: join(folder, "home") } };
}

const places = (all: Awaited<ReturnType<typeof declaredInputs>>) => all.map(({ at }) => at);

describe("what `inputs` names", () => {
  it("is a path of the tree, an absolute one, or one below the home folder", async () => {
    const { folder, whose } = world("repo/lab/data/a", "repo/shared", "far/b", "home/.cache/x/c");
    const found = await declaredInputs(["data/", "../shared", join(folder, "far"), "~/.cache/x"], whose);
    expect(places(found)).toEqual([
      "lab/data",
      "shared",
      { path: join(folder, "far") },
      { path: join(folder, "home/.cache/x") },
    ]);
    expect(found.map(({ home }) => home)).toEqual([null, null, null, ".cache/x"]);
  });

  it("is what a pattern matches, outermost paths in order of their names, without exclusions", async () => {
    const { whose } = world("repo/lab/d/b.bin", "repo/lab/d/a.bin", "repo/lab/d/c.txt", "repo/lab/d/z.bin/x");
    const found = await declaredInputs(["d/*.bin", "!d/b.*"], whose);
    expect(places(found)).toEqual(["lab/d/a.bin", "lab/d/z.bin"]);
    expect(found.map(({ written }) => written)).toEqual(["d/a.bin", "d/z.bin"]);
  });

  it("is looked at without what is excluded, below `~` as well", async () => {
    const { whose } = world("home/.cache/x/raw/a", "home/.cache/x/ready/b");
    const [found] = await declaredInputs(["~/.cache/x", "!~/.cache/x/raw", "!~/.cache/**/*.tmp"], whose);
    expect(["raw", "raw2", "ready/b", "ready/b.tmp"].filter((path) => found?.isExcluded(path))).toEqual([
      "raw",
      "ready/b.tmp",
    ]);
  });

  it("shows the target of a link that leads out of an outer input", async () => {
    const { folder, whose } = world("far/hub/blobs/1", "far/hub/a", "other/b");
    symlinkSync(join(folder, "other"), join(folder, "far/hub/link"));
    const named = ["far/hub", "far/hub/a", "far/hub/link"].map((path) => join(folder, path));
    expect(places(await declaredInputs(named, whose))).toEqual([
      { path: join(folder, "far/hub") },
      { path: join(folder, "other") },
    ]);
  });

  it.each([
    ["gone", "the input gone does not exist"],
    ["none/*.bin", "matches nothing"],
    ["~", "holds your whole home folder"],
    ["/", "holds your whole home folder"],
    ["REPO", "lies in the repository"],
    ["ABOVE", "holds"],
    ["/proc/self", "each run has for itself"],
    ["/tmp", "holds"],
  ])("is refused: %s", async (input, message) => {
    const { folder, whose } = world();
    const meant = { REPO: join(folder, "repo/lab"), ABOVE: folder }[input] ?? input;
    await expect(declaredInputs([meant], whose)).rejects.toMatchObject({
      message: expect.stringContaining(message),
      at: ["inputs", meant],
    });
  });

  it("is refused where a pattern matches more than can be shown one by one", async () => {
    const { whose } = world(...Array.from({ length: 201 }, (_, index) => `repo/lab/many/${index}`));
    await expect(declaredInputs(["many/*"], whose)).rejects.toThrow("matches more than 200 paths");
  });
});
