import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, knobs, status } from "./support/knobs.ts";
import { noisyLab, repository, whet } from "./support/lab.ts";

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
    const lab = repository(knobs("holdout: node score.mjs"));
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
