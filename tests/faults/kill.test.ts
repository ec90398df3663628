import { describe, expect, it } from "vitest";
import { type KillCounts, keepingLab, killRepeatedly } from "../../bench/faults/kill.ts";
import { repository } from "../support/lab.ts";

describe("kill -9 in every phase of a session", () => {
  it("loses no acknowledged row, leaves no orphan, and branch and ledger agree once the session has gone on", async () => {
    // Three labs at once: most of the time is waiting. `node bench/faults.ts` kills as often as one likes.
    const all = await Promise.all([5, 6, 7].map((seed) => killRepeatedly(repository(keepingLab), 7, seed)));
    expect(all.flatMap((counts) => counts.faults)).toEqual([]);
    const total = (of: (counts: KillCounts) => number) => all.reduce((sum, counts) => sum + of(counts), 0);
    expect(total((counts) => Object.values(counts.kills).reduce((sum, n) => sum + n, 0))).toBe(21);
    expect(total((counts) => counts.acknowledged.evaluations)).toBeGreaterThan(50);
    expect(total((counts) => counts.acknowledged.decisions)).toBeGreaterThan(5);
  });
});
