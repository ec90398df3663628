import type { Clock, Contract } from "../contract/index.ts";
import type { FailureKind } from "./evaluation.ts";

export type Metrics =
  | { metrics: Record<string, number> }
  | { failure: { kind: FailureKind; message: string } };

const name = "[A-Za-z_][\\w./-]{0,63}";
const plainLine = new RegExp(`^\\s*(?:METRIC\\s+)?(${name})\\s*[:=]\\s*(\\S{1,64})\\s*$`);
const wordsOfInfinity = /^[+-]?(nan|inf(inity)?)$/i;
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The metrics that a run must report: the one that decides, and every guard. */
export interface Wanted {
  /** Absent where Whetstone measures it itself. */
  metric?: string;
  guards: readonly string[];
}

/**
 * What every run has to report: all that the contract names and Whetstone does not measure itself. A guard that may be
 * missing could be left out by the runs that break it.
 */
export function wantedOf({ metric, guards }: Pick<Contract, "metric" | "guards">): Wanted {
  return {
    ...(metric.clock ? {} : { metric: metric.name }),
    guards: guards.filter(({ clock }) => !clock).map(({ name }) => name),
  };
}

/**
 * Reads metrics from output: `name: value`, `METRIC name=value`, or JSON lines `{"name": value}` /
 * `{"metrics": {"name": value}}`. Everything else is passed over.
 *
 * A metric that is wanted must be there once: two different values for it, or one that is no finite number, are a
 * failure and never a score, since a candidate could print its own line beside the real one.
 */
export function readMetrics(output: string, { metric, guards }: Wanted): Metrics {
  const named = metric === undefined ? guards : [metric, ...guards];
  const role = (key: string) => (key === metric ? "metric" : "guard");
  const found = new Map<string, Set<number>>();
  const note = (key: string, value: number) => {
    const values = found.get(key) ?? new Set<number>();
    found.set(key, values.add(value));
  };
  for (const line of output.split(/\r\n|\n|\r/)) {
    if (line.length > 65_536) continue;
    const trimmed = line.trim();
    if (trimmed.startsWith("{")) {
      for (const [key, value] of jsonMetrics(trimmed)) note(key, value);
      continue;
    }
    const match = plainLine.exec(line);
    if (!match?.[1] || !match[2]) continue;
    if (decimal.test(match[2])) note(match[1], Number(match[2]));
    else if (wordsOfInfinity.test(match[2])) note(match[1], Number.NaN);
  }
  const metrics: Record<string, number> = {};
  for (const [key, values] of found) {
    const [value] = values;
    if (values.size === 1 && Number.isFinite(value)) metrics[key] = value as number;
    else if (named.includes(key))
      return {
        failure: {
          kind: "bad-metric",
          message:
            values.size > 1
              ? `the ${role(key)} ${key} was reported with ${values.size} different values: ${[...values].slice(0, 3).join(", ")}`
              : `the ${role(key)} ${key} is not a finite number`,
        },
      };
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

function* jsonMetrics(line: string): Generator<[string, number]> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const inner = (value as { metrics?: unknown }).metrics;
  const from = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : value;
  for (const [key, each] of Object.entries(from)) {
    if (typeof each === "number") yield [key, each];
    // JSON has no NaN: serialisers write null in its place.
    else if (each === null) yield [key, Number.NaN];
  }
}

/**
 * The value of a clocked metric: seconds for wall and CPU time, bytes for memory and size. Null where it could not be
 * measured.
 */
export function clockValue(
  clock: Clock,
  run: { wallMs: number; cpuMs: number; peakBytes: number; gpuPeakBytes: number | null },
  sizeOf: (path: string) => number | null,
): number | null {
  switch (clock.kind) {
    case "wall":
      return run.wallMs / 1000;
    case "cpu":
      return run.cpuMs / 1000;
    case "memory":
      return run.peakBytes;
    case "gpu-memory":
      return run.gpuPeakBytes;
    case "size":
      return sizeOf(clock.path);
  }
}
