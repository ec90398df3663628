import { describe, expect, it } from "vitest";
import { knobs, status } from "./support/knobs.ts";
import { repository, start, whet } from "./support/lab.ts";

describe("following a session from another process", () => {
  it("shows what happens as it happens, by experiment and run, until nobody works on it", async () => {
    const lab = repository(knobs(""));
    const running = start(lab, "run", "--experiments", "8", "--seed", "1", "--no-probe", "--audit", "2");
    // Before the baseline there is nothing to follow.
    while (!running.output().includes("#1 ")) await new Promise((resolve) => setTimeout(resolve, 20));
    const [told, text] = await Promise.all([
      whet(lab, "status", "--follow", "--json"),
      whet(lab, "status", "--follow"),
    ]);
    await running.finished;
    expect([told.code, told.stderr, text.code]).toEqual([0, "", 0]);
    const events = told.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const ids = events.map(({ id }) => id as number);
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
    const last = events.findLast(({ type }) => type === "decision");
    expect(last?.number).toBe(8);
    const run = events.find(({ type, experiment }) => type === "run" && experiment === 8);
    expect(run).toMatchObject({ position: 0, purpose: "screen", budgetMs: 10_000 });
    expect(events.at(-1)).toMatchObject({ type: "stop", final: true });
    expect(text.stdout).toMatch(/^#8 .*\n(.*\n)*audit: .*\n(.*\n)*stopped: .*\nnobody works on session/m);
    // Afterwards it ends at once.
    expect((await whet(lab, "status", "--follow", "--json")).stdout).toBe("");
  });
});

describe("a reader that goes away", () => {
  it("ends no run: the session goes on without it and is closed as ever", async () => {
    const lab = repository(knobs(""));
    const { child, finished, output } = start(lab, ...run);
    while (!output().includes("#1 ")) await new Promise((resolve) => setTimeout(resolve, 20));
    child.stdout.destroy();
    expect(await finished).toMatchObject({ code: 0, stderr: "" });
    expect(await status(lab)).toMatchObject({
      process: null,
      stopReason: expect.stringMatching(/limit of 6 experiments/),
      tally: { all: 6, open: 0 },
    });
  });

  it("ends a look at it quietly", async () => {
    const lab = repository(knobs(""));
    const running = start(lab, ...run);
    while (!running.output().includes("#1 ")) await new Promise((resolve) => setTimeout(resolve, 20));
    const looks = [start(lab, "status", "--follow"), start(lab, "log"), start(lab, "status", "--json")];
    for (const { child } of looks) child.stdout.destroy();
    for (const { finished } of looks) expect(await finished).toMatchObject({ code: 0, stderr: "" });
    expect((await running.finished).code).toBe(0);
  });
});

const run = ["run", "--experiments", "6", "--seed", "1", "--no-probe", "--audit", "0"];
