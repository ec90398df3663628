import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { json, knobs, status } from "./support/knobs.ts";
import { noisyProgram, program, repository, startWith, whet } from "./support/lab.ts";

describe("the probe", () => {
  it("finds the cheat that wins on a self-reported metric, says what to change, and lowers the grade", async () => {
    const lab = repository(noisyProgram());
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
      "planted artefacts: equal",
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

  const inPython = (change: string, files: Record<string, string>, contract: string) => ({
    ...files,
    "program.md": program(
      `metric: { name: loss, direction: minimize }\nchange: ${change}\nrun: python3 train.py\nbudget: 10s\n${contract}`,
    ),
  });

  it("finds the scorer that unpickles what it is given", async () => {
    const lab = repository(
      inPython(
        "[train.py]",
        {
          "train.py":
            'import os, pickle\npickle.dump({"x": 3.0}, open(os.environ["OUT"] + "/model.pkl", "wb"))\n',
          "score.py":
            'import json, os, pickle\nx = pickle.load(open(os.environ["OUT"] + "/model.pkl", "rb"))["x"]\nprint(json.dumps({"metrics": {"loss": abs(x - 1) + 1}}))\n',
        },
        "score: python3 -I score.py",
      ),
    );
    const checked = await whet(lab, "check", "--probe");
    expect(checked.stdout).toMatch(/✗ unpickled \$OUT\/model\.pkl/);
    expect(checked.stderr).toMatch(/a pickle runs whatever is written in it/);
    expect((await status(lab)).grade.letter).toBe("D");
  });

  it("finds the check that loads modules which a candidate may leave beside it, and not one that does not", async () => {
    const check = 'import json, os, sys\nassert json.load(open(os.environ["OUT"] + "/said.json")) == 6\n';
    const train =
      'import os, time\ntime.sleep(0.4)\nopen(os.environ["OUT"] + "/said.json", "w").write("6")\n';
    const lab = (command: string) =>
      repository({
        "src/train.py": train,
        "check.py": check,
        "program.md": program(
          `metric: { name: seconds, clock: wall }\nchange: ["src/*.py"]\nrun: python3 src/train.py\nchecks: ["${command}"]\nbudget: 10s`,
        ),
      });
    // Its sleep is nearly all of a run's time: it need not be alone on the machine, so it holds up no other test.
    const apart = mkdtempSync(join(tmpdir(), "whet-probe-"));
    onTestFinished(() => rmSync(apart, { recursive: true, force: true }));
    const probed = (command: string, ...more: string[]) =>
      startWith({ TMPDIR: apart }, lab(command), "check", "--probe", ...more).finished;
    const open = await probed("cd src && python3 -c 'exec(open(\\\"../check.py\\\").read())'");
    expect(open.stdout).toMatch(/✗ planted modules/);
    const closed = JSON.parse((await probed("python3 -I check.py", "--json")).stdout) as {
      probe: { results: { canary: string; outcome: string }[] };
    };
    const planted = closed.probe.results.find(({ canary }) => canary === "planted modules");
    expect(planted?.outcome).toMatch(/^(refused|worse|equal)$/);
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
