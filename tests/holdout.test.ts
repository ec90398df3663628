import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, knobs, log, status } from "./support/knobs.ts";
import { git, repository, whet, write } from "./support/lab.ts";

describe("the holdout", () => {
  /** Every gain is fitted to the tuning data: on the holdout nothing changes at all. */
  const fitted = (more: string) =>
    knobs(`holdout: node holdout.mjs\n${more}`, {
      "holdout.mjs": "console.log(JSON.stringify({ metrics: { loss: 5 } }));\n",
    });

  it("raises an alarm when the kept gains do not show on it", async () => {
    const lab = repository(fitted(""));
    const ran = await whet(lab, "run", "--experiments", "40", "--seed", "1");
    expect(ran.stdout).toMatch(/! the 3 keeps should have gained .*, the holdout shows 0/);
    const now = await status(lab);
    expect(now.alarm).toMatch(/fitted to the data/);
    expect(now.tally.all).toBe(40);
  });

  it("stops the session then where the contract says so", async () => {
    const lab = repository(fitted("onDivergence: stop"));
    const ran = await whet(lab, "run", "--experiments", "40", "--seed", "1");
    expect(ran.stdout).toMatch(/stopped: the 3 keeps should have gained/);
    expect((await status(lab)).tally.keeps).toBe(3);
  });

  it("that works no more ends the session at once, and no look is spent on it", async () => {
    const lab = repository(
      knobs("inputs: [hidden.json]\nholdout: { score: node holdout.mjs, private: [hidden.json], looks: 1 }", {
        ".gitignore": "hidden.json\n",
      }),
    );
    const broken = join(lab, ".whetstone", "broken");
    write(lab, {
      "hidden.json": "1",
      "holdout.mjs": `import { existsSync } from "node:fs";\nif (existsSync(${JSON.stringify(broken)})) throw new Error("no model");\nconsole.log("loss: 5");\n`,
    });
    git(lab, "add", "-A");
    git(lab, "commit", "-qm", "a holdout");
    // Without isolation the scorer sees what is not pinned.
    const run = (...limit: string[]) =>
      whet(lab, "run", ...limit, "--seed", "1", "--no-probe", "--audit", "0", "--isolation", "L0");
    // Only the baseline.
    expect((await run("--for", "10ms")).code).toBe(0);
    write(lab, { ".whetstone/broken": "" });
    for (let attempt = 1; attempt <= 2; attempt++) {
      const ran = await run("--experiments", "12");
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/fails on the holdout/);
    }
    expect((await log(lab)).filter((row) => /nothing was decided/.test(row.reason))).toHaveLength(2);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });
});

describe("the holdout on the untouched code", () => {
  it("is measured before anything else, and its error ends the check and the run", async () => {
    const lab = repository(knobs("holdout: node nope.mjs"));
    const checked = await whet(lab, "check");
    expect(checked.code).toBe(1);
    expect(checked.stderr).toMatch(/the holdout could not be measured on the untouched code: .*nope\.mjs/s);
    const ran = await whet(lab, "run", "--experiments", "3");
    expect(ran.code).toBe(1);
    expect((await status(lab)).tally.all).toBe(0);
    write(lab, { "nope.mjs": 'console.error("seen 4711");\nconsole.log("loss: 5");\n' });
    git(lab, "add", "-A");
    git(lab, "commit", "-qm", "a holdout that works");
    const mended = await whet(lab, "check");
    expect(mended.stdout).toMatch(/holdout +measured/);
    expect(mended.stdout + mended.stderr).not.toMatch(/4711|repeats/);
  });

  it("is one run for each session, no look, and seen by `whet doctor` as nothing odd", async () => {
    const lab = repository(
      knobs("holdout: { score: perl score.pl, private: [data.json], looks: 1 }", { "data.json": "1\n" }),
    );
    await whet(lab, "check");
    const { evaluations } = await status(lab);
    expect(evaluations).toBe(6);
    await whet(lab, "check");
    expect((await status(lab)).evaluations).toBe(evaluations);
    await whet(lab, "run", "--experiments", "20", "--seed", "1", "--no-probe", "--audit", "0");
    expect((await status(lab)).tally.keeps).toBe(1);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
    expect((await whet(lab, "doctor")).code).toBe(0);
  });

  it("gives no credit where it repeats the data that decides", async () => {
    const lab = repository(knobs("holdout: perl score.pl --holdout"));
    const checked = await whet(lab, "check");
    expect(checked.stdout).toMatch(/! the holdout gives the same value as the score/);
    expect(checked.stdout).toMatch(/B at best: the holdout repeats the data that decides/);
    const ran = await whet(lab, "run", "--experiments", "1", "--no-probe");
    expect(ran.stdout).toMatch(/the holdout gives the same value as the score/);
    expect((await status(lab)).grade.reasons.join()).toMatch(/holdout repeats/);
  });
});

describe("a guard on the untouched code", () => {
  it("is refused where its bound is broken already, and shown with its value otherwise", async () => {
    const guarded = (max: number) =>
      knobs(`guards: [{ name: loss2, max: ${max} }]`, {
        "score.mjs": "console.log(JSON.stringify({ metrics: { loss: 5, loss2: 0.12 } }));\n",
      });
    const refused = await whet(repository(guarded(0.01)), "check");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /the untouched code breaks a guard.* loss2: 0\.12 is above the bound 0\.01/,
    );
    const met = await whet(repository(guarded(0.2)), "check");
    expect(met.stdout).toMatch(/guard +loss2 0\.12 \(at most 0\.2\)/);
  });
});

describe("the sealed split", () => {
  it("is opened once for all sessions, by finalize; fresh data can be opened again", async () => {
    const lab = repository(
      knobs(
        "holdout: { score: perl score.pl, sealed: { score: node sealed.mjs, private: [sealed.json] } }",
        {
          "sealed.json": "4\n",
          "sealed.mjs": [
            'import { readFileSync } from "node:fs";',
            'import { join } from "node:path";',
            'const { b } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
            'const best = Number(readFileSync("sealed.json", "utf8"));',
            "console.log(JSON.stringify({ metrics: { loss: Math.abs(Math.log2(best / b)) } }));",
            "",
          ].join("\n"),
        },
        { b: 4 },
      ),
    );
    const run = (...more: string[]) =>
      whet(lab, "run", "--experiments", "3", "--seed", "1", "--no-probe", "--audit", "0", ...more);
    expect((await run("--tag", "one")).code).toBe(0);
    interface Opened {
      sealed: { openedBy: string; result: { effect: number } | null };
    }
    const finalize = () => json<Opened>(lab, "finalize", "--pairs", "2", "--no-branches");
    const first = await finalize();
    expect(first.sealed.openedBy).toBe("one");
    expect(first.sealed.result?.effect).toBeGreaterThan(0);
    const runs = (await status(lab)).evaluations;
    expect((await finalize()).sealed).toEqual(first.sealed);
    expect((await status(lab)).evaluations).toBe(runs);

    // Another command that reads the same data does not make it fresh.
    const file = join(lab, "program.md");
    writeFileSync(file, readFileSync(file, "utf8").replace("node sealed.mjs", "node sealed.mjs --again"));
    git(lab, "commit", "-qam", "the same data");
    expect((await run("--tag", "two", "--seed", "5")).code).toBe(0);
    expect((await finalize()).sealed).toMatchObject({ openedBy: "one", result: null });
    expect((await whet(lab, "finalize", "--pairs", "2", "--no-branches")).stdout).toMatch(
      /sealed split was opened by session one .*not opened again/,
    );

    writeFileSync(join(lab, "sealed.json"), "3\n");
    git(lab, "commit", "-qam", "fresh data");
    expect((await run("--tag", "three")).code).toBe(0);
    expect((await finalize()).sealed).toMatchObject({
      openedBy: "three",
      result: { effect: expect.any(Number) },
    });
  });
});
