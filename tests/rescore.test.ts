import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, knobs, log, type Status, status } from "./support/knobs.ts";
import { git, noisyLab, repository, whet } from "./support/lab.ts";

describe("a changed yardstick", () => {
  it("opens a new epoch in which every keep has to win again; the old numbers stay", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "40", "--seed", "1", "--tag", "one")).code).toBe(0);
    const before = await status(lab);
    expect(before.tally.keeps).toBeGreaterThan(2);
    expect((await whet(lab, "rescore")).stderr).toMatch(/the yardstick is the same/);

    // Now the best of `a` is where it was: its keeps no longer help.
    writeFileSync(
      join(lab, "score.pl"),
      readFileSync(join(lab, "score.pl"), "utf8").replace('"a" => 8', '"a" => 1'),
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

  it("gives every keep its turn: no target, no control arm, and what fits nowhere is named", async () => {
    const lab = repository(knobs("control: 50%"));
    expect((await whet(lab, "run", "--experiments", "14", "--seed", "1", "--tag", "one")).code).toBe(0);
    const keeps = (await log(lab)).filter((row) => row.status === "keep");
    const changed = (name: string, file: string, from: string, to: string) =>
      writeFileSync(join(lab, name), file.replace(from, to));
    changed("score.pl", readFileSync(join(lab, "score.pl"), "utf8"), '"a" => 8', '"a" => 1');
    changed(
      "program.md",
      readFileSync(join(lab, "program.md"), "utf8"),
      "metric: loss",
      "metric: { name: loss, target: 3 }",
    );
    git(lab, "commit", "-qam", "another yardstick, whose target the start has reached already");
    const ran = await whet(lab, "rescore", "--audit", "0", "--no-probe");
    expect(ran.code).toBe(0);
    const again = await log(lab);
    expect(new Set(again.map((row) => row.researcher))).toEqual(new Set(["rescore"]));
    const lost = keeps.filter((keep) => !again.some((row) => row.what.startsWith(`#${keep.id} again`)));
    expect(again.length + lost.length).toBe(keeps.length);
    // The second step of `a` rests on the first, which is none any more.
    expect(lost.map((keep) => keep.what)).toEqual(["a 2 -> 8"]);
    expect(ran.stdout).toContain(`not measured again: #${lost[0]?.id}, since`);
  });

  it("gives each keep its pairs: one unlucky run drops nothing that was kept", async () => {
    const lab = repository(noisyLab());
    const run = (...args: string[]) => whet(lab, ...args, "--audit", "0", "--no-probe");
    expect((await run("run", "--experiments", "12", "--seed", "1", "--tag", "one")).code).toBe(0);
    // Now the rate is best where it was.
    writeFileSync(
      join(lab, "program.md"),
      readFileSync(join(lab, "program.md"), "utf8").replace("measure.pl", "other.pl"),
    );
    const measure = readFileSync(join(lab, "measure.pl"), "utf8");
    writeFileSync(join(lab, "other.pl"), measure.replace("$rate / 8", "$rate"));
    git(lab, "add", "-A");
    git(lab, "commit", "-qm", "another yardstick");
    const ran = await run("rescore");
    expect(ran.stderr).toBe("");
    const rows = await log(lab);
    expect(rows.length).toBeGreaterThan(0);
    for (const { status: kind, reason } of rows) {
      expect(kind).toBe("discard");
      expect(reason).toMatch(/^not proven after 8 pairs/);
    }
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });
});
