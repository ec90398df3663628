import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostile, retold } from "../../../tests/support/hostile.ts";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import type { Notebook, Row } from "../../notebook/model.ts";
import { reportHtml } from "../page/html.ts";
import { brailleChart } from "./braille.ts";
import { type CheckReport, checkText } from "./check.ts";
import { clip, columns, wrap } from "./columns.ts";
import { contextText } from "./context.ts";
import { sessionsText } from "./sessions.ts";
import { failuresText, logText, showText, statusText } from "./terminal.ts";

const plain = { colour: false, width: 80 };
const notebook = sampleNotebook(43);
const told = { ...plain, metric: notebook.metric, sigma: notebook.sigma };

describe("status", () => {
  test("gives the audited gain, the best, the tally, the last five and the next step", () => {
    const text = statusText(notebook, plain);
    expect(text).toContain("2.6 % lower val_bpb");
    expect(text).toContain("best 2.2470");
    expect(text).toContain("43 experiments   3 kept   35 discarded   5 failed");
    expect(text.match(/^ *(39|40|41|42|43) {2}(discard|keep|crash)/gmu)).toHaveLength(5);
    expect(text).toContain("Next: `git merge whetstone/nov21`");
  });

  test("says that nothing is audited before the audit", () => {
    expect(statusText(sampleNotebook(10, 1, { audit: null }), plain)).toContain("Not yet audited");
    expect(statusText(sampleNotebook(0, 1, { audit: null }), plain)).toContain("`whet run` starts");
  });
});

describe("what a status is about", () => {
  const early = structuredClone(sampleNotebook(43));
  const first = early.experiments[0] as Row;
  first.status = "keep";

  test("shows keeps however long ago, and how many are expected to be chance", () => {
    expect(statusText(early, plain)).toMatch(/^ *1 {2}keep/mu);
    expect(statusText({ ...early, expectedFalseKeeps: 0.42 }, plain)).toContain("0.4 expected to be chance");
    expect(statusText({ ...early, expectedFalseKeeps: 0.001 }, plain)).toContain("less than 0.05 expected");
  });

  test("cuts nothing where there is no terminal", () => {
    const goal = "a goal that takes its time ".repeat(8).trim();
    const long = { ...early, goal, experiments: early.experiments.map((row) => ({ ...row, what: goal })) };
    expect(statusText(long, plain)).not.toContain(goal);
    const whole = statusText(long, { ...plain, whole: true });
    expect(whole.split("\n")[0]).toContain(goal);
    expect(whole.split(goal).length).toBeGreaterThan(6);
    expect(logText(long.experiments, { ...told, whole: true })).toContain(goal);
  });

  test("names the process that is at work, or says that there is none any more", () => {
    const open = { ...early, audit: null, experiments: [{ ...first, status: "running" as const }] };
    expect(statusText({ ...open, process: 4711 }, plain)).toContain("process 4711 is at work on it");
    const killed = statusText(open, plain);
    expect(killed).toContain("`whet run` goes on where it stopped");
    expect(killed).not.toMatch(/at work/u);
  });

  test("points at the lab's other sessions that hold something", () => {
    const line = (tag: string, experiments: number) => ({
      ...{ tag, experiments, keeps: 3, began: 0, metric: early.metric, audited: null },
      ...{ stopReason: "checked", process: null },
    });
    const empty = sampleNotebook(0, 1, { audit: null });
    const text = statusText(empty, { ...plain, others: [line("nov20", 12), line("nov19", 0)] });
    expect(text.replace(/\s+/gu, " ")).toContain(
      "Nothing has been tried in this session. Earlier: nov20 (12 experiments, 3 kept); `whet sessions`",
    );
    expect(text).not.toContain("nov19");
    expect(statusText(empty, { ...plain, others: [line("nov19", 0)] })).not.toContain("Earlier:");
    const audited = { effect: 0.031, interval: [0.02, 0.042] as [number, number] };
    const list = sessionsText(
      [
        { ...line("nov20", 12), audited },
        { ...line("nov19", 0), process: 7 },
      ],
      { ...plain, whole: true },
    );
    expect(list).toMatch(
      /^nov20 +1970-01-01 00:00 UTC +12 +3 +\+0\.0310 \[\+0\.0200 to \+0\.0420\] +checked$/mu,
    );
    expect(list).toMatch(/^nov19 .*process 7 is at work on it$/mu);
  });
});

describe("the machine", () => {
  const quiet = { mean: 0.01, worst: 0.02 };
  const machine = { timed: true, pinned: false, others: quiet, steal: { mean: 0, worst: 0 }, drift: null };
  const told = (over: Partial<typeof machine> | Partial<Notebook["machine"]>) =>
    statusText(sampleNotebook(5, 1, { machine: { ...machine, ...over } }), { ...plain, width: 400 });

  test("is left out when nothing is timed and nothing disturbs", () => {
    expect(told({ timed: false })).not.toContain("machine:");
  });

  test("is told of a timed metric, without advice while it is quiet", () => {
    expect(told({})).toContain(
      "machine: other work took 1.0 % of the processors (2.0 % in the worst run)\n\n",
    );
    expect(told({ others: null, steal: null })).toContain("how busy others keep it is not known");
  });

  test("is told with what to do when it is crowded, unless nothing depends on time", () => {
    const crowd = { mean: 0.2, worst: 0.5 };
    expect(told({ others: crowd })).toContain("other work took 20.0 % of the processors (50.0 %");
    expect(told({ timed: false, others: crowd })).not.toContain("machine:");
    expect(told({ others: crowd })).toContain('pin the runs, e.g. budget: {cpus: "2,3"}');
    expect(told({ others: crowd, pinned: true })).not.toContain("pin the runs");
    expect(told({ steal: { mean: 0.03, worst: 0.1 } })).toMatch(
      /the hypervisor took 3.0 % .*\nuse a machine with processors of its own/,
    );
  });

  test("is told when unchanged code drifts", () => {
    const text = told({ timed: false, drift: { perHour: -0.001234, p: 0.0004 } });
    expect(text).toContain("unchanged code drifts by −0.0012 an hour (p 0.0004)");
    expect(text).toContain("trust head-to-head pairs only");
  });

  test("stands in the report page on the same conditions", () => {
    const page = (timed: boolean) => reportHtml(sampleNotebook(5, 1, { machine: { ...machine, timed } }));
    expect(page(true)).toContain("<dt>Machine</dt><dd>Other work took 1.0 % of the processors");
    expect(page(false)).not.toContain("<dt>Machine</dt>");
  });
});

describe("every page", () => {
  test("keeps to the width and has no escape sequence without colour, whatever the data says", () => {
    fc.assert(
      fc.property(
        fc.array(hostile, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 60, max: 140 }),
        (words, width) => {
          const some = retold(sampleNotebook(12, 3), words);
          const options = { colour: false, width, metric: { ...some.metric, unit: "s" }, sigma: some.sigma };
          const pages = [
            statusText({ ...some, metric: options.metric, branch: "whetstone/x" }, options),
            logText(some.experiments, options),
            failuresText(some.experiments, options),
          ];
          for (const line of pages.join("\n").split("\n")) {
            expect(columns(line)).toBeLessThanOrEqual(line.startsWith("Next:") ? 200 : width);
            expect(line).not.toContain("\u001b");
          }
          expect(showText(some.experiments[0] as Row, options)).not.toContain("\u001b");
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is coloured only when asked", () => {
    expect(logText(notebook.experiments, told)).not.toContain("\u001b[");
    expect(logText(notebook.experiments, { ...told, colour: true })).toContain("\u001b[32m");
  });
});

test("the log has a line for each experiment", () => {
  expect(logText(notebook.experiments, told).trimEnd().split("\n")).toHaveLength(44);
});

test("an experiment is shown with hypothesis, decision, evidence, diff and last output", () => {
  const keep = showText(notebook.experiments[3] as Row, told);
  for (const words of ["Cosine decay", "better by", "95 % interval", "97 % likely", "+const learningRate"])
    expect(keep).toContain(words);
  expect(showText(notebook.experiments[1] as Row, told)).toContain("RangeError");
});

test("a value is said to be the mean of its own runs, not of all that the experiment took", () => {
  const row = { ...(notebook.experiments[3] as Row), runs: 17 };
  expect(showText({ ...row, valueRuns: 1 }, told)).toMatch(/val_bpb +[\d.]+ \(one run\)/u);
  expect(showText({ ...row, valueRuns: 5 }, told)).toContain("(mean of 5 runs)");
  expect(showText({ ...row, valueRuns: null }, told)).not.toContain("mean of");
});

test("failures are grouped by kind, equal reasons told once", () => {
  const text = failuresText(notebook.experiments, plain);
  expect(text).toContain("crash  5 experiments");
  expect(text.match(/the run ended with exit code 1/gu)).toHaveLength(1);
  expect(text).toContain("#2 #16 #19 #20 #29");
  expect(failuresText([], plain)).toBe("No failures.\n");
});

describe("the context", () => {
  test("tells goal, best, what worked, near misses, dead ends and what was never measured", () => {
    const text = contextText(notebook, 20_000);
    for (const words of [
      "lowest validation bits",
      "best 2.2470",
      "#30 Adam beta2",
      "Near misses",
      "Dead ends",
      "Never measured",
      "near misses together",
    ])
      expect(text).toContain(words);
    expect(text).not.toContain(" more\n");
  });

  test("keeps to its budget and counts what it leaves out", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 400, max: 12_000 }),
        fc.array(hostile, { minLength: 1 }),
        (budget, words) => {
          expect(contextText(retold(sampleNotebook(60, 2), words), budget).length).toBeLessThanOrEqual(
            budget,
          );
        },
      ),
      { numRuns: 60 },
    );
    expect(contextText(sampleNotebook(200, 2), 3000)).toMatch(/and \d+ more/u);
  });
});

describe("the check", () => {
  const check: CheckReport = {
    lab: "labs/pretrain",
    file: "program.md",
    problems: [],
    metric: notebook.metric,
    setupMs: 5210,
    checks: [{ command: "npm test", passed: true, message: "" }],
    baseline: { values: notebook.baseline.values, mean: 2.3104, sigma: 0.0038, deterministic: false },
    detectable: { value: 0.0102, relative: 0.0044 },
    costMs: 24_300,
    runsPerCandidate: 3.6,
    perNight: 329,
    isolation: notebook.isolation,
    channel: "scored",
    grade: notebook.grade,
    grants: notebook.grants,
    inputs: { bytes: 12 * 2 ** 30, files: 3400, readBytes: 0, readFiles: 0 },
    machine: notebook.machine,
    guards: [{ name: "seconds", mean: 0.1234567, max: 0.5, relative: false }],
    holdoutMeasured: true,
    stages: [{ name: "small", mean: 2.5, ms: 1200 }],
    probe: null,
    warnings: [],
    failure: null,
  };

  test("says noise, what can be detected, the cost, the night, isolation, channel and grade", () => {
    const text = checkText(check, plain);
    for (const words of [
      "σ 0.0038",
      "0.0102 (0.44 %)",
      "24.3 s for one run",
      "about 330 experiments",
      "not enforced: processor share",
      "trusted scorer",
      "model: anthropic/claude-x for the scorer",
      "key held by Whetstone, 40 calls for one evaluation at most",
      "no holdout",
      "seconds 0.1235 (at most 0.5)",
      "measured; what it says stays hidden",
      "small 2.5000 in 1.2 s",
      "`whet run`",
    ])
      expect(text).toContain(words);
  });

  test("points at each problem with what to write, and does not invite to run", () => {
    const problems = [
      { severity: "error" as const, line: 4, column: 3, what: "a budget of 0", fix: "write `budget: 30s`" },
    ];
    const text = checkText(
      { ...check, problems, baseline: null, failure: "setup failed: npm is missing" },
      plain,
    );
    expect(text).toContain("program.md:4:3: error: a budget of 0");
    expect(text).toContain("write `budget: 30s`");
    expect(text).toContain("✗ setup failed: npm is missing");
    expect(text).toContain("then `whet check` again");
  });

  test("shows each canary that won with its value, the advice once, and does not invite to run", () => {
    const canary = (name: string, outcome: string, value: number | null, message: string) => ({
      ...{ canary: name, does: `does ${name}`, outcome, value, message },
    });
    const probe = {
      results: [
        canary("early exit", "better", 0, "write a scorer"),
        canary("forged output", "better", 1.1552, "write a scorer"),
        canary("empty", "refused", null, "crash: it failed"),
      ],
    };
    const text = checkText({ ...check, probe }, { ...plain, width: 200 });
    expect(text).toContain("✗ early exit (does early exit): 0.0000 against 2.3104\n");
    expect(text).toContain("✗ forged output (does forged output): 1.1552 against 2.3104\n");
    expect(text.match(/write a scorer/gu)).toHaveLength(1);
    expect(text).toContain(".whetstone/canaries");
    expect(text).not.toContain("Next: `whet run`");
    expect(text).toContain("then `whet check --probe`");
    const poor = { letter: "D" as const, reasons: ["no isolation"] };
    expect(checkText({ ...check, grade: poor }, plain)).toContain("Next: mend what lowers the grade");
  });

  test("says that a deterministic evaluator needs one run", () => {
    const baseline = { values: [5, 5, 5, 5, 5], mean: 5, sigma: 0, deterministic: true };
    expect(checkText({ ...check, baseline }, plain)).toContain("none: every run gave the same value");
    const crowded = { ...notebook.machine, timed: true, others: { mean: 0.3, worst: 0.4 } };
    expect(checkText({ ...check, machine: crowded }, plain)).toMatch(/^machine +other work took 30.0 %/mu);
    expect(checkText(check, plain)).not.toMatch(/^machine /mu);
  });
});

test("clipping and wrapping count wide letters as two columns", () => {
  expect(clip("漢字漢字", 5)).toBe("漢字…");
  fc.assert(
    fc.property(hostile, fc.integer({ min: 1, max: 60 }), (text, width) => {
      expect(columns(clip(text, width))).toBeLessThanOrEqual(width);
      for (const line of wrap(text, width)) expect(columns(line)).toBeLessThanOrEqual(width);
    }),
  );
});

test("the small chart has the best at its top right and the baseline at its lower left", () => {
  const points = [1, 2, 3].map((step) => ({ value: 10 - step, status: "keep" as const }));
  const cells = brailleChart(points, { width: 20, height: 4, direction: "minimize", baseline: 10 });
  expect(cells.map((line) => line.length)).toEqual([20, 20, 20, 20]);
  expect([cells[0]?.at(-1)?.kind, cells[3]?.[0]?.kind, cells[0]?.[0]?.kind]).toEqual([
    "line",
    "line",
    "empty",
  ]);
});
