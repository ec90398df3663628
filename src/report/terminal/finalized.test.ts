import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostile, retold } from "../../../tests/support/hostile.ts";
import { sampleNotebook, sampleParts } from "../../../tests/support/sampleNotebook.ts";
import type { Finalized, Notebook } from "../../notebook/model.ts";
import { columns } from "./columns.ts";
import { finalizeText } from "./finalized.ts";
import { statusText } from "./terminal.ts";

const notebook = sampleNotebook(20, 1, { finalized: sampleParts() });

function finalized(from: Notebook): Finalized {
  return {
    ...sampleParts(),
    ...from.finalized,
    lab: from.lab,
    tag: from.tag,
    base: from.base,
    metric: from.metric,
    channel: from.channel,
    level: from.isolation.level,
    deterministic: false,
    sigma: 0.0038,
    pairs: 8,
    audit: from.audit as NonNullable<Notebook["audit"]>,
    branches: [{ name: "whetstone-review/nov21/12-tie", commit: "ab".repeat(20), experiments: [12] }],
    sealed: null,
    notes: [from.goal],
  };
}

describe("the end of a session, told", () => {
  it("leads with the audited number and never with a sum", () => {
    const text = finalizeText(finalized(notebook), { colour: false, width: 120 });
    expect(text.split("\n")[0]).toMatch(/^[\d.]+ % lower val_bpb$/);
    expect(text).toMatch(/95 % interval, audited in 8 fresh pairs/);
    expect(text).toMatch(/is not shown to be useless/);
    expect(text).toMatch(/of 2 useless changes, about 0\.1 would/);
    expect(text).toMatch(/Proposed: take out #9\. /);
    expect(text).toMatch(/12 +\+0\.0200 +\+0\.0150 \[\+0\.0090 to \+0\.0210\] +carries weight/);
    // 3 x 0.02 as kept, 0.016 as contributions.
    expect(text).not.toMatch(/0\.0600|0\.0160/);
  });

  it("shows each change in full, and how to take the lean state or all", () => {
    const what = `COOLING 0.9985 -> 0.997 ${"and so on ".repeat(20)}end`;
    const parts = sampleParts();
    const long = finalized({
      ...notebook,
      finalized: { ...parts, changes: parts.changes.map((part) => ({ ...part, what })) },
    });
    const branches = [
      ...long.branches,
      { name: "whetstone-review/nov21/lean", commit: "cd".repeat(20), experiments: [3, 12] },
    ];
    const text = finalizeText({ ...long, branches }, { colour: false, width: 80 });
    expect(text.replace(/\s+/g, " ")).toContain(what);
    expect(text).toMatch(/^ {2}git merge whetstone-review\/nov21\/lean +takes the lean state$/m);
    expect(text).toMatch(/^ {2}git merge whetstone\/nov21 +takes everything that was kept instead$/m);
    expect(finalizeText(long, { colour: false, width: 80 })).not.toMatch(/lean state$/m);
  });

  it("is one line of the status", () => {
    expect(statusText(notebook, { colour: false, width: 100 })).toContain(
      "finalized: 1 of 3 kept changes shown to carry weight; as good without #9",
    );
  });

  it("holds to the width and lets no control character through, whatever the data says", () => {
    fc.assert(
      fc.property(
        fc.array(hostile, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 60, max: 200 }),
        (words, width) => {
          const text = finalizeText(finalized(retold(notebook, words)), { colour: false, width });
          expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
          for (const line of text.split("\n").filter((each) => /^ *\d+ {2}/.test(each)))
            expect(columns(line)).toBeLessThanOrEqual(Math.max(width, 160));
        },
      ),
      { numRuns: 40 },
    );
  });
});
