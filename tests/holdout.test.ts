import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, knobs, log, status } from "./support/knobs.ts";
import { git, repository, whet } from "./support/lab.ts";

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

  it("that does not work ends the session at once, and no look is spent on it", async () => {
    const lab = repository(
      knobs("inputs: [hidden.json]\nholdout: { score: node holdout.mjs, private: [hidden.json], looks: 1 }", {
        ".gitignore": "hidden.json\n",
        "holdout.mjs": 'throw new Error("no model");\n',
      }),
    );
    writeFileSync(join(lab, "hidden.json"), "1");
    const run = () => whet(lab, "run", "--experiments", "12", "--seed", "1", "--no-probe", "--audit", "0");
    for (let attempt = 1; attempt <= 2; attempt++) {
      const ran = await run();
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/fails on the holdout/);
    }
    expect((await log(lab)).filter((row) => /nothing was decided/.test(row.reason))).toHaveLength(2);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });
});

describe("the sealed split", () => {
  it("is opened once for all sessions, by finalize; fresh data can be opened again", async () => {
    const lab = repository(
      knobs(
        "holdout: { score: node score.mjs, sealed: { score: node sealed.mjs, private: [sealed.json] } }",
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
      ),
    );
    const run = (...more: string[]) =>
      whet(lab, "run", "--experiments", "14", "--seed", "1", "--no-probe", "--audit", "2", ...more);
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
