import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import type { Outcome, Standing, Tried } from "../../notebook/tried.ts";
import { contextText } from "./context.ts";
import { answerLimit, triedJson, triedText } from "./tried.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 3000 }),
  fc.constantFrom("x".repeat(20_000), "ü\u001b[31m\n".repeat(3000), "🜚".repeat(9000)),
);
const number = fc.double({ noNaN: true, noDefaultInfinity: true });

const outcome: fc.Arbitrary<Outcome> = fc.record({
  number: fc.nat(),
  what: text,
  decision: fc.constantFrom("keep", "discard", "crash", "timeout", "invalid"),
  effect: fc.option(number),
  interval: fc.option(fc.tuple(number, number)),
  value: fc.option(number),
  reason: text,
  doubt: fc.option(text),
  runs: fc.nat(),
  wallMs: fc.nat(),
  logTail: fc.option(text),
  violations: fc.array(fc.record({ path: text, detail: text }), { maxLength: 20 }),
  setAside: fc.option(fc.constant("/home/somebody/labs/one/.whetstone/aside/nov21/3")),
});

const standing: fc.Arbitrary<Standing> = fc.record({
  session: fc.constant("nov21"),
  branch: fc.constant("whetstone/nov21"),
  metric: fc.constant({ name: "loss", direction: "minimize" as const, unit: "nats" }),
  baseline: number,
  sigma: fc.option(fc.double({ min: 0, max: 10, noNaN: true })),
  best: fc.record({ value: number, experiment: fc.nat() }),
  experiments: fc.nat(),
  keeps: fc.nat(),
  left: fc.record({
    experiments: fc.option(fc.nat()),
    ms: fc.option(fc.nat()),
    holdoutLooks: fc.option(fc.nat()),
  }),
  limit: fc.option(text),
  words: fc.array(text, { maxLength: 3 }),
  workspace: fc.constant("/home/somebody/labs/one/.whetstone/workspace/labs/one"),
});

const tried: fc.Arbitrary<Tried> = fc.oneof(
  fc.record({ kind: fc.constant("decided" as const), outcome, finished: fc.option(outcome), standing }),
  fc.record({
    kind: fc.constant("known" as const),
    tag: fc.constant("nov20"),
    outcome: fc.option(outcome),
    finished: fc.option(outcome),
    standing,
  }),
  fc.record({ kind: fc.constant("unchanged" as const), finished: fc.option(outcome), standing }),
  fc.record({ kind: fc.constant("limit" as const), finished: fc.option(outcome), standing }),
);

describe("the answer to a try", () => {
  it("is at most 4 KiB and free of escapes, whatever was printed or said", () => {
    fc.assert(
      fc.property(tried, (answer) => {
        const words = triedText(answer);
        expect(Buffer.byteLength(words)).toBeLessThanOrEqual(answerLimit);
        expect(words).not.toContain("\u001b");
        const json = triedJson(answer);
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(answerLimit);
        expect(JSON.parse(json).kind).toBe(answer.kind);
      }),
    );
  });

  it("keeps the end of a log, where the error is", () => {
    const [given] = fc.sample(
      tried.filter((answer) => answer.kind === "decided"),
      1,
    );
    if (given?.kind !== "decided") throw new Error("no sample");
    const log = `${"line\n".repeat(5000)}TypeError: it is not a function`;
    const answer = triedText({ ...given, finished: null, outcome: { ...given.outcome, logTail: log } });
    expect(answer).toContain("TypeError: it is not a function");
  });
});

describe("the context", () => {
  it("names the rules, the open ideas, and what nobody has learnt from yet, within its bound", () => {
    const outlook = {
      rules: ["Only these files may change: a.ts."],
      ideas: [{ id: 7, text: "warm up\nlonger" }],
      words: ["look at the\nembedding"],
    };
    const notebook = sampleNotebook(60, 2);
    const words = contextText(notebook, 20_000, outlook);
    expect(words).toContain("- Only these files may change: a.ts.");
    expect(words).toContain("- idea 7: warm up longer");
    expect(words).toContain("- A person says: look at the embedding");
    expect(words).toContain("what follows");
    expect(contextText(notebook, 1500, outlook).length).toBeLessThanOrEqual(1500);
  });
});
