import { count, type Notebook, type Part, type Parts, type Row } from "../../src/notebook/model.ts";

/** A plausible session for tests: the same for the same arguments. */
export function sampleNotebook(experiments = 43, seed = 1, over: Partial<Notebook> = {}): Notebook {
  const random = generator(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const minimize = (over.metric?.direction ?? "minimize") === "minimize";
  const sign = minimize ? -1 : 1;
  const sigma = 0.0038;
  let incumbent = 2.3104;
  let best: Notebook["best"] = { value: incumbent, experiment: null };
  const rows: Row[] = [];
  for (let id = 1; id <= experiments; id++) {
    const luck = random();
    const kept = luck < 0.14;
    const broken = luck > 0.93;
    const gain = kept
      ? 0.008 + 0.03 * random() ** 2
      : 0.004 * normal() - 0.03 * random() ** 3 - (luck > 0.9 ? 0.9 : 0);
    const value = broken ? null : incumbent + sign * gain;
    const [what, mechanism] = ideas[(id * 5 + seed) % ideas.length] as [string, string?];
    rows.push({
      id,
      status: broken ? (luck > 0.975 ? "timeout" : "crash") : kept ? "keep" : "discard",
      what,
      ...(mechanism === undefined ? {} : { mechanism, prediction: "val_bpb falls by at least 0.01" }),
      researcher: "search",
      value,
      effect: broken ? null : gain,
      interval: broken ? null : [gain - 0.006, gain + 0.006],
      p: broken ? null : kept ? 0.0084 : 0.4,
      pReal: broken ? null : kept ? 0.97 : 0.12,
      t: broken ? null : gain / 0.003,
      pairs: kept ? 3 : 0,
      runs: broken ? 1 : kept ? 5 : 2,
      valueRuns: null,
      reason: broken
        ? "the run ended with exit code 1: RangeError: Invalid typed array length: -1"
        : kept
          ? `better by ${gain.toFixed(4)} in 3 head-to-head pairs (one-sided p 0.0084)`
          : "not better than the incumbent by 0.8 standard errors after 2 runs",
      commit: broken ? null : (0x9e3779b1 * id).toString(16).padStart(40, "a").slice(-40),
      added: 1 + (id % 3),
      removed: 1,
      diff: `--- a/train.ts\n+++ b/train.ts\n@@ -12,7 +12,7 @@\n const width = 96;\n const depth = 3;\n-const learningRate = 0.001;\n+const learningRate = ${(0.001 * (1 + (id % 5))).toFixed(4)};\n const warmup = 20;\n`,
      peakBytes: 412 * 1024 ** 2,
      wallMs: 24_000 + 400 * id,
      startedAt: 1_790_000_000_000 + id * 100_000,
      provisional: false,
      doubt: null,
      lesson: kept ? "the schedule was the bottleneck" : null,
      logTail: broken
        ? "step 12 loss 5.31\nRangeError: Invalid typed array length: -1\n    at attention (train.ts:88)"
        : null,
      ...(broken ? { failureKind: luck > 0.975 ? "timeout" : "crash" } : {}),
    });
    if (kept && value !== null) {
      incumbent = value;
      best = { value, experiment: id };
    }
  }
  const effect = sign * (best.value - 2.3104) * 0.93;
  return {
    lab: "labs/pretrain",
    goal: "lowest validation bits per byte",
    tag: "nov21",
    branch: "whetstone/nov21",
    base: "3f9d2c41aa05b7e1d2c3b4a5968778695a4b3c2d",
    metric: { name: "val_bpb", direction: "minimize" },
    channel: "scored",
    isolation: {
      level: "L2",
      enforced: ["wall time", "read-only base", "no network", "no view of other processes"],
      watched: ["memory", "disk"],
      notEnforced: ["processor share"],
    },
    grade: {
      letter: "B",
      reasons: ["there is no holdout, so a metric that is learned by heart would not be noticed"],
    },
    grants: [
      {
        grant: "model: anthropic/claude-x for the scorer",
        opens: "key held by Whetstone, 40 calls for one evaluation at most",
      },
    ],
    models: [
      {
        ...{ model: "anthropic/claude-x", asker: "score", calls: 120, tokens: 43_210, dollars: 1.234 },
        limits: { calls: 1000, money: 5 },
      },
    ],
    drivers: { free: 0, boxes: [] },
    started: 1_790_000_000_000,
    ended: 1_790_000_000_000 + experiments * 100_000,
    stopReason: `${experiments} experiments done`,
    process: null,
    preset: "balanced",
    deterministic: false,
    sigma,
    baseline: { values: [2.3071, 2.3142, 2.3103, 2.3121, 2.3083], mean: 2.3104, peakBytes: 412e6 },
    best,
    experiments: rows,
    tally: count(over.experiments ?? rows),
    audit: {
      n: 8,
      baselineMean: 2.3112,
      finalMean: 2.3112 + sign * effect,
      effect,
      interval: [effect - 0.0061, effect + 0.0061],
      relative: effect / 2.3112,
    },
    finalized: null,
    expectedFalseKeeps: 0.6,
    allowance: 0,
    machine: {
      ...{ timed: false, pinned: false, drift: null },
      ...{ others: { mean: 0.02, worst: 0.09 }, steal: { mean: 0, worst: 0 } },
    },
    evaluations: experiments * 3,
    evaluationMs: experiments * 80_000,
    waiting: [],
    paused: false,
    alarm: null,
    ladder: [],
    arms: [],
    epochs: [],
    ...over,
  };
}

const ideas: [string, string?][] = [
  [
    "Raise the peak learning rate from 0.001 to 0.003",
    "the loss still falls steeply at the end of the budget",
  ],
  ["Halve the batch to get twice as many steps", "the run is limited by steps, not by gradient noise"],
  ["Tie the embedding to the output layer", "fewer parameters to learn in the same time"],
  ["Replace GELU by squared ReLU"],
  ["Warm up for 20 steps instead of 100", "a fifth of the budget goes to warm-up"],
  ["Weight decay 0.1 on matrices only"],
  ["RMSNorm before attention and MLP", "cheaper than LayerNorm and as stable"],
  ["Cosine decay to a tenth of the peak"],
  ["Widen the model from 96 to 128"],
  ["Drop the bias terms everywhere"],
  ["Context 64 instead of 128: more sequences per step", "most of the gain of context comes early"],
  ["Adam beta2 from 0.999 to 0.95", "short runs forget the start too slowly"],
  ["Clip gradients at 1.0"],
  ["Initialise the output projection with zeros"],
];

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Its kept changes measured at the end: one carries weight, one is not shown to, one cannot be taken out. */
export function sampleParts(): Parts {
  const estimate = (effect: number) => ({
    effect,
    interval: [effect - 0.006, effect + 0.006] as [number, number],
  });
  const part = (experiment: number, verdict: Part["verdict"], contribution: number | null): Part => ({
    experiment,
    what: `change ${experiment}`,
    kept: estimate(0.02),
    together: [experiment],
    contribution: contribution === null ? null : estimate(contribution),
    verdict,
    reason: verdict === "entangled" ? "with later changes of the same lines" : "",
    group: verdict === "not shown" ? [] : [experiment],
    alone: verdict === "not shown" ? null : estimate(0.017),
    aloneFailure: null,
  });
  return {
    changes: [part(3, "entangled", null), part(9, "not shown", 0.001), part(12, "carries weight", 0.015)],
    lean: { removed: [9], left: [3, 12], againstFinal: estimate(-0.001), againstBaseline: estimate(0.04) },
  };
}
