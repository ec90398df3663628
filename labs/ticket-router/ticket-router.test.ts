import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

const lab = import.meta.dirname;
const start = readFileSync(join(lab, "rules.yaml"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "ticket-router-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the real scorer on a candidate's rules. */
function score(rules: string, options: string[] = []) {
  writeFileSync(join(folder, "rules.yaml"), rules);
  const run = spawnSync(process.execPath, ["score.ts", ...options], {
    cwd: lab,
    env: { ...process.env, CANDIDATE: folder },
    encoding: "utf8",
  });
  const line = run.stdout.trim();
  return {
    accuracy: line === "" ? null : (JSON.parse(line) as { metrics: { accuracy: number } }).metrics.accuracy,
    error: run.stderr,
    exit: run.status,
  };
}

describe("the ticket router lab", () => {
  it("gives the untouched rules the accuracy that the lab starts from", () => {
    const { accuracy, exit } = score(start);
    expect(exit).toBe(0);
    expect(accuracy).toBeCloseTo(65.33, 2);
  });

  it("takes the rules of the candidate and not its own", () => {
    const all = score(start.replace("threshold: 3", "threshold: 1000")).accuracy as number;
    expect(all).toBeLessThan(40);
    expect(all).toBeGreaterThan(0);
    expect(score(start.replace("subject_factor: 1", "subject_factor: 2")).accuracy).not.toBe(
      score(start).accuracy,
    );
  });

  it("leaves room: sensible weights do better on both sets of tickets, the holdout's being others", () => {
    const better = start.replace("threshold: 3", "threshold: 1").replace("page: 2", "page: 1");
    const [before, after] = [score(start), score(better)];
    expect(after.accuracy).toBeGreaterThan((before.accuracy as number) + 3);
    const holdout = score(better, ["--holdout"]).accuracy as number;
    expect(holdout).toBeGreaterThan(score(start, ["--holdout"]).accuracy as number);
    expect(holdout).not.toBe(after.accuracy);
  });

  it.each([
    ["threshold: three\nsubject_factor: 1\nteams: {}", "threshold must be a number"],
    ["threshold: .nan\nsubject_factor: 1\nteams: {}", "threshold must be a number"],
    ["threshold: 1\nteams: {}", "subject_factor must be a number"],
    ["threshold: 1\nsubject_factor: 1", "`teams` is missing"],
    ["threshold: 1\nsubject_factor: 1\nteams: {billing: {refund: much}}", "billing.refund must be a number"],
    ["threshold: 1\nsubject_factor: 1\nteams: {billing: {refund: .inf}}", "billing.refund must be a number"],
    ["", "`teams` is missing"],
    ["teams: {", ""],
  ])("refuses %j without a metric and says why", (rules, why) => {
    const { accuracy, error, exit } = score(rules);
    expect({ accuracy, exit }).toEqual({ accuracy: null, exit: 1 });
    expect(error).toContain(why);
  });

  it("can make its tickets again, all the same", () => {
    const copy = join(folder, "lab");
    cpSync(join(lab, "make-tickets.ts"), join(copy, "make-tickets.ts"));
    symlinkSync(join(lab, "../../node_modules"), join(copy, "node_modules"));
    const run = spawnSync(process.execPath, ["make-tickets.ts"], { cwd: copy, encoding: "utf8" });
    expect(run.stderr).toBe("");
    const read = (folder: string, file: string) =>
      JSON.parse(readFileSync(join(folder, file), "utf8")) as unknown;
    for (const file of ["tickets.json", "holdout.json"])
      expect(isDeepStrictEqual(read(copy, file), read(lab, file)), file).toBe(true);
  });
});
