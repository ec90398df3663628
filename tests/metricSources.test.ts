import { describe, expect, it } from "vitest";
import { program, repository, whet } from "./support/lab.ts";

/** What a tool would write, at 40 for the untouched code. */
const script = `
N=40
mkdir -p "$OUT/criterion/sum/new" build
printf '{"results":[{"command":"x","mean":0.0%s}]}' $N > "$OUT/hyperfine.json"
printf '{"mean":{"point_estimate":%s.5}}' $N > "$OUT/criterion/sum/new/estimates.json"
printf 'epoch,loss\\n1,9\\n2,%s\\n' $N > build/log.csv
printf '<testsuites><testsuite time="1"><testcase time="%s"/></testsuite></testsuites>' $N > "$OUT/junit.xml"
printf 'loss=9 ms\\rloss=%s ms\\r\\nval-loss %s\\n' $N $N
ln -s /etc/hostname "build/link"
`;

async function checked(metric: string, more = "", run = "sh bench.sh") {
  const lab = repository({
    "bench.sh": script,
    "build/.keep": "",
    "program.md": program(
      `metric: ${metric}\nchange: [bench.sh]\nrun: ${run}\nwrite: [build]\nbudget: 20s\n${more}`,
    ),
  });
  const done = await whet(lab, "check", "--json");
  return { ...done, json: done.stdout === "" ? null : (JSON.parse(done.stdout) as Checked) };
}

interface Checked {
  metric: { from?: string; unit?: string };
  channel: string;
  baseline: { mean: number };
}

describe("a metric is read where the run leaves it", () => {
  it.each([
    [
      "{name: v, from: {preset: hyperfine, path: $OUT/hyperfine.json}}",
      0.04,
      "hyperfine's mean in $OUT/hyperfine.json",
    ],
    [
      "{name: v, from: {preset: criterion, path: $OUT/criterion}}",
      40.5,
      "criterion's mean in $OUT/criterion",
    ],
    [
      "{name: v, direction: minimize, from: {json: $OUT/hyperfine.json, at: 'results[0].mean'}}",
      0.04,
      "results[0].mean of the JSON in $OUT/hyperfine.json",
    ],
    [
      "{name: v, direction: minimize, from: {csv: build/log.csv, column: loss}}",
      40,
      "the column loss of build/log.csv",
    ],
    [
      "{name: v, direction: minimize, from: {junit: $OUT/junit.xml}}",
      1,
      "time of the JUnit report in $OUT/junit.xml",
    ],
    [
      "{name: v, direction: minimize, unit: s, from: {regex: 'loss=(.*)'}}",
      0.04,
      "/loss=(.*)/ in the output",
    ],
  ])("%s", async (metric, value, from) => {
    const { json, code } = await checked(metric);
    expect(code).toBe(0);
    expect(json).toMatchObject({ channel: "self-reported", baseline: { mean: value }, metric: { from } });
  });

  it("from the output of a scorer, which is then scored", async () => {
    const { json } = await checked(
      "{name: v, direction: minimize, from: {json: '-', at: 'results[-1].mean'}}",
      "score: cat $OUT/hyperfine.json",
    );
    expect(json).toMatchObject({
      channel: "scored",
      baseline: { mean: 0.04 },
      metric: { from: "results[-1].mean of the JSON in the scorer's output" },
    });
  });
});

describe("where nothing can be read", () => {
  it("the message shows the nearest lines and what to write, which works", async () => {
    const { stderr, code } = await checked("{name: val_loss, direction: minimize}");
    expect(code).toBe(1);
    expect(stderr).toMatch(/no line "val_loss: <number>"/);
    expect(stderr).toMatch(/val-loss 40/);
    const suggested = /metric: (\{name: val_loss, from: \{regex: '[^']*'\}\})/.exec(
      stderr.replace(/\s*\n\s*/g, " "),
    )?.[1];
    expect(suggested).toBeDefined();
    const again = await checked(`${suggested?.slice(0, -1)}, direction: minimize}`);
    expect(again.json?.baseline.mean).toBe(40);
  });

  it("a file that the run did not write, or a link, is an error", async () => {
    const missing = await checked("{name: v, direction: minimize, from: {json: $OUT/none.json, at: x}}");
    expect(missing.stderr).toMatch(/the run did not write it/);
    // Committed, and emptied before the run.
    const stale = await checked("{name: v, direction: minimize, from: {csv: build/.keep, column: x}}");
    expect(stale.stderr).toMatch(/the run did not write it/);
    const link = await checked("{name: v, direction: minimize, from: {regex: '.*', path: build/link}}");
    expect(link.stderr).toMatch(/link that leads elsewhere/);
  });

  it("a scorer's words stay with the person, and the contract refuses what cannot be", async () => {
    const { stderr } = await checked("{name: v, direction: minimize}", "score: 'echo result 40 of hidden'");
    expect(stderr).toMatch(/result 40 of hidden/);
    const both = await checked(
      "{name: v, direction: minimize, from: {json: $OUT/hyperfine.json, at: x}}",
      "score: 'echo 1'",
    );
    expect(both.code).toBe(2);
  });
});
