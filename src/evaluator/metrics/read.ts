import type { Contract } from "../../contract/index.ts";
import { type MetricSource, sourceWords } from "../../metricSources/index.ts";
import { readLeft, type Texts } from "./files.ts";
import { type MetricFailure, type Metrics, readMetrics, wantedOf } from "./lines.ts";
import { nearestWords } from "./near.ts";
import { filesOf } from "./presets/index.ts";
import { readSource } from "./source.ts";
import type { Units } from "./units.ts";

type Measured = Pick<Contract, "metric" | "guards">;

/** What a run left in the files that the contract's sources name. */
export type Gathered = ReadonlyMap<MetricSource, Texts>;

/** Where a path of the contract lies on the host, and the folder that it may not lead out of. */
export type Locate = (path: string) => { root: string; path: string };

/** Reads the files of all sources: after the run, and before anything else could change them. */
export async function gather({ metric, guards }: Measured, locate: Locate): Promise<Gathered> {
  const texts = new Map<MetricSource, Texts>();
  for (const { from } of [metric, ...guards]) {
    if (from?.path === undefined) continue;
    const { root, path } = locate(from.path);
    texts.set(from, await readLeft(root, path, from.kind === "preset" ? filesOf[from.preset] : undefined));
  }
  return texts;
}

/**
 * All metrics of a run: those of the contract's sources, and those on lines of the output.
 *
 * @param output whose words the failure's `details` hold: the scorer's are not for whoever proposes.
 * @param of how a message names the output.
 */
export function readAll(
  output: string,
  contract: Measured,
  files: Gathered,
  units: Units,
  of: "the output" | "the scorer's output",
): Metrics {
  const read = readMetrics(output, wantedOf(contract), units);
  if ("failure" in read) return { failure: withNearest(read.failure, output, contract) };
  const metrics = { ...read.metrics };
  for (const each of [contract.metric, ...contract.guards]) {
    if (!each.from) continue;
    const role = each === contract.metric ? "metric" : "guard";
    const texts = each.from.path === undefined ? [{ name: "", text: output }] : files.get(each.from);
    const found =
      texts === undefined
        ? { missing: "nothing was read" }
        : "missing" in texts
          ? texts
          : readSource(each.from, texts, each.direction);
    const words = sourceWords(each.from, of, each.direction);
    if ("missing" in found)
      return {
        failure: {
          kind: role === "metric" ? "no-metric" : "bad-metric",
          message: `the ${role} ${each.name} was not found: ${words}`,
          details: explained(found.missing, each.from.path === undefined ? output : "", each.name),
        },
      };
    const value = units.number(each.name, found);
    if (!Number.isFinite(value))
      return {
        failure: { kind: "bad-metric", message: `the ${role} ${each.name} is not a finite number: ${words}` },
      };
    metrics[each.name] = value;
  }
  return { metrics };
}

function withNearest(failure: MetricFailure, output: string, { metric }: Measured): MetricFailure {
  if (failure.kind !== "no-metric") return failure;
  const details = nearestWords(output, metric.name);
  return details === "" ? failure : { ...failure, details };
}

function explained(missing: string, output: string, name: string): string {
  const nearest = nearestWords(output, name);
  return nearest === "" ? missing : `${missing}; ${nearest}`;
}
