import { describe, expect, it } from "vitest";
import { knobs, log, status } from "./support/knobs.ts";
import { git, program, repository, start, whet } from "./support/lab.ts";

describe("stages", () => {
  /** The cheap rung shows one knob, the full one all of them. */
  const ladder = (more = "") =>
    knobs(`stages: [{ name: small, run: "true"${more} }]`, {
      "score.mjs": [
        'import { readFileSync } from "node:fs";',
        'import { join } from "node:path";',
        'const { a, b } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
        "const far = (value, best) => Math.abs(Math.log2(best / Math.max(value, 0.01)));",
        'const loss = process.env.STAGE === "small" ? far(a, 8) : far(a, 8) + far(b, 8);',
        "console.log(JSON.stringify({ metrics: { loss } }));",
        "",
      ].join("\n"),
      "knobs.json": '{\n  "a": 1,\n  "b": 1\n}\n',
    });

  it("let a candidate climb only while it looks good, and tell cost and transfer of each rung", async () => {
    const lab = repository(ladder());
    const ran = await whet(lab, "run", "--experiments", "25", "--seed", "2", "--no-probe");
    expect(ran.stderr).toBe("");
    const now = await status(lab);
    expect(now.tally.keeps).toBeGreaterThan(0);
    const rows = await log(lab);
    expect(rows.some((row) => /dropped on the rung small/.test(row.reason))).toBe(true);
    // What only moves the other knob never climbs: the cheap rung cannot see it.
    expect(JSON.parse(git(lab, "show", `${now.branch}:knobs.json`)).b).toBe(1);
    const [small, full] = now.ladder;
    expect(small?.runs).toBeGreaterThan(full?.runs as number);
    expect(small?.transfer).toMatchObject({ climbed: now.tally.keeps, better: now.tally.keeps });
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
    expect((await whet(lab, "status")).stdout).toMatch(/stage small: \d+ runs/);
    // Each line says on which stage it was.
    expect(ran.stdout).toMatch(/^ {2}baseline: /m);
    expect(ran.stdout).toMatch(/^ {2}baseline on stage small: /m);
    expect(ran.stdout).toMatch(/^ {2}screen candidate on stage small: /m);
  });

  it("are told of when they take as long as the full run and say the same", async () => {
    const slow = (name: string, run: string) =>
      knobs(`stages: [{ name: ${name}, run: "${run}" }]`, {
        "program.md": program(
          `metric: loss\ndirection: minimize\nchange: [knobs.json]\nrun: "sleep 0.2"\nscore: perl score.pl\nstages: [{ name: ${name}, run: "${run}" }]\nbudget: 10s`,
        ),
      });
    const idle = await whet(repository(slow("same", "sleep 0.2")), "check");
    expect(idle.stdout).toMatch(/! the stage same takes as long as the full run and gives the same values/);
    const cheap = await whet(repository(slow("small", "true")), "check");
    expect(cheap.stdout).toMatch(/stage +small 6 in/);
    expect(cheap.stdout).not.toMatch(/takes as long/);
  });

  it("may decide on a cheap rung; then keeps are provisional and the audit is full", async () => {
    const lab = repository(ladder(", decides: true"));
    const ran = await whet(lab, "run", "--experiments", "15", "--seed", "2", "--no-probe", "--audit", "0");
    expect(ran.stderr).toBe("");
    const now = await status(lab);
    expect(now.audit?.effect).toBeGreaterThan(0);
    expect(now.grade.reasons.join()).toMatch(/keeps are provisional/);
    expect(now.ladder.find((rung) => rung.stage === "full")?.runs).toBe(4);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });

  it("go on after an interruption without repeating a run", async () => {
    const lab = repository(ladder());
    const running = start(lab, "run", "--experiments", "300", "--audit", "0", "--no-probe");
    while (!running.output().includes("#4 ")) await new Promise((r) => setTimeout(r, 20));
    running.child.kill("SIGKILL");
    await running.finished;
    const on = await whet(lab, "run", "--experiments", "10", "--audit", "0");
    expect(on.code).toBe(0);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });
});
