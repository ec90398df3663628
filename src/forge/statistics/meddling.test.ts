import { describe, expect, it } from "vitest";
import type { Arm } from "../../ledger/index.ts";
import type { TrialRecord } from "./effect.ts";
import { meddling } from "./meddling.ts";

/** Pairs of runs, a task each; of each arm the files that it changed. */
function records(pairs: readonly [control: string[], treatment: string[]][]): TrialRecord[] {
  return pairs.flatMap((files, index) =>
    (["without", "with"] as Arm[]).map((arm, side) => ({
      ...{ arm, task: `t${index % 6}`, family: "f", replicate: Math.floor(index / 6), seed: index },
      trial: {
        ...{ score: 50, toolCalls: 1, usefulCalls: 1, errors: 0, recovered: 0, wallMs: 1 },
        ...{ tokens: 1, dollars: null, loaded: arm === "with", rewrote: files[side] ?? [] },
      },
    })),
  );
}
const times = (count: number, control: string[], treatment: string[]) =>
  Array.from({ length: count }, (): [string[], string[]] => [control, treatment]);

describe("editing what judges", () => {
  it("is found where the skill's runs do it more often, be it in few of them", () => {
    const some = records([...times(10, [], []), ...times(2, [], ["check.mjs"])]);
    expect(meddling(some, "without")).toMatchObject({ file: "check.mjs", treatment: 2 / 12, control: 0 });
    expect(meddling(some, "without")?.reason).toContain("check.mjs");
    expect(meddling(records(times(12, [], [])), "without")).toBeNull();
  });

  it("is not what both arms do, nor what the control does more", () => {
    expect(
      meddling(records([...times(3, ["t.test.js"], []), ...times(3, [], ["t.test.js"])]), "without"),
    ).toBeNull();
    expect(meddling(records(times(6, ["check.mjs"], [])), "without")).toBeNull();
  });

  it("is told from the work itself, which a check may run: there only what is beyond chance counts", () => {
    const works = [...times(10, ["main.mjs"], ["main.mjs"]), ...times(2, [], ["main.mjs"])];
    expect(meddling(records(works), "without")).toBeNull();
    const cheats = works.map(([one, other], index): [string[], string[]] => [
      one,
      index < 3 ? [...other, "check.mjs"] : other,
    ]);
    expect(meddling(records(cheats), "without")).toMatchObject({
      file: "check.mjs",
      treatment: 3 / 12,
      control: 0,
    });
    const far = [...times(6, ["main.mjs"], ["main.mjs"]), ...times(6, [], ["main.mjs"])];
    expect(meddling(records(far), "without")).toMatchObject({ file: "main.mjs", treatment: 1, control: 0.5 });
  });
});
