import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knobs, status } from "./support/knobs.ts";
import { git, noisyLab, repository, start, whet } from "./support/lab.ts";

describe("names and limits", () => {
  it.each(["a b", "x..y", "-x", "a.lock", "ä"])(
    "a session cannot be called %j, and nothing is stored",
    async (tag) => {
      const lab = repository(knobs(""));
      const named = await whet(lab, "run", `--tag=${tag}`, "--experiments", "1");
      expect(named.code).toBe(2);
      expect(named.stderr).toMatch(/cannot be the name of a session/);
      expect((await whet(lab, "status")).stderr).toMatch(/there is no session here yet/);
    },
  );

  it("an experiment is named by its number", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "1", "--no-probe")).code).toBe(0);
    for (const id of ["abc", "0", "1.5"]) {
      const shown = await whet(lab, "show", id);
      expect(shown.code).toBe(2);
      expect(shown.stderr).toMatch(/an experiment has a number from 1/);
    }
    expect((await whet(lab, "show", "#1")).stdout).toMatch(/Experiment 1/);
    // A look at the lab does not change why the session ended.
    expect((await whet(lab, "check")).code).toBe(0);
    expect((await status(lab)).stopReason).toBe(
      "the limit of 1 experiment is reached, which counts the whole session",
    );
  });

  it("the looks at a holdout are counted over sessions, and fresh data may be looked at again", async () => {
    const holdout = "holdout: { score: perl score.pl, private: [holdout.json], looks: 2 }";
    const lab = repository(knobs(holdout, { "holdout.json": "1\n" }));
    const first = await whet(lab, "run", "--experiments", "60", "--seed", "1", "--no-probe", "--audit", "0");
    expect(first.stdout).toMatch(/the holdout has been looked at 2 times, which is the limit/);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
    const again = await whet(lab, "run", "--fresh", "--experiments", "60", "--no-probe", "--audit", "0");
    expect(again.stdout).toMatch(/the holdout has been looked at 2 times/);
    expect((await status(lab)).tally.keeps).toBe(0);
    writeFileSync(join(lab, "holdout.json"), "2\n");
    git(lab, "commit", "-qam", "fresh data");
    expect(
      (await whet(lab, "run", "--experiments", "9", "--seed", "1", "--no-probe", "--audit", "0")).code,
    ).toBe(0);
    expect((await status(lab)).tally.keeps).toBeGreaterThan(0);
  });

  it("nobody is shown what the holdout said", async () => {
    const lab = repository(
      knobs("holdout: { score: node holdout.mjs }", {
        "holdout.mjs":
          'console.error("seen 4711");\nconsole.log(JSON.stringify({ metrics: { loss: 4711 } }));\n',
      }),
    );
    const ran = await whet(
      lab,
      "run",
      "--experiments",
      "6",
      "--seed",
      "1",
      "--no-probe",
      "--audit",
      "0",
      "--json",
    );
    expect(ran.stdout).toContain('"purpose":"holdout"');
    expect(ran.stdout).not.toContain("4711");
  });

  it("Ctrl-C ends with the run in flight, during the baseline too", async () => {
    const lab = repository(
      noisyLab({
        files: { "slow.mjs": "await new Promise((r) => setTimeout(r, 2000));\n" },
        program: "checks: [node slow.mjs]\n",
      }),
    );
    const running = start(lab, "run", "--experiments", "5", "--no-probe");
    while (!running.output().includes("baseline")) await new Promise((r) => setTimeout(r, 20));
    running.child.kill("SIGINT");
    const stopped = await running.finished;
    expect(stopped.code).toBe(0);
    expect(stopped.stdout).toMatch(/stopped by hand before the first experiment/);
    expect(stopped.stdout.match(/^ {2}baseline: /gm) ?? []).toHaveLength(1);
    const killed = start(lab, "run", "--experiments", "5", "--no-probe");
    while (!killed.output().includes("measuring")) await new Promise((r) => setTimeout(r, 20));
    killed.child.kill("SIGTERM");
    expect((await killed.finished).stderr).not.toMatch(/please report/);
  });

  it("Ctrl-C ends a check in good order, and nothing is left that would have to be mended", async () => {
    const lab = repository(
      noisyLab({
        files: { "slow.mjs": "await new Promise((r) => setTimeout(r, 500));\n" },
        program: "checks: [node slow.mjs]\n",
      }),
    );
    const running = start(lab, "check", "--probe");
    while (!/baseline/.test(running.errors())) await new Promise((r) => setTimeout(r, 20));
    running.child.kill("SIGINT");
    const stopped = await running.finished;
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/stopped by hand before the end/);
    expect((await whet(lab, "doctor")).stdout).toMatch(/all is well/);
    expect((await whet(lab, "check")).code).toBe(0);
    expect((await whet(lab, "doctor")).stdout).toMatch(/all is well/);
  });
});
