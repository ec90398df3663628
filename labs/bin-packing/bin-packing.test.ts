import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";

type Ask = { capacity: number; next: { item: number; free: number[] }[] };
type Answerer = (ask: Ask) => unknown;

const started: ChildProcessWithoutNullStreams[] = [];
afterEach(() => {
  for (const each of started.splice(0)) each.kill("SIGKILL");
});

function start(file: string, options: string[] = [], secret = "") {
  const child = spawn(process.execPath, [file, ...options], {
    cwd: import.meta.dirname,
    env: { ...process.env, SECRET: secret },
  });
  started.push(child);
  return child;
}

/** Lets the real scorer talk to an answerer: a function, or the real program. */
async function score(answer: Answerer | "pack.ts", { holdout = false, secret = "" } = {}) {
  const scorer = start("score.ts", holdout ? ["--holdout"] : [], secret);
  const candidate = answer === "pack.ts" ? start(answer) : null;
  const answers = candidate && createInterface({ input: candidate.stdout })[Symbol.asyncIterator]();
  if (answers) expect(JSON.parse((await answers.next()).value as string)).toEqual({ ready: true });
  let stderr = "";
  scorer.stderr.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const exit = new Promise<number | null>((resolve) => scorer.on("close", resolve));
  let metrics: { excess: number; bins: number } | null = null;
  let asked = 0;
  let first: Ask | null = null;
  for await (const line of createInterface({ input: scorer.stdout })) {
    const frame = JSON.parse(line) as { ask?: Ask; metrics?: { excess: number; bins: number } };
    if (frame.metrics) metrics = frame.metrics;
    if (!frame.ask) continue;
    first ??= frame.ask;
    const id = String(asked++);
    let given: unknown;
    if (answers && candidate) {
      candidate.stdin.write(`${JSON.stringify({ id, ask: frame.ask })}\n`);
      const reply = JSON.parse((await answers.next()).value as string) as { id: string; answer: unknown };
      expect(reply.id).toBe(id);
      given = reply.answer;
    } else given = (answer as Answerer)(frame.ask);
    scorer.stdin.on("error", () => {}).write(`${JSON.stringify({ from: 0, answer: given, ms: 0 })}\n`);
  }
  return { metrics, asked, first: first as Ask | null, stderr: stderr.trim(), exit: await exit };
}

const firstFit: Answerer = ({ next }) =>
  next.map(({ item, free }) => free.findIndex((space) => space >= item));
const alwaysNew: Answerer = ({ next }) => next.map(() => -1);

describe("the bin packing lab", () => {
  it("gives the untouched program the excess that the lab starts from", async () => {
    const { metrics, asked, exit } = await score("pack.ts");
    expect({ excess: metrics?.excess, asked, exit }).toEqual({
      excess: 12.965396408234774,
      asked: 300,
      exit: 0,
    });
  });

  it("asks for the next item of every instance and shows only the free space of open bins", async () => {
    const { first } = await score(alwaysNew);
    expect(first?.capacity).toBe(150);
    expect(first?.next).toHaveLength(20);
    for (const { item, free } of first?.next ?? []) {
      expect(item).toBeGreaterThanOrEqual(1);
      expect(item).toBeLessThanOrEqual(100);
      expect(free).toEqual([]);
    }
  });

  it("counts bins: a bin for each item is the worst, first fit is far better than the start", async () => {
    expect((await score(alwaysNew)).metrics?.bins).toBe(20 * 300);
    expect((await score(firstFit)).metrics?.excess).toBeLessThan(10);
  });

  it.each<[string, unknown, RegExp]>([
    ["a bin that is not open", 999, /cannot go to place 999/],
    ["a negative place", -2, /cannot go to place -2/],
    ["a fraction", 0.5, /cannot go to place 0.5/],
    ["text", "0", /cannot go to place "0"/],
    ["nothing", null, /cannot go to place null/],
    ["the name of a property", "length", /cannot go to place "length"/],
  ])("refuses %s as a place, without a metric", async (_, place, why) => {
    const { metrics, stderr, exit, asked } = await score(({ next }) =>
      next.map((__, index) => (index === 7 ? place : -1)),
    );
    expect({ metrics, exit, asked }).toEqual({ metrics: null, exit: 1, asked: 1 });
    expect(stderr).toMatch(why);
    expect(stderr).toContain("item 0 of instance 7");
  });

  it("refuses to fill a bin beyond its capacity", async () => {
    const { metrics, stderr, exit } = await score(({ next }) =>
      next.map(({ free }) => (free.length === 0 ? -1 : 0)),
    );
    expect({ metrics, exit }).toEqual({ metrics: null, exit: 1 });
    expect(stderr).toMatch(/^item \d+ of instance \d+ \(size \d+\) cannot go to place 0$/);
  });

  it.each([
    ["too few", [-1]],
    ["too many", new Array(21).fill(-1)],
    ["no list", { 0: -1 }],
  ])("refuses %s answers", async (_, answer) => {
    const { metrics, stderr } = await score(() => answer);
    expect(metrics).toBeNull();
    expect(stderr).toBe("the answer to item 0 is no list of 20 places");
  });

  it("draws the holdout's items from the secret: the same for both sides, others for other secrets", async () => {
    const at = (secret: string) => score(firstFit, { holdout: true, secret });
    const [one, again, other, tuning] = await Promise.all([at("a"), at("a"), at("b"), score(firstFit)]);
    expect(again.metrics).toEqual(one.metrics);
    expect(again.first).toEqual(one.first);
    expect(other.first).not.toEqual(one.first);
    expect(tuning.first).not.toEqual(one.first);
  });
});
