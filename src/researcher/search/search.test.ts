import { describe, expect, it } from "vitest";
import { generator } from "../random.ts";
import { type PastExperiment, type Proposal, proposalKey, type Researcher } from "../researcher.ts";
import { findKnobs, setKnobs } from "./knobs.ts";
import { search } from "./search.ts";
import { briefing, proposed, session, startText } from "./simulated.ts";
import { steps } from "./steps.ts";

const seeds = Array.from({ length: 20 }, (_, seed) => seed);

/** Sets one to three random knobs to random neighbouring values, learning nothing. */
function randomSearch(): Researcher {
  return {
    name: "random",

    async propose({ files, history, seed }) {
      const text = files["train.ts"] as string;
      const random = generator(seed, history.length);
      const knobs = findKnobs("train.ts", text);
      const settings = new Map();
      for (let i = 0; i <= 3 * random(); i++) {
        const knob = knobs[Math.floor(random() * knobs.length)] as (typeof knobs)[number];
        const values = steps(knob);
        settings.set(knob, values[Math.floor(random() * values.length)]);
      }
      const changes = { "train.ts": setKnobs(text, settings) };
      return { kind: "proposal", proposal: { hypothesis: { what: "random" }, changes } };
    },
  };
}

async function medianReached(
  researcher: () => Researcher,
  experiments: number,
  sigma: number,
): Promise<number> {
  const reached: number[] = [];
  for (const seed of seeds) reached.push((await session(researcher(), seed, experiments, sigma)).reached);
  return median(reached);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** An experiment as the ledger gives it back. */
function past(
  proposal: Proposal,
  files: Record<string, string>,
  id: number,
  outcome: Pick<PastExperiment, "decision" | "effect" | "t">,
): PastExperiment {
  const before = Object.fromEntries(Object.keys(proposal.changes).map((file) => [file, files[file] ?? null]));
  return { id, hypothesis: proposal.hypothesis, changes: proposal.changes, before, reason: "", ...outcome };
}

async function next(
  files: Record<string, string>,
  history: PastExperiment[] = [],
  seed = 1,
): Promise<Proposal> {
  return (await proposed(search(), briefing(files, history, seed))) as Proposal;
}

/** The median time of a proposal, in ms, with so many experiments behind it. */
async function medianTime(experiments: number): Promise<number> {
  const researcher = search();
  const files = { "train.ts": startText + "export function train(): void {}\n".repeat(300) };
  const history = await discards(researcher, files, 100);
  while (history.length < experiments)
    history.push({ ...(history[history.length % 100] as PastExperiment), id: history.length + 1 });
  const times: number[] = [];
  for (let turn = 0; turn <= 20; turn++) {
    const begun = performance.now();
    const proposal = (await proposed(researcher, briefing(files, history, 1))) as Proposal;
    // The first turn reads the whole ledger, as it is after an interruption.
    if (turn > 0) times.push(performance.now() - begun);
    history.push(past(proposal, files, history.length + 1, { decision: "discard", effect: -0.01, t: -1 }));
  }
  return median(times);
}

/** A history in which nothing was ever kept. */
async function discards(
  researcher: Researcher,
  files: Record<string, string>,
  count: number,
): Promise<PastExperiment[]> {
  const history: PastExperiment[] = [];
  while (history.length < count) {
    const proposal = await proposed(researcher, briefing(files, history, 1));
    if (!proposal) break;
    history.push(past(proposal, files, history.length + 1, { decision: "discard", effect: -0.01, t: -1 }));
  }
  return history;
}

describe("search", () => {
  it("reaches nine tenths of what can be gained in 60 experiments, with and without noise", async () => {
    expect(await medianReached(search, 60, 0)).toBeGreaterThan(0.97);
    expect(await medianReached(search, 60, 0.05)).toBeGreaterThan(0.95);
    expect(await medianReached(search, 30, 0)).toBeGreaterThan(0.9);
  });

  it("loses less than half as much as random search does at the same number of experiments", async () => {
    for (const [experiments, sigma] of [
      [20, 0],
      [60, 0],
      [60, 0.05],
    ] as const) {
      const [ours, random] = [
        await medianReached(search, experiments, sigma),
        await medianReached(randomSearch, experiments, sigma),
      ];
      expect(1 - ours).toBeLessThan((1 - random) / 2);
    }
  });

  it("proposes the same for the same briefing, whether it has seen the session or begins afresh from the ledger", async () => {
    const { history } = await session(search(), 5, 40, 0.05);
    const again = await session(search(), 5, 40, 0.05);
    expect(again.history).toEqual(history);
    const used = search();
    await session(used, 6, 10, 0.05);
    const files = { "train.ts": startText };
    for (const length of [0, 1, 17, 40]) {
      const some = structuredClone(history.slice(0, length));
      expect(await proposed(used, briefing(files, some, 3))).toEqual(await next(files, some, 3));
    }
    expect(await next(files, [], 1)).not.toEqual(await next(files, [], 2));
  });

  it("never proposes the present state, one that was measured, or one that was refused: 300 differ", async () => {
    const researcher = search();
    const files = { "train.ts": startText };
    const history: PastExperiment[] = [];
    const refused = new Set<string>();
    const seen = new Set<string>([proposalKey({ changes: files })]);
    for (let id = 1; id <= 300; id++) {
      const proposal = (await proposed(researcher, briefing(files, history, 1), refused)) as Proposal;
      const key = proposalKey(proposal);
      expect(seen.has(key)).toBe(false);
      seen.add(key);
      if (id % 2 === 0) refused.add(key);
      else history.push(past(proposal, files, id, { decision: "discard", effect: -0.01, t: -1 }));
    }
  });

  it("does not go back to an earlier state by way of another file", async () => {
    const start = { "a.py": "x = True\n", "b.py": "y = True\n" };
    const both = { "a.py": "x = False\n", "b.py": "y = False\n" };
    const keep = { decision: "keep", effect: 1, t: 5 } as const;
    const hypothesis = { what: "" };
    const history = [
      past({ hypothesis, changes: { "a.py": both["a.py"] } }, start, 1, keep),
      past({ hypothesis, changes: { "b.py": both["b.py"] } }, { ...start, "a.py": both["a.py"] }, 2, keep),
    ];
    // Measured: both true, x false, both false. Left: x true with y false.
    expect((await next(both, history)).changes).toEqual({ "a.py": "x = True\n" });
    const last = past(await next(both, history), both, 3, { decision: "discard", effect: -1, t: -5 });
    expect(await next(both, [...history, last])).toBeNull();
  });

  it("ends when everything has been tried", async () => {
    const files = { "a.ts": 'const A = true;\nconst B: "x" | "y" | "z" = "x";\n' };
    const history = await discards(search(), files, 100);
    expect(history.length).toBe(5);
    expect(await next({ "a.rs": "let x = 1;", "b.ts": "f();\n" })).toBeNull();
    expect(await next({})).toBeNull();
  });

  it("goes on in the direction that was better, and says so", async () => {
    const before = "lr = 0.001\n";
    const after = "lr = 0.002\n";
    const kept = past({ hypothesis: { what: "" }, changes: { "a.py": after } }, { "a.py": before }, 12, {
      decision: "keep",
      effect: 0.1,
      t: 6,
    });
    const directions = await Promise.all(seeds.map(async (seed) => next({ "a.py": after }, [kept], seed)));
    const larger = directions.filter(
      ({ changes }) => Number.parseFloat(changes["a.py"]?.slice(5) ?? "") > 0.002,
    );
    expect(larger.length).toBeGreaterThan(15);
    for (const { hypothesis } of larger)
      expect(hypothesis.mechanism).toBe("a larger lr was better in #12: go further");
  });

  it("keeps away from what lies beyond a crash", async () => {
    const files = { "a.py": "batch = 64\n" };
    const crash = past({ hypothesis: { what: "" }, changes: { "a.py": "batch = 72\n" } }, files, 1, {
      decision: "crash",
      effect: null,
      t: null,
    });
    for (const seed of seeds) {
      const proposal = await next(files, [crash], seed);
      expect(Number.parseFloat(proposal.changes["a.py"]?.slice(8) ?? "")).toBeLessThan(72);
    }
  });

  it("turns from a knob without any effect to one that had some", async () => {
    const files = { "a.py": "a = 64\nb = 64\n" };
    const tries: [number, number, number][] = [
      [128, 64, 0],
      [32, 64, 0],
      [72, 64, 0],
      [64, 128, -1],
    ];
    const history = tries.map(([a, b, effect], index) =>
      past({ hypothesis: { what: "" }, changes: { "a.py": `a = ${a}\nb = ${b}\n` } }, files, index + 1, {
        decision: effect > 0 ? "keep" : "discard",
        effect,
        t: null,
      }),
    );
    // Four experiments without a keep: near misses would be combined here, if there were any.
    const proposals = await Promise.all(seeds.map(async (seed) => next(files, history, seed)));
    expect(proposals.filter(({ hypothesis }) => hypothesis.what.startsWith("b ")).length).toBeGreaterThan(17);
  });

  it("combines near misses of different knobs when nothing has been kept for a while", async () => {
    const files = { "a.py": "a = 10\nb = 10\nc = 10\nd = 10\n" };
    const tries: [string, number][] = [
      ["a = 20\nb = 10\nc = 10\nd = 10\n", 1.5],
      ["a = 10\nb = 20\nc = 10\nd = 10\n", 1.2],
      ["a = 10\nb = 10\nc = 20\nd = 10\n", -2],
      ["a = 10\nb = 10\nc = 10\nd = 20\n", -2],
    ];
    const history = tries.map(([text, t], index) =>
      past({ hypothesis: { what: "" }, changes: { "a.py": text } }, files, index + 1, {
        decision: "discard",
        effect: t,
        t,
      }),
    );
    expect(await next(files, history)).toEqual({
      hypothesis: {
        what: "a 10 -> 20, b 10 -> 20",
        mechanism: "each was a near miss",
        prediction: "loss falls by more than the noise",
      },
      changes: { "a.py": "a = 20\nb = 20\nc = 10\nd = 10\n" },
    });
    const weaker = history.map((experiment) => ({ ...experiment, t: (experiment.t ?? 0) / 5 }));
    expect((await next(files, weaker)).hypothesis.what).not.toContain(",");
  });

  it("changes several knobs at once when stuck, and one knob otherwise", async () => {
    const history = await discards(search(), { "train.ts": startText }, 40);
    const counts = history.map(({ hypothesis }) => hypothesis.what.split(", ").length);
    expect(counts.slice(0, 14).every((count) => count === 1)).toBe(true);
    expect(counts.slice(14).filter((count) => count > 1).length).toBeGreaterThan(8);
    expect(counts.slice(14).filter((count) => count === 1).length).toBeGreaterThan(8);
  });

  it("says what changes, why, and what should be seen", async () => {
    const { hypothesis } = await next({ "a.py": "learning_rate = 3e-4\n", "b.txt": "" });
    expect(hypothesis.what).toMatch(/^learning_rate 3e-4 -> \S+ \(a\.py\)$/);
    expect(hypothesis.mechanism).toMatch(/^(larger steps cover more ground|smaller steps overshoot less)/);
    expect(hypothesis.prediction).toBe("loss falls by more than the noise");
  });

  it("keeps to the knobs that it was given", async () => {
    const files = { "a.py": "optimizer = dict(lr=0.1, beta=0.9)\nwidth = 64\n" };
    const names = async (knobs: string[]) => {
      const found = new Set<string>();
      for (const seed of seeds)
        found.add(
          (await proposed(search({ knobs }), briefing(files, [], seed)))?.hypothesis.what.split(" ")[0] ?? "",
        );
      return [...found].sort();
    };
    expect(await names(["optimizer.*"])).toEqual(["optimizer.beta", "optimizer.lr"]);
    expect(await names(["!optimizer.*"])).toEqual(["width"]);
    expect(await names(["optimizer.*", "!*.beta"])).toEqual(["optimizer.lr"]);
    expect(await names(["nothing"])).toEqual([""]);
  });

  it("leaves out lines of plain texts, once each, then swaps neighbours", async () => {
    const files = { "prompt.md": "# Rules\r\n\r\n- one\r\n- two\r\n- three" };
    const history = await discards(search(), files, 100);
    const texts = history.map(({ changes }) => changes["prompt.md"]);
    expect(new Set(texts.slice(0, 4))).toEqual(
      new Set([
        "\r\n- one\r\n- two\r\n- three",
        "# Rules\r\n\r\n- two\r\n- three",
        "# Rules\r\n\r\n- one\r\n- three",
        "# Rules\r\n\r\n- one\r\n- two\r\n",
      ]),
    );
    expect(texts.slice(4)).toEqual(["# Rules\r\n\r\n- two\r\n- one\r\n- three"]);
  });

  it("leaves out first the lines whose loss was not measured yet", async () => {
    const files = { "prompt.md": "a\nb\nc\n" };
    const missed = past(
      { hypothesis: { what: "" }, changes: { "prompt.md": "a\nc\nx\n" } },
      { "prompt.md": "a\nb\nc\nx\n" },
      1,
      {
        decision: "discard",
        effect: -1,
        t: -3,
      },
    );
    for (const seed of seeds)
      expect((await next(files, [missed], seed)).changes["prompt.md"]).not.toBe("a\nc\n");
  });

  // A busy machine must not fail the test, a search that is quadratic in its history must.
  it("proposes in no time after thousands of experiments", async () => {
    expect(await medianTime(1000)).toBeLessThan(500);
    expect(await medianTime(5000)).toBeLessThan(2500);
  });
});
