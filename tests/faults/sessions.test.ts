import { describe, expect, it } from "vitest";
import { type Endured, endure } from "../support/endure.ts";
import { planOf } from "../support/faults.ts";
import { repository } from "../support/lab.ts";
import { noteLab } from "../support/scripted.ts";

describe("sessions with random faults", () => {
  it("end, lose no result and keep to every limit", async () => {
    // These meet each kind of fault; `node bench/endure.ts` tries as many as one likes.
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 26, 28];
    const ended: Endured[] = [];
    await Promise.all(
      [repository(noteLab()), repository(noteLab()), repository(noteLab())].map(async (lab) => {
        for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift())
          ended.push(await endure(lab, planOf(seed)));
      }),
    );
    for (const { plan, reason, faults } of ended)
      expect({ plan, reason, faults }).toEqual({ plan, reason, faults: [] });
    // The faults were there.
    const sum = (of: (each: Endured) => number) => ended.reduce((total, each) => total + of(each), 0);
    expect(sum((each) => each.crashes)).toBeGreaterThan(0);
    expect(sum((each) => each.repairs)).toBeGreaterThan(0);
    expect(sum((each) => each.waits)).toBeGreaterThan(0);
    expect(sum((each) => Number(each.killed))).toBeGreaterThan(0);
    expect(ended.some(({ reason }) => /tokens|\$/.test(reason))).toBe(true);
  });
});
