import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, knobs, status } from "./support/knobs.ts";
import { noisyLab, program, repository, whet } from "./support/lab.ts";

describe("the probe", () => {
  it("finds the cheat that wins on a self-reported metric, says what to change, and lowers the grade", async () => {
    const lab = repository(noisyLab());
    const checked = await whet(lab, "check", "--probe");
    expect(checked.code).toBe(0);
    expect(checked.stdout).toMatch(/✗ forged output \(prints [^()]*\):\s+[\d.]+ against [\d.]+\s/);
    expect(checked.stdout.match(/write `score:\s+COMMAND`/g)).toHaveLength(1);
    expect(checked.stderr.match(/write `score: COMMAND`/g)).toHaveLength(1);
    expect(checked.stderr).toMatch(/huge value \(prints the lowest number there is/);
    expect(checked.stdout).not.toMatch(/Next: `whet run`/);
    const canary = readFileSync(join(lab, ".whetstone", "canaries", "forged-output", "train.mjs"), "utf8");
    expect(canary).toContain("METRIC loss=");
    expect(existsSync(join(lab, ".whetstone", "canaries", "empty"))).toBe(false);
    expect(checked.stdout).toMatch(/trust grade\s+D/);
    expect((await status(lab)).grade.letter).toBe("D");
  });

  it("passes a scored lab, once for all sessions under the same pins", async () => {
    const lab = repository(
      knobs("holdout: node holdout.mjs", {
        "holdout.mjs": "console.log(JSON.stringify({ metrics: { loss: 5 } }));\n",
      }),
    );
    const first = await json<{ probe: { results: { canary: string; outcome: string }[] }; grade: object }>(
      lab,
      "check",
      "--probe",
    );
    expect(first.probe.results.map(({ canary, outcome }) => `${canary}: ${outcome}`)).toEqual([
      "unchanged: equal",
      "unchanged again: equal",
      "null: equal",
      "empty: refused",
      "constant numbers: worse",
      "huge numbers: refused",
    ]);
    expect(first.grade).toEqual({ letter: "A", reasons: [] });
    const ran = await whet(lab, "run", "--fresh", "--experiments", "1");
    expect(ran.stdout).not.toMatch(/trying cheats/);
    expect((await status(lab)).grade.letter).toBe("A");
  });

  /** A tour of six towns on a line; the scorer adds up its steps. */
  const tours = (check: string) => ({
    "solve.mjs": [
      'import { writeFileSync } from "node:fs";',
      "const WIDE = 1;",
      "writeFileSync(`${process.env.OUT}/tour.json`, JSON.stringify([0, 3, 1, 4, 2, 5].map((town) => town * WIDE)));",
      "",
    ].join("\n"),
    "score.mjs": [
      'import { readFileSync } from "node:fs";',
      'const tour = [...JSON.parse(readFileSync(`${process.env.OUT}/tour.json`, "utf8"))];',
      check,
      "const length = tour.slice(1).reduce((sum, town, index) => sum + Math.abs(town - tour[index]), 0);",
      "console.log(JSON.stringify({ metrics: { length } }));",
      "",
    ].join("\n"),
    "program.md": program(
      "metric: length\ndirection: minimize\nchange: [solve.mjs]\nrun: node solve.mjs\nscore: node score.mjs\nbudget: 10s",
    ),
  });

  it("finds the artefact that a scorer takes for a result although nothing is in it", async () => {
    const lab = repository(tours(""));
    const checked = await whet(lab, "check", "--probe");
    expect(checked.stdout).toMatch(/1 canary scores better/);
    expect(checked.stdout).toMatch(
      /✗ \[\] \$OUT\/tour\.json .*:\s+0\s+against\s+13\s.*everything\s+it\s+asked/s,
    );
    expect(readFileSync(join(lab, ".whetstone", "canaries", "[]-$OUT-tour.json", "tour.json"), "utf8")).toBe(
      "[]\n",
    );
    expect(checked.stdout).toMatch(/trust grade\s+D/);
    expect((await status(lab)).grade.letter).toBe("D");
  });

  it("tries each artefact once with every cheat, and passes a scorer that looks whether all is there", async () => {
    const lab = repository(
      tours('if (String([...tour].sort()) !== "0,1,2,3,4,5") throw new Error("no tour of all towns");'),
    );
    const { probe, grade } = await json<{
      probe: { results: { canary: string; outcome: string }[] };
      grade: { letter: string };
    }>(lab, "check", "--probe");
    const artefacts = probe.results.filter(({ canary }) => canary.includes("$OUT"));
    expect(artefacts.map(({ canary, outcome }) => `${canary}: ${outcome}`)).toEqual([
      "empty $OUT/tour.json: refused",
      "[] $OUT/tour.json: refused",
      "{} $OUT/tour.json: refused",
      "half $OUT/tour.json: refused",
      "stale $OUT/tour.json: equal",
    ]);
    expect(grade.letter).toBe("B");
    const again = await whet(lab, "check", "--fresh", "--probe");
    expect(again.stderr).not.toMatch(/trying cheats/);
    expect(again.stdout).toMatch(/none of \d+ canaries/);
  });

  it("is done before a first session unless refused, and says so in the grade when it was", async () => {
    const lab = repository(knobs(""));
    const refused = await whet(lab, "run", "--no-probe", "--experiments", "1");
    expect(refused.stdout).not.toMatch(/trying cheats/);
    expect((await status(lab)).grade.reasons.join()).toMatch(/has not been probed/);
    const asked = await whet(lab, "run", "--fresh", "--experiments", "1");
    expect(asked.stdout).toMatch(/trying cheats on the evaluator/);
    expect((await status(lab)).grade.reasons.join()).not.toMatch(/has not been probed/);
  });
});
