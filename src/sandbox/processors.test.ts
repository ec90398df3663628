import { cpus } from "node:os";
import { expect, it } from "vitest";
import { allowedProcessors, chosenProcessors, requireProcessors } from "./processors.ts";

it("knows the processors that a run can have", () => {
  const allowed = allowedProcessors();
  expect(allowed.length).toBeGreaterThan(0);
  expect(allowed.length).toBeLessThanOrEqual(cpus().length);
});

it("gives the first of them, or those that are named", () => {
  expect(chosenProcessors(undefined, [4, 5, 6])).toEqual([4, 5, 6]);
  expect(chosenProcessors(2, [4, 5, 6])).toEqual([4, 5]);
  expect(chosenProcessors(9, [4, 5, 6])).toEqual([4, 5, 6]);
  expect(chosenProcessors({ list: [5, 6] }, [4, 5, 6])).toEqual([5, 6]);
});

it("refuses processors that are not there, and says which are", () => {
  expect(() => requireProcessors({ list: [1, 9] }, [0, 1, 2, 3, 8])).toThrow(/not to be had here: 9/);
  expect(() => requireProcessors({ list: [1, 9] }, [0, 1, 2, 3, 8])).toThrow(
    expect.objectContaining({ fix: "choose among 0-3,8, or write how many: cpus: 2" }),
  );
  expect(() => requireProcessors({ list: [3, 8] }, [0, 1, 2, 3, 8])).not.toThrow();
  expect(() => requireProcessors(64, [0])).not.toThrow();
});
