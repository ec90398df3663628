import type { Contract } from "../../contract/index.ts";
import type { FailureKind } from "../evaluation.ts";
import { cleaned } from "./clean.ts";
import { parsed } from "./json.ts";
import { isUnit, parseQuantity, type Quantity } from "./quantity.ts";
import type { Units } from "./units.ts";

export type Metrics = { metrics: Record<string, number> } | { failure: MetricFailure };

export interface MetricFailure {
  kind: FailureKind;
  message: string;
  /** What the output holds instead and what to write: for those alone who may see the output. */
  details?: string;
}

const name = "[A-Za-z_][\\w./-]{0,63}";
const plainLine = new RegExp(`^\\s*(?:METRIC\\s+)?(${name})\\s*[:=]\\s*(\\S.{0,79}?)\\s*$`);
/** Longer lines are passed over. */
const longest = 65_536;

/** The metrics that the output of a run must have: the one that decides, and every guard. */
export interface Wanted {
  /** Absent where Whetstone measures it itself, or reads it elsewhere. */
  metric?: string;
  guards: readonly string[];
}

/**
 * What every output has to have: all that the contract names and that is neither measured by Whetstone itself nor read
 * from a source of its own. A guard that may be missing could be left out by the runs that break it.
 */
export function wantedOf({ metric, guards }: Pick<Contract, "metric" | "guards">): Wanted {
  return {
    ...(metric.clock || metric.from ? {} : { metric: metric.name }),
    guards: guards.filter(({ clock, from }) => !clock && !from).map(({ name }) => name),
  };
}

/**
 * Reads metrics from output: `name: value`, `METRIC name=value`, JSON lines and indented JSON of the forms
 * `{"name": value}` and `{"metrics": {"name": value}}`, or a bare number where the output is nothing else. A value may have
 * a unit (`1,234.5 ms`, `87.5%`). Everything else is passed over.
 *
 * A metric that is wanted must be there once: two different values for it, or one that is no finite number, are a
 * failure and never a score, since a candidate could print its own line beside the real one. (A source that the contract
 * names, `from`, takes the last occurrence instead.)
 */
export function readMetrics(output: string, wanted: Wanted, units: Units): Metrics {
  const text = cleaned(output);
  const found = new Map<string, Set<number>>();
  const note = (key: string, quantity: Quantity) => {
    const values = found.get(key) ?? new Set<number>();
    found.set(key, values.add(units.number(key, quantity)));
  };
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    if (line.length > longest) continue;
    const block = blockAt(lines, index);
    if (block) index = block.end;
    const value = block ? block.value : parsed(line);
    if (value !== undefined)
      for (const [key, each] of jsonMetrics(value)) note(key, { value: each, unit: "" });
    if (value !== undefined || /^\s*[{[]/.test(line)) continue;
    const [, key, figure] = plainLine.exec(line) ?? [];
    const quantity = key === undefined || figure === undefined ? null : parseQuantity(figure);
    if (key === undefined || !quantity) continue;
    if (isUnit(quantity.unit) || units.isOf(key, quantity.unit)) note(key, quantity);
  }
  const { metric } = wanted;
  const bare = metric !== undefined && !found.has(metric) ? parseQuantity(text) : null;
  if (bare && metric !== undefined && isUnit(bare.unit)) note(metric, bare);
  return settled(found, wanted);
}

function settled(found: ReadonlyMap<string, ReadonlySet<number>>, { metric, guards }: Wanted): Metrics {
  const named = metric === undefined ? guards : [metric, ...guards];
  const metrics: Record<string, number> = {};
  for (const [key, values] of found) {
    const [value] = values;
    if (values.size === 1 && Number.isFinite(value)) metrics[key] = value as number;
    else if (named.includes(key))
      return { failure: ambiguous(key === metric ? "metric" : "guard", key, [...values]) };
  }
  for (const key of named)
    if (!Object.hasOwn(metrics, key))
      return {
        failure:
          key === metric
            ? { kind: "no-metric", message: `the output has no line "${key}: <number>"` }
            : {
                kind: "bad-metric",
                message: `the guard ${key} was not reported as a number, and every run has to report it ("${key}: <number>")`,
              },
      };
  return { metrics };
}

function ambiguous(role: "metric" | "guard", key: string, values: readonly number[]): MetricFailure {
  if (values.length === 1)
    return { kind: "bad-metric", message: `the ${role} ${key} is not a finite number` };
  const pattern = String.raw`^\s*${key.replaceAll(".", "\\.")}\s*[:=]\s*(\S+)`;
  return {
    kind: "bad-metric",
    message: `the ${role} ${key} was reported with ${values.length} different values: ${values.slice(0, 3).join(", ")}`,
    details: `print it once, or take the last one: {name: ${key}, from: {regex: '${pattern}'}}`,
  };
}
/** Lines of one indented JSON value at most, so that no output makes this slow. */
const longestBlock = 20_000;

/** The indented JSON that begins on this line, as jq and most serialisers write it, with its last line. */
function blockAt(lines: readonly string[], start: number): { value: unknown; end: number } | null {
  const opening = lines[start]?.trimEnd();
  if (opening !== "{" && opening !== "[") return null;
  const closing = opening === "{" ? "}" : "]";
  const limit = Math.min(lines.length, start + longestBlock);
  for (let end = start + 1; end < limit; end++) {
    const here = lines[end]?.trimEnd();
    // Within an indented value nothing begins in the first column as the value itself does; that search is the next one's.
    if (here === opening) return null;
    if (here !== closing) continue;
    const value = parsed(lines.slice(start, end + 1).join("\n"));
    return value === undefined ? null : { value, end };
  }
  return null;
}

function* jsonMetrics(value: unknown): Generator<[string, number]> {
  if (Array.isArray(value)) {
    for (const each of value) if (!Array.isArray(each)) yield* jsonMetrics(each);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const inner = (value as { metrics?: unknown }).metrics;
  const from = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : value;
  for (const [key, each] of Object.entries(from)) {
    if (typeof each === "number") yield [key, each];
    // JSON has no NaN: serialisers write null in its place.
    else if (each === null) yield [key, Number.NaN];
  }
}
