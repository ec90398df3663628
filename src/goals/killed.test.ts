import { expect, it } from "vitest";
import { killedWaves } from "../../bench/goals/killed.ts";

it("runs no finished task twice when it is killed, and ends as if it had not been", async () => {
  const counts = await killedWaves(16, 4, 2, 7);
  expect(counts.faults).toEqual([]);
  expect(counts).toMatchObject({ runTwice: 0, files: 16, kills: 2 });
  // A kill costs at most what was under way.
  expect(counts.begunAnew).toBeLessThanOrEqual(2 * 4);
});
