import type { Direction } from "../../contract/index.ts";
import {
  type MetricPreset,
  type MetricSource,
  usualFigure,
  usualFigures,
} from "../../metricSources/index.ts";
import { cleaned } from "./clean.ts";
import { jsonNumbers, jsonSource } from "./jsonGuess.ts";
import { readMetrics } from "./lines.ts";
import { type LabelledNumber, numbersOn, patternOf } from "./near.ts";
import { presets } from "./presets/index.ts";
import { choose } from "./source.ts";
import { Units } from "./units.ts";

/** A metric that a run's output or files offer. */
export interface Guess {
  /** A name that fits the contract. */
  name: string;
  /** Null: it is on `name: value` lines or JSON lines of the output, which need no source. */
  source: MetricSource | null;
  value: number;
  direction?: Direction;
  unit?: string;
}

/**
 * What could be the metric of a run, the likeliest first: the figures of known tools in its files and its output, then
 * `name: value` and JSON lines, then other lines with a name and a number.
 *
 * @param files text by path, as a contract names them: `$OUT/bench.json`, `coverage/coverage-summary.json`.
 */
export function guessSource(output: string, files: Readonly<Record<string, string>>): Guess[] {
  const places: [path: string | undefined, text: string][] = [...Object.entries(files), [undefined, output]];
  const tools = places.flatMap(([path, text]) => toolsIn(cleaned(text), path));
  const plain = plainLines(output);
  const below = jsonGuesses(output);
  const taken = new Set([...plain, ...below].map(({ name }) => name));
  const others =
    tools.length + below.length > 0 ? [] : otherLines(output).filter(({ name }) => !taken.has(name));
  return [...tools, ...plain, ...below, ...others];
}

function toolsIn(text: string, path: string | undefined): Guess[] {
  return (Object.keys(usualFigures) as MetricPreset[]).flatMap((preset): Guess[] => {
    const figures = presets[preset](text, path ?? "");
    const usual = usualFigure(preset, undefined);
    const found = choose({ preset }, figures, undefined);
    if ("missing" in found || !Number.isFinite(found.value)) return [];
    return [
      {
        name: usual.figure
          .replaceAll("/", "_per_")
          .replace(/[^\w.-]+/g, "_")
          .replace(/_$/, ""),
        source: { kind: "preset", preset, ...(path === undefined ? {} : { path }) },
        value: found.value,
        direction: usual.direction,
        ...(usual.unit === "" ? {} : { unit: usual.unit }),
      },
    ];
  });
}

const none = new Units({ metric: { name: "", direction: "minimize", minEffect: 0 }, guards: [] });

/** Names on plain and JSON lines. What tells which way is better comes first, and of those what came last. */
function plainLines(output: string): Guess[] {
  const read = readMetrics(output, { guards: [] }, none);
  const metrics = "metrics" in read ? Object.entries(read.metrics).reverse() : [];
  return metrics
    .map(([name, value]): Guess => ({ name, source: null, value, ...directed(name) }))
    .sort((a, b) => Number(a.direction === undefined) - Number(b.direction === undefined));
}

/** Numbers deep in the JSON of the output, in their order; of one name the first. */
function jsonGuesses(output: string): Guess[] {
  const found = new Map<string, Guess>();
  for (const each of jsonNumbers(cleaned(output))) {
    const source = jsonSource(each);
    if (source === null || found.has(each.name)) continue;
    found.set(each.name, { name: each.name, source, value: each.value, ...directed(each.name) });
  }
  return [...found.values()].slice(0, few);
}

/** At most so many guesses from lines of no known form. */
const few = 8;

/** Lines such as `Val loss = 0.53 (best)`, of which the name tells which way is better. */
function otherLines(output: string): Guess[] {
  const lines = cleaned(output).split("\n").slice(-1000);
  const found = new Map<string, LabelledNumber>();
  for (const each of lines.flatMap(numbersOn)) {
    const name = each.label
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "_")
      .replace(/^_+|_+$/g, "")
      .slice(0, 64);
    if (!/^[a-z_]/.test(name) || directed(name).direction === undefined) continue;
    found.delete(name);
    found.set(name, each);
  }
  const last = [...found].reverse().slice(0, few);
  return last.flatMap(([name, each]): Guess[] => {
    const pattern = patternOf(each);
    if (pattern === null) return [];
    const unit = each.unit === "" ? {} : { unit: each.unit };
    return [{ name, source: { kind: "regex", pattern }, value: each.value, ...directed(name), ...unit }];
  });
}

const smaller =
  /loss|error|\berr\b|(^|[_./-])(mse|mae|rmse|bpb|bpc|ppl|wer|cer|time|ms|sec|seconds|elapsed|latency|duration|size|bytes|memory|cost|misses|regret|distance)([_./-]|$)|perplexity|bits/i;
const larger =
  /acc(uracy)?([_./-]|$)|score|reward|(^|[_./-])(f1|auc|bleu|rouge|r2|iou|map|ops|hz|rps|qps|throughput|speedup|coverage|precision|recall|passed|fitness|elo)([_./-]|$)|per_sec|per_second/i;

/** Which way the name says that the metric is better; nothing where it does not. */
function directed(name: string): { direction?: Direction } {
  if (larger.test(name)) return { direction: "maximize" };
  return smaller.test(name) ? { direction: "minimize" } : {};
}
