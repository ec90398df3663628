import { describe, expect, it } from "vitest";
import { expired, type TestedSkill, transferMatrix } from "../index.ts";

/** Six tasks a family; each family's treatment adds its points, tasks differing a little. */
function tested(gains: Record<string, number>, more: Partial<TestedSkill> = {}): TestedSkill {
  const records = Object.entries(gains).flatMap(([family, gain]) =>
    [0, 1, 2, 3, 4, 5].flatMap((index) =>
      (["without", "with"] as const).map((arm) => ({
        arm,
        task: `${family}-${index}`,
        family,
        replicate: 1,
        seed: index,
        trial: {
          score: 50 + (arm === "with" ? gain + index - 2.5 : 0),
          toolCalls: 0,
          usefulCalls: 0,
          errors: 0,
          recovered: 0,
          wallMs: 1,
          tokens: null,
          dollars: null,
          loaded: arm === "with",
        },
      })),
    ),
  );
  return {
    skill: "s",
    version: 1,
    agent: "claude",
    agentVersion: "1",
    model: "m",
    control: "without",
    records,
    ...more,
  };
}

describe("the transfer matrix", () => {
  it("has a cell for each family, agent and model, with tasks, effect and interval", () => {
    const cells = transferMatrix([tested({ csv: 20, web: 0 }), tested({ csv: -20 }, { model: "small" })]);
    expect(cells.map(({ family, model, transfer }) => [family, model, transfer])).toEqual([
      ["csv", "m", "positive"],
      ["web", "m", "unknown"],
      ["csv", "small", "negative"],
    ]);
    expect(cells[0]?.effect).toMatchObject({ tasks: 6, pairs: 6 });
    expect(cells[0]?.effect.points).toBeCloseTo(20, 9);
    const [low = 0, high = 0] = cells[0]?.effect.interval ?? [];
    // 20 +- 2.5706 * 1.8708 / sqrt(6)
    expect(low).toBeCloseTo(18.037, 2);
    expect(high).toBeCloseTo(21.963, 2);
  });

  it("puts two tests of one cell together and keeps versions of a skill apart", () => {
    const cells = transferMatrix([
      tested({ csv: 20 }),
      tested({ csv: 30 }),
      tested({ csv: 5 }, { version: 2 }),
    ]);
    expect(cells.map(({ version, effect }) => [version, effect.points, effect.pairs])).toEqual([
      [1, expect.closeTo(25, 9), 12],
      [2, expect.closeTo(5, 9), 6],
    ]);
  });

  it("keeps apart what a skill brings beside none and beside the version before", () => {
    const edit = tested({ csv: 0 }, { control: "before" });
    const records = edit.records.map((each) => ({
      ...each,
      arm: each.arm === "without" ? ("before" as const) : each.arm,
    }));
    const cells = transferMatrix([tested({ csv: 60 }), { ...edit, records }]);
    expect(cells.map(({ control, effect }) => [control, Math.round(effect.points)])).toEqual([
      ["without", 60],
      ["before", 0],
    ]);
  });

  it("leaves out a family without any scored pair", () => {
    const test = tested({ csv: 20 });
    const records = test.records.map((record) => ({ ...record, trial: { ...record.trial, score: null } }));
    expect(transferMatrix([{ ...test, records }])).toEqual([]);
  });
});

describe("a proof", () => {
  const proven = [
    { agent: "claude", agentVersion: "1.0", model: "m1" },
    { agent: "codex", agentVersion: null, model: "x" },
  ];

  it("holds for the agent, version and model that it was made with", () => {
    expect(expired(proven, { agent: "claude", agentVersion: "1.0", model: "m1" })).toBeNull();
    expect(expired(proven, { agent: "codex", agentVersion: null, model: "x" })).toBeNull();
  });

  it("expires with another model, another version or another agent, and says which", () => {
    expect(expired(proven, { agent: "claude", agentVersion: "1.0", model: "m2" })).toBe(
      "proven with the model m1, now it is m2",
    );
    expect(expired(proven, { agent: "claude", agentVersion: "1.1", model: "m1" })).toBe(
      "proven with claude 1.0, now it is 1.1",
    );
    expect(expired(proven, { agent: "pi", agentVersion: null, model: "m1" })).toBe("never tested with pi");
  });
});
