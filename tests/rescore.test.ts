import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, knobs, type Status, status } from "./support/knobs.ts";
import { git, repository, whet } from "./support/lab.ts";

describe("a changed yardstick", () => {
  it("opens a new epoch in which every keep has to win again; the old numbers stay", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "40", "--seed", "1", "--tag", "one")).code).toBe(0);
    const before = await status(lab);
    expect(before.tally.keeps).toBeGreaterThan(2);
    expect((await whet(lab, "rescore")).stderr).toMatch(/the yardstick is the same/);

    // Now the best of `a` is where it was: its keeps no longer help.
    writeFileSync(
      join(lab, "score.mjs"),
      readFileSync(join(lab, "score.mjs"), "utf8").replace('"a":8', '"a":1'),
    );
    git(lab, "commit", "-qam", "another yardstick");
    const ran = await whet(lab, "rescore", "--audit", "2");
    expect(ran.stderr).toBe("");
    expect(ran.code).toBe(0);
    const after = await status(lab);
    expect(after.tag).toBe("one-e2");
    expect(after.tally.all).toBeGreaterThan(0);
    expect(after.tally.keeps).toBeLessThan(before.tally.keeps);
    const knobsNow = JSON.parse(git(lab, "show", `${after.branch}:knobs.json`)) as Record<string, number>;
    expect(knobsNow.a).toBe(1);
    expect(knobsNow.b).not.toBe(1);
    expect(after.epochs.map(({ epoch, tag }) => [epoch, tag])).toEqual([
      [2, "one-e2"],
      [1, "one"],
    ]);
    const old = await json<Status>(lab, "status", "--tag", "one");
    expect(old.best).toEqual(before.best);
    expect((await whet(lab, "status")).stdout).toMatch(/epoch 1, session one/);
    // The loop goes on in the new epoch.
    expect((await whet(lab, "run", "--experiments", String(after.tally.all + 2), "--audit", "0")).code).toBe(
      0,
    );
    expect((await status(lab)).tag).toBe("one-e2");
  });
});
