import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository, whet } from "./support/lab.ts";

function lab(lines: string[], files: Record<string, string>): string {
  return repository({
    "src/a.txt": "N = 5\n",
    ...files,
    "program.md": ["---", "direction: minimize", "change: [src/a.txt]", "budget: 30s", ...lines, "---"].join(
      "\n",
    ),
  });
}

const levels = [
  ["L2", []],
  ["L0", ["--isolation", "L0"]],
] as const;

describe.each(levels)("a folder that the run may write, at %s", (_level, flags) => {
  it("may be removed and made again, and its content is weighed and checked", async () => {
    const folder = lab(
      [
        "metric: {name: bundle, clock: size dist/bundle.js}",
        "run: rm -rf dist && mkdir -p dist && cat src/a.txt src/a.txt > dist/bundle.js",
        "write: [dist]",
        'checks: ["test -s dist/bundle.js && ! touch dist/x 2>/dev/null || test $(id -u) = 0"]',
      ],
      {},
    );
    const { code, stdout, stderr } = await whet(folder, "check", "--json", ...flags);
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as { baseline: { mean: number } }).baseline.mean).toBe(12);
    expect(existsSync(join(folder, "dist"))).toBe(false);
  });

  it("that the run replaces by a link gives it nothing to be weighed", async () => {
    const folder = lab(
      ["metric: {name: bundle, clock: size dist}", "run: rm -rf dist && ln -s /etc dist", "write: [dist]"],
      {},
    );
    const { code, stderr } = await whet(folder, "check", ...flags);
    expect(code).toBe(1);
    expect(stderr).toMatch(/left a link in the place of the writable folder dist/);
  });
});

it("a file of the tree is weighed also where the run has a folder to write", async () => {
  const folder = lab(
    ["metric: {name: bytes, clock: size src/a.txt}", "run: echo x > tmp/x", "write: [tmp]"],
    {},
  );
  const { code, stdout, stderr } = await whet(folder, "check", "--json");
  expect(code, stderr).toBe(0);
  expect((JSON.parse(stdout) as { baseline: { mean: number } }).baseline.mean).toBe(6);
});

describe("a tree with an overlay", () => {
  const files = {
    "build.sh": [
      "set -e",
      "test ! -e .coverage && test ! -e target && grep -q 'N = 5' src/a.txt",
      "mkdir target && echo made > target/x && echo 1 > .coverage",
      "echo spoilt > src/a.txt && rm build.sh",
      "echo v: 4",
    ].join("\n"),
    "check.sh": "test ! -e target && grep -q 'N = 5' src/a.txt && echo 1 > .coverage",
  };
  const lines = ["metric: v", "run: sh build.sh", "checks: [sh check.sh]"];

  it.each(levels)(
    "takes what a run writes beside its sources, and the next one finds a clean tree, at %s",
    async (_level, flags) => {
      const folder = lab([...lines, "tree: overlay"], files);
      const { code, stderr, stdout } = await whet(folder, "check", ...flags);
      expect(code, stderr + stdout).toBe(0);
      expect(stdout).toMatch(/tree: overlay/);
    },
  );

  it("is not given without the contract's word", async () => {
    const { code, stderr } = await whet(lab(lines, files), "check");
    expect(code).toBe(1);
    expect(stderr).toMatch(/Read-only file system/);
  });
});

describe("a granted cache", () => {
  it("outlives a run, and lowers the grade", async () => {
    const folder = lab(
      [
        "metric: v",
        `run: ${JSON.stringify("n=$(cat $MY_CACHE/n 2>/dev/null || echo 0); echo $((n + 1)) > $MY_CACHE/n; echo v: $n")}`,
        "cache: {env: MY_CACHE}",
      ],
      {},
    );
    const { code, stdout, stderr } = await whet(folder, "check", "--json");
    expect(code, stderr).toBe(0);
    const check = JSON.parse(stdout) as {
      baseline: { values: number[] };
      grade: { letter: string; reasons: string[] };
    };
    expect(check.baseline.values).toEqual([0, 1, 2, 3, 4]);
    expect(check.grade.reasons.join()).toMatch(/a cache outlives the run/);
  });
});
