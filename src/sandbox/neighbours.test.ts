import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { neighboursBetween, processorTimes, readCounters } from "./neighbours.ts";
import { allowedProcessors } from "./processors.ts";

const stat = [
  "cpu  99999 0 0 0 0 0 0 0 0 0",
  "cpu0 100 1 20 5000 7 3 2 40 9 0",
  "cpu1 200 0 0 5000 0 0 0 1 0 0",
  "cpu12 400 0 0 5000 0 0 0 0 0 0",
  "intr 5 1 2 3",
].join("\n");

describe("counting processor time", () => {
  it("takes work and steal of the wanted processors and no idle time", () => {
    expect(processorTimes(stat, [0])).toEqual({ busy: 1260, steal: 400 });
    expect(processorTimes(stat, [1, 12])).toEqual({ busy: 6000, steal: 10 });
    expect(processorTimes(stat, [2])).toBeNull();
    expect(processorTimes("", [0])).toBeNull();
  });

  const at = (ms: number, busy: number, more = {}) => ({
    ...{ at: ms, busy, steal: 0, waiting: null, own: 0 },
    ...more,
  });

  it("takes the run's own time and Whetstone's away from what the processors did", () => {
    const before = at(0, 0, { waiting: 100, steal: 50 });
    const after = at(1000, 1500, { waiting: 350, steal: 90, own: 100 });
    expect(neighboursBetween(before, after, [0, 1], 2, 1000)).toEqual({
      others: 0.2,
      steal: 0.02,
      load: 0.25,
    });
    // Bound to half of the machine, it is charged half of Whetstone's.
    expect(neighboursBetween(before, after, [0, 1], 4, 1000)?.others).toBe(0.225);
  });

  it("says nothing of short runs, nor without counters", () => {
    expect(neighboursBetween(at(0, 0), at(249, 100), [0], 1, 0)).toBeNull();
    expect(neighboursBetween(null, at(900, 100), [0], 1, 0)).toBeNull();
    expect(neighboursBetween(at(0, 0), null, [0], 1, 0)).toBeNull();
  });

  it("never leaves the range of a share", () => {
    expect(neighboursBetween(at(0, 0), at(1000, 500), [0], 1, 800)).toMatchObject({ others: 0 });
    expect(neighboursBetween(at(0, 0), at(1000, 1100), [0], 1, 0)).toMatchObject({ others: 1 });
  });
});

describe.runIf(process.platform === "linux")("on this machine", () => {
  let hog: ChildProcess | null = null;
  afterEach(() => hog?.kill("SIGKILL"));

  it("sees a neighbour that keeps the run's processor busy", async () => {
    const [one = 0] = allowedProcessors();
    hog = spawn("sh", ["-c", `taskset -pc ${one} $$ && while :; do :; done`], { stdio: "ignore" });
    await sleep(50);
    const before = readCounters([one]);
    await sleep(400);
    const seen = neighboursBetween(before, readCounters([one]), [one], allowedProcessors().length, 0);
    expect(seen?.others).toBeGreaterThan(0.5);
  });

  it("reads the counters in well under a millisecond", { retry: 3 }, () => {
    const times = Array.from({ length: 40 }, () => {
      const began = performance.now();
      readCounters([0]);
      return performance.now() - began;
    });
    expect(times.sort((a, b) => a - b)[20]).toBeLessThan(0.5);
  });
});
