import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostile } from "../../../tests/support/hostile.ts";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import type { LiveView } from "../../notebook/live.ts";
import { columns } from "./columns.ts";
import { liveScreen } from "./live.ts";
import { type LiveEvent, plainLine } from "./plainLine.ts";

const notebook = sampleNotebook(43);
const view: LiveView = {
  lab: "labs/pretrain",
  tag: "nov21",
  branch: "whetstone/nov21",
  metric: notebook.metric,
  number: 44,
  phase: "race",
  what: "Warm up for 20 steps instead of 100",
  arm: "candidate",
  round: 3,
  rounds: 8,
  elapsedMs: 12_400,
  budgetMs: 30_000,
  lastLine: "step 120 loss 2.431",
  best: 2.247,
  baseline: 2.3104,
  history: notebook.experiments.map((row) => ({ n: row.id, value: row.value, status: row.status })),
  keeps: 3,
  discards: 35,
  failures: 5,
  sessionElapsedMs: 4_300_000,
  timeLeftMs: 20_000_000,
  experimentsLeft: 57,
  sigma: 0.0038,
};

describe("the live screen", () => {
  test("shows experiment, phase, hypothesis, progress against the budget, output, best, tally and what is left", () => {
    const text = liveScreen(view, { width: 90, height: 24, colour: false }).join("\n");
    for (const words of [
      "Experiment 44  racing the incumbent: run 3 of 8, candidate",
      "Warm up",
      "12.4 s of 30.0 s",
      "│ step 120",
      "best 2.2470",
      "3 kept",
      "57 experiments left, 5 h 33 min left",
    ])
      expect(text).toContain(words);
    expect(text).toContain("━".repeat(17) + "─".repeat(23));
  });

  test("shows only what exists before the baseline is measured", () => {
    const early: LiveView = {
      ...view,
      phase: "setup",
      number: null,
      what: null,
      arm: null,
      round: null,
      rounds: null,
      budgetMs: null,
      lastLine: null,
      best: null,
      baseline: null,
      history: [],
      sigma: null,
    };
    const text = liveScreen(early, { width: 80, height: 24, colour: false }).join("\n");
    expect(text).toContain("setting up");
    expect(text).not.toMatch(/null|undefined|NaN|–/u);
  });

  test("fits every terminal, whatever a candidate prints", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 1, max: 50 }),
        hostile,
        hostile,
        (width, height, what, lastLine) => {
          const lines = liveScreen(
            { ...view, what, lastLine, lab: what, branch: lastLine },
            { width, height, colour: false },
          );
          expect(lines.length).toBeLessThanOrEqual(height);
          for (const line of lines) {
            expect(columns(line)).toBeLessThanOrEqual(width);
            expect(line).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("plain lines", () => {
  const context = { metric: notebook.metric, sigma: 0.0038 };
  const say = (event: LiveEvent) => plainLine(event, context);

  test("tell the decision with effect and best", () => {
    const decision = {
      kind: "keep" as const,
      effect: 0.0129,
      interval: null,
      doubt: null,
      reason: "better in 3 pairs",
    };
    expect(say({ type: "decision", number: 4, what: "x", decision, value: 2.2975, best: 2.2975 })).toBe(
      "#4 keep    +0.0129  best 2.2975  x: better in 3 pairs",
    );
  });

  test("tell noise, audit, failures and the end", () => {
    expect(
      say({ type: "noise", values: [2.3, 2.31], mean: 2.305, sigma: 0.0038, deterministic: false }),
    ).toBe("baseline val_bpb 2.3050, σ 0.0038, 2 runs");
    expect(
      say({
        type: "audit",
        effect: 0.06,
        interval: [0.05, 0.07],
        baselineMean: 2.31,
        finalMean: 2.25,
        pairs: 8,
      }),
    ).toBe("audit: 2.3100 → 2.2500, gain +0.0600 (95 % interval +0.0500 to +0.0700, 8 pairs)");
    const single = { effect: 0.06, interval: [0.06, 0.06] as [number, number], pairs: 1 };
    expect(say({ type: "audit", ...single, baselineMean: 2.31, finalMean: 2.25 })).toBe(
      "audit: 2.3100 → 2.2500, gain +0.0600 (1 pair, which gives no interval)",
    );
    const failure = { kind: "timeout", message: "ran past\n30 s" };
    expect(
      say({
        type: "evaluation",
        evaluation: { failure, wallMs: 30_000 },
        value: null,
        purpose: "screen",
        arm: "candidate",
        recalled: false,
      }),
    ).toBe("  screen candidate: timeout: ran past 30 s");
    const run = { type: "evaluation", evaluation: { failure: null, wallMs: 1500 }, recalled: false } as const;
    const about = (over: { purpose: string; arm: string; label?: string; stage?: string }, value = 2.3) =>
      say({ ...run, value, ...over });
    expect(about({ purpose: "baseline", arm: "baseline", stage: "quick" }, 4711.5)).toBe(
      "  baseline on stage quick: 4711.5 in 1.5 s",
    );
    expect(about({ purpose: "screen", arm: "candidate", stage: "quick" })).toMatch(
      /^ {2}screen candidate on stage quick: 2\.3/,
    );
    expect(about({ purpose: "control", arm: "candidate" })).toBe(
      "  new incumbent, for what comes next: 2.3000 in 1.5 s",
    );
    expect(about({ purpose: "audit", arm: "candidate", label: "final state without #18" })).toBe(
      "  final state without #18: 2.3000 in 1.5 s",
    );
    expect(say({ ...run, value: null, purpose: "holdout", arm: "incumbent" })).toBe(
      "  holdout incumbent: done in 1.5 s, its value stays hidden",
    );
    const probe = { type: "probe", canary: "early exit", does: "ends at once", message: "do this" } as const;
    expect(say({ ...probe, outcome: "better", value: 1.5 })).toBe(
      "! probe, early exit (ends at once): better, 1.5000",
    );
    expect(say({ ...probe, outcome: "worse", value: 3 })).toBe("  probe, early exit: worse");
    expect(say({ type: "stop", reason: "20 experiments done", final: true })).toBe(
      "stopped: 20 experiments done",
    );
  });

  test("leave out a candidate's output", () => {
    expect(say({ type: "line", line: "noise" })).toBeNull();
  });
});
