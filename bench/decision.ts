/**
 * The decision rule in simulation, beside the naive rule that commits whatever beats the best value seen so far.
 *
 *     node bench/decision.ts [--json]
 *
 * Sessions have 700 runs, baseline included. A candidate's true effect is drawn from a mixture, in units of the mean
 * real gain, and adds to the state when it is kept:
 *
 *      3 %    real gains: gamma distributed, shape 4, mean 1
 *     12 %    tiny gains: exponential, mean 0.2
 *     42.5 %  no change at all
 *     42.5 %  harm: exponential, mean 1
 *
 * Sigma is the standard deviation of one run in the same unit. Drift is a random walk of the level of everything, one
 * step before each run. A keep is false when its true effect is not above 0. The shares are the ones that the rule was
 * tuned for; the sizes were not written down with it and are chosen such that at sigma 1 gain and claim come near the
 * figures that were (5.8 and 12.1). The table of other mixtures shows how far the comparison hangs on that choice.
 *
 * Seeded: two runs print the same. Ends with status 1 when a figure is outside its bounds.
 */
import { presets, simulate } from "../src/decision/index.ts";
import { compare } from "./decision/compare.ts";
import { coverage } from "./decision/coverage.ts";
import { realistic, variants } from "./decision/mixture.ts";
import { naiveNoOps, noOps } from "./decision/noOps.ts";

interface Figure {
  what: string;
  value: number;
  low: number;
  high: number;
}

type Table = Record<string, string | number>[];

const rule = presets.balanced;
const sessions = 1000;
const figures: Figure[] = [];
const tables: Record<string, Table> = {};

/** Notes a figure with the bounds that it must lie in, and returns it. */
function hold(what: string, value: number, low: number, high = Number.POSITIVE_INFINITY): number {
  figures.push({ what, value, low, high });
  return value;
}

const began = process.hrtime.bigint();

tables["one candidate, judged right after the baseline (sigma 1)"] = (
  [
    [-0.5, 0.006, 1.45],
    [0, 0.037, 2.33],
    [0.5, 0.156, 3.82],
    [1, 0.393, 5.14],
    [2, 0.831, 5.13],
    [3, 0.971, 4.37],
  ] as const
).map(([effect, kept, runs]) => {
  const measured = simulate(rule, effect, 20_000, 11);
  hold(`P(keep) at effect ${effect}`, measured.kept, kept - 0.035, kept + 0.035);
  hold(`runs at effect ${effect}`, measured.runs, runs - 0.3, runs + 0.3);
  return {
    effect,
    "P(keep)": round(measured.kept, 3),
    expected: kept,
    runs: round(measured.runs),
    "expected runs": runs,
  };
});

const shares = seeds(100).map((seed) => noOps(rule, 1000, 0, seed).keeps / 1000);
const tens = seeds(10).map((group) => mean(shares.slice(10 * group - 10, 10 * group)));
const found = mean(seeds(4000).map((seed) => Number(noOps(rule, 100, 2, seed).found)));
const foundNaively = mean(seeds(4000).map((seed) => Number(naiveNoOps(100, 2, seed))));
hold("no-ops kept, least mean of ten sessions", Math.min(...tens), 0.004, 0.012);
hold("no-ops kept, greatest mean of ten sessions", Math.max(...tens), 0.004, 0.012);
hold("no-ops kept, worst of a hundred sessions", Math.max(...shares), 0, 0.025);
hold("power for 2 sigma after 100 no-ops", found, 0.65);
tables["candidates that change nothing"] = [
  { what: "kept of 1,000, mean of 100 sessions", ours: percent(mean(shares), 2), naive: "" },
  { what: "kept of 1,000, worst session", ours: percent(Math.max(...shares), 2), naive: "" },
  { what: "after 100 of them, P(keep) at 2 sigma", ours: round(found), naive: round(foundNaively) },
];

const worlds = [
  { sigma: 0, drift: 0, leastRatio: 0.95, mostFalse: 0, naiveFalse: 0 },
  { sigma: 0.3, drift: 0, leastRatio: 0.6, mostFalse: 0.12, naiveFalse: 0 },
  { sigma: 1, drift: 0, leastRatio: 1.3, mostFalse: 0.35, naiveFalse: 0.5 },
  { sigma: 1, drift: 0.15, leastRatio: 1.5, mostFalse: 1, naiveFalse: 0 },
];
tables[`sessions of 700 runs, mean of ${sessions}`] = worlds.flatMap(
  ({ sigma, drift, leastRatio, mostFalse, naiveFalse }) => {
    const { ours, naive } = compare(rule, { mixture: realistic, sigma, drift, runs: 700 }, sessions);
    const world = `at sigma ${sigma}${drift > 0 ? `, drift ${drift}` : ""}`;
    hold(`gain over the naive rule's ${world}`, ours.gain / naive.gain, leastRatio);
    hold(`false share of keeps ${world}`, ours.falseShare, 0, mostFalse);
    hold(`naive rule's false share of keeps ${world}`, naive.falseShare, naiveFalse, 1);
    return [["naive", naive] as const, ["screen, then race", ours] as const].map(([name, result]) => ({
      sigma,
      drift,
      rule: name,
      candidates: Math.round(result.candidates),
      keeps: round(result.keeps, 1),
      "false keeps": percent(result.falseShare),
      claimed: round(result.claimed),
      "true gain": round(result.gain),
      ratio: name === "naive" ? "" : round(result.gain / naive.gain),
    }));
  },
);

const others = worlds.filter(({ sigma }) => sigma > 0);
tables["other mixtures: true gain over the naive rule's, and false keeps (nothing is promised here)"] =
  Object.entries(variants).map(([name, mixture]) => {
    const row: Record<string, string | number> = { mixture: name };
    for (const { sigma, drift } of others) {
      const { ours, naive } = compare(rule, { mixture, sigma, drift, runs: 700 }, sessions / 5);
      row[`sigma ${sigma}${drift > 0 ? `, drift ${drift}` : ""}`] =
        `${(ours.gain / naive.gain).toFixed(2)}  ${percent(ours.falseShare)}`;
    }
    return row;
  });

tables["presets at sigma 1, and false keeps for each lost race (c0)"] = Object.entries(presets).map(
  ([name, preset]) => {
    const world = { mixture: realistic, sigma: 1, drift: 0, runs: 700 };
    const { ours } = compare(preset, world, sessions / 5);
    return {
      preset: name,
      candidates: Math.round(ours.candidates),
      keeps: round(ours.keeps, 1),
      "false keeps": percent(ours.falseShare),
      claimed: round(ours.claimed),
      "true gain": round(ours.gain),
      c0: round(ours.c0, 3),
    };
  },
);

tables["audits of 8 pairs: how often the 95 % interval covers the truth"] = [
  { noise: "Gaussian", drift: { size: 0, steady: false } },
  { noise: "and a random walk of 0.5 a run", drift: { size: 0.5, steady: false } },
  { noise: "and a steady drift of 0.5 a run", drift: { size: 0.5, steady: true } },
].map(({ noise, drift }) => {
  const covered = coverage(8, 20_000, drift, 5);
  hold(`audit coverage, ${noise}`, covered, 0.93, 0.97);
  return { noise, covered: percent(covered, 1) };
});

const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const missed = figures.filter(({ value, low, high }) => !(value >= low && value <= high));

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ tables, figures, missed: missed.map(({ what }) => what), seconds }, null, 2));
} else {
  for (const [title, table] of Object.entries(tables)) console.log(`${title}\n\n${lines(table)}\n`);
  console.log(
    `${figures.length - missed.length} of ${figures.length} figures within their bounds, ${seconds.toFixed(0)} s`,
  );
  for (const { what, value, low, high } of missed)
    console.log(
      `  missed: ${what}: ${round(value, 4)}, bounds ${round(low, 4)} to ${Number.isFinite(high) ? round(high, 4) : "any"}`,
    );
}
if (missed.length > 0) process.exitCode = 1;

function lines(table: Table): string {
  const names = Object.keys(table[0] ?? {});
  const cells = [names, ...table.map((row) => names.map((name) => String(row[name] ?? "")))];
  const widths = names.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const numeric = names.map((name) => table.some((row) => typeof row[name] === "number"));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("   ")
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join("\n");
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}
