import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { noisyLab, repository, startWith, whet } from "../support/lab.ts";
import { query } from "../support/ledger.ts";

const day = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), "whet-clock-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Loaded before anything else: the wall clock of the process jumps at its first experiment. */
const preload = join(folder, "clock.mjs");
writeFileSync(
  preload,
  `const Real = Date;
const jump = Number(process.env.CLOCK_JUMP);
let jumped = 0;
const write = process.stdout.write;
process.stdout.write = function (chunk, ...rest) {
  if (String(chunk).includes('"type":"decision"')) jumped = jump;
  return write.call(this, chunk, ...rest);
};
globalThis.Date = class extends Real {
  constructor(...given) { given.length === 0 ? super(Real.now() + jumped) : super(...given); }
  static now() { return Real.now() + jumped; }
};
`,
);

const jumping = (by: number) => ({
  NODE_OPTIONS: `--import=${pathToFileURL(preload).href}`,
  CLOCK_JUMP: String(by),
});

describe.each([
  ["forward", day],
  ["back", -day],
])("a clock that jumps a day %s during a session", (_way, by) => {
  it("neither ends it early nor lets it run past its time", async () => {
    const lab = repository(noisyLab());
    const session = ["run", "--json", "--audit", "0", "--seed", "1"];
    const few = await startWith(jumping(by), lab, ...session, "--for", "1h", "--experiments", "3").finished;
    expect(few.stderr).toBe("");
    expect(few.stdout).toMatch(/limit of 3 experiments/);
    // The clock really did jump.
    const spread = query(lab, "select max(proposed_at) - min(proposed_at) from experiments");
    expect(spread).toBeGreaterThan(day / 2);
    expect(query(lab, "select max(wall_ms) from evaluations")).toBeLessThan(10_000);
    expect(query(lab, "select min(wall_ms) from evaluations")).toBeGreaterThan(0);
    const spent = query(lab, "select spent_ms from sessions");
    expect(spent).toBeGreaterThan(100);
    expect(spent).toBeLessThan(60_000);

    const began = performance.now();
    const timed = await startWith(jumping(by), lab, ...session, "--for", "4s").finished;
    expect(timed.stdout).toMatch(/the time limit is reached/);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(performance.now() - began).toBeGreaterThan(4_000 - spent - 1_000);
    expect((await whet(lab, "doctor")).stdout).toMatch(/all is well/);
    expect((await whet(lab, "status")).stdout).not.toMatch(/NaN|-\d+ (ms|s|min|h)\b/);
  });
});

it("the time of a session that was killed counts towards its limit", async () => {
  const lab = repository(noisyLab());
  const running = startWith({}, lab, "run", "--json", "--experiments", "1000", "--audit", "0");
  // Noted every few seconds, once an experiment has ended.
  const spent = () => query(lab, "select spent_ms from sessions");
  while (!running.output().includes('"type":"decision"') || spent() === 0)
    await new Promise((resolve) => setTimeout(resolve, 100));
  running.child.kill("SIGKILL");
  await running.finished;
  expect(spent()).toBeGreaterThan(1_000);
});
